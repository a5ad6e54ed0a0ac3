// Plumbing: judges cells by the contract and packs good rows as ClickHouse RowBinary, in the contract's order whatever the
// source's. One writer a column, compiled once. Once anything was wrong nothing more is packed, but everything is still judged.
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { collectFindings, type Finding, type ValueClass } from "../core/findings.ts";
import { numberInText, timeInText, YEAR_MAX, YEAR_MIN } from "../core/text-cells.ts";
import { expected, numberRule, textRule } from "../core/value-rules.ts";
import { frozenColumns, type FrozenColumn, type RowsSeen } from "./dataset-rows.ts";
import { createRowBinary, type RowBinary } from "./row-binary.ts";
import { createWordTable } from "./word-table.ts";

/** Takes one cell, in whichever form the source has it. */
export type CellWriter = {
  readonly column: FrozenColumn;
  /** Text as it lies in a file: numbers are parsed, null values of the contract are gaps. */
  bytes(bytes: Buffer, start: number, end: number): void;
  number(value: number): void;
  text(value: string): void;
  /** Microseconds since 1970, UTC. */
  micros(value: number): void;
  gap(kind: ValueClass): void;
  /** A value of a kind no column takes. */
  wrong(kind: ValueClass): void;
};

/** Rows of a dataset being read: `labels: "optional"` takes rows whose label is not known yet. */
export type RowPacker = ReturnType<typeof createRowPacker>;

const VOCABULARY_MAX = 240;
/** Accepted words a column remembers by their bytes; of identifiers, which never come again, remembering more would be in vain. */
const REMEMBERED_MAX = 4096;

/** Creates the packer of a contract's rows. */
export const createRowPacker = (contract: FeatureContract, labels: "required" | "optional") => {
  const findings = collectFindings();
  const out = createRowBinary();
  const seen = {
    rows: 0,
    positives: 0,
    labelled: 0,
    sorted: true,
    minMicros: Infinity,
    maxMicros: -Infinity,
  };
  let row = 0;

  const report = (column: string, kind: ValueClass, rule: string, message: string): void => {
    findings.add({ row, column, class: kind, rule }, message);
  };
  const onLabel = (label: 0 | 1): void => {
    seen.labelled++;
    seen.positives += label;
  };
  const onTime = (micros: number): void => {
    if (micros < seen.maxMicros) seen.sorted = false;
    else seen.maxMicros = micros;
    if (micros < seen.minMicros) seen.minMicros = micros;
  };
  const context = { contract, out, report, onLabel, onTime };

  return {
    cells: frozenColumns(contract, labels).map((column) => compileWriter(column, context)),
    /** Starts data row `number` (from 1). */
    begin: (number: number): void => {
      row = number;
      if (findings.total === 0) out.putInt64(number);
    },
    end: (): void => {
      seen.rows++;
    },
    /** Ends the source: one without rows is no dataset. */
    close: (): void => {
      if (seen.rows > 0) return;
      findings.add({ row: null, column: "", class: "absent", rule: "empty" }, "expected at least one row");
    },
    /** Reports what is wrong beyond a single cell: the header, a ragged row, the file. */
    report: (finding: Finding, message: string): void => findings.add(finding, message),
    get failed(): boolean {
      return findings.total > 0;
    },
    get packedBytes(): number {
      return out.size();
    },
    /** Lends the rows packed so far until `use` returns, and goes on without them. */
    empty: <T>(use: (rows: Buffer) => T): T => out.empty(use),
    seen: (): RowsSeen => seen,
    findings: findings.result,
  };
};

type Context = {
  contract: FeatureContract;
  out: RowBinary;
  report(column: string, kind: ValueClass, rule: string, message: string): void;
  onLabel(label: 0 | 1): void;
  onTime(micros: number): void;
};

const compileWriter = (column: FrozenColumn, context: Context): CellWriter => {
  const { contract } = context;
  switch (column.role) {
    case "feature": {
      const spec = contract.features[column.name];
      if (spec === undefined) throw new TypeError(`${column.name} is no feature`);
      return spec.kind === "nominal"
        ? textWriter(column, spec, context)
        : numberWriter(column, spec, context);
    }
    case "label":
      return labelWriter(column, context);
    case "event_time":
      return timeWriter(column, context);
    case "entity":
      return textWriter(column, null, context);
  }
};

/** What every writer shares: gaps, null values, and complaints that name the column's expectation. */
const basics = (column: FrozenColumn, wanted: string, { contract, out, report }: Context) => {
  const nulls = contract.source.null_values.map((value) => Buffer.from(value, "utf8"));
  const longest = Math.max(-1, ...nulls.map((value) => value.length));
  const message = `expected ${wanted}`;
  return {
    isNull: (bytes: Buffer, start: number, end: number): boolean =>
      end - start <= longest &&
      nulls.some((value) => value.length === end - start && value.compare(bytes, start, end) === 0),
    isNullText: (text: string): boolean => contract.source.null_values.includes(text),
    complain: (kind: ValueClass, rule: string): void => report(column.name, kind, rule, message),
    gap: (kind: ValueClass): void => {
      if (column.nullable) out.putNull();
      else report(column.name, kind, "missing", `${message}; a value is required`);
    },
  };
};

const numberWriter = (column: FrozenColumn, spec: FeatureSpec, context: Context): CellWriter => {
  const { out } = context;
  const { isNull, isNullText, complain, gap } = basics(column, expected(spec), context);
  const ruleOf = numberRule(spec);
  /** Where any number of a range will do, most cells are judged by this alone. */
  const { min, max } =
    spec.kind === "continuous" && spec.integer !== true ? spec : { min: Infinity, max: -Infinity };
  const keep = (value: number): void => {
    if (column.nullable) out.putByte(0);
    out.putFloat64(value);
  };
  const put = (value: number): void => {
    const rule = ruleOf(value);
    if (rule === null) keep(value);
    else complain(classOfNumber(value), rule);
  };
  return {
    column,
    bytes: (bytes, start, end) => {
      if (isNull(bytes, start, end)) return gap("empty");
      const value = numberInText(bytes, start, end);
      if (value >= min && value <= max) return keep(value);
      if (!Number.isNaN(value)) return put(value);
      const kind = classOfText(bytes.toString("latin1", start, end));
      complain(kind, kind === "nan" || kind === "infinite" ? "not_finite" : "type");
    },
    number: put,
    // A number in quotes is text: somewhere upstream a type was lost, and guessing it back hides that.
    text: (value) => (isNullText(value) ? gap("empty") : complain(classOfText(value), "type")),
    micros: () => complain("time", "type"),
    gap,
    wrong: (kind) => complain(kind, "type"),
  };
};

const textWriter = (column: FrozenColumn, spec: FeatureSpec | null, context: Context): CellWriter => {
  const { out } = context;
  const wanted = spec === null ? "an identifier" : expected(spec);
  const { isNull, isNullText, complain, gap } = basics(column, wanted, context);
  const listed = spec?.kind === "nominal" && spec.values !== "frozen" ? new Set(spec.values) : null;
  const ruleOf = spec === null ? () => null : textRule(spec, listed);
  // A vocabulary that admits nothing unseen must fit its codes; a set this small finds out without keeping the column.
  const vocabulary =
    spec?.kind === "nominal" && listed === null && spec.unseen === "reject" ? new Set<string>() : null;
  const judge = (value: string): "type" | "unseen" | "too_many_values" | null => {
    if (vocabulary !== null && vocabulary.size <= VOCABULARY_MAX) {
      vocabulary.add(value);
      if (vocabulary.size > VOCABULARY_MAX) return "too_many_values";
    }
    return ruleOf(value);
  };
  const put = (value: string): boolean => {
    const rule = judge(value);
    if (rule !== null) {
      complain(classOfText(value), rule);
      return false;
    }
    if (column.nullable) out.putByte(0);
    out.putText(value);
    return true;
  };
  const accepted = createWordTable();
  return {
    column,
    bytes: (bytes, start, end) => {
      if (accepted.find(bytes, start, end) >= 0) {
        if (column.nullable) out.putByte(0);
        return out.putBytes(bytes, start, end);
      }
      if (isNull(bytes, start, end)) return gap("empty");
      const value = bytes.toString("utf8", start, end);
      if (value.includes("\uFFFD") && !bytes.subarray(start, end).equals(Buffer.from(value, "utf8")))
        return complain("bytes", "utf8");
      if (put(value) && accepted.size < REMEMBERED_MAX) accepted.add(bytes, start, end);
    },
    number: (value) => void (spec === null ? put(String(value)) : complain(classOfNumber(value), "type")),
    text: (value) => void (isNullText(value) ? gap("empty") : put(value)),
    micros: () => complain("time", "type"),
    gap,
    wrong: (kind) => complain(kind, "type"),
  };
};

const labelWriter = (column: FrozenColumn, context: Context): CellWriter => {
  const { out, onLabel } = context;
  const { positive, negative } = context.contract.label;
  const { isNull, isNullText, complain, gap } = basics(column, `${positive} or ${negative}`, context);
  const put = (matches: (literal: string | number) => boolean, kind: ValueClass): void => {
    const label = matches(positive) ? 1 : matches(negative) ? 0 : null;
    if (label === null) return complain(kind, "label");
    onLabel(label);
    if (column.nullable) out.putByte(0);
    out.putByte(label);
  };
  return {
    column,
    bytes: (bytes, start, end) => {
      if (isNull(bytes, start, end)) return gap("empty");
      const text = bytes.toString("utf8", start, end);
      const value = numberInText(bytes, start, end);
      // In a file all is text: a numeric label may be written 1 or 1.0, a text label only as it is.
      put(
        (literal) => (typeof literal === "number" ? literal === value : literal === text),
        classOfText(text),
      );
    },
    number: (value) => put((literal) => literal === value, classOfNumber(value)),
    text: (value) =>
      isNullText(value) ? gap("empty") : put((literal) => literal === value, classOfText(value)),
    micros: () => complain("time", "label"),
    gap,
    wrong: (kind) => complain(kind, "label"),
  };
};

const timeWriter = (column: FrozenColumn, context: Context): CellWriter => {
  const { out, onTime } = context;
  const wanted = "a UTC time like 2001-01-31 23:59:00 or 2001-01-31T23:59:00Z";
  const { isNull, isNullText, complain, gap } = basics(column, wanted, context);
  const [earliest, latest] = [Date.UTC(YEAR_MIN, 0) * 1000, Date.UTC(YEAR_MAX + 1, 0) * 1000];
  const put = (micros: number): void => {
    if (!(micros >= earliest && micros < latest)) return complain("time", "time");
    onTime(micros);
    out.putInt64(micros);
  };
  const read = (text: string): void => {
    const micros = timeInText(text);
    if (micros === null) complain(classOfText(text), "time");
    else put(micros);
  };
  return {
    column,
    bytes: (bytes, start, end) =>
      isNull(bytes, start, end) ? gap("empty") : read(bytes.toString("latin1", start, end)),
    number: (value) => complain(classOfNumber(value), "time"),
    text: (value) => (isNullText(value) ? gap("empty") : read(value)),
    micros: put,
    gap,
    wrong: (kind) => complain(kind, "time"),
  };
};

const classOfNumber = (value: number): ValueClass =>
  Number.isNaN(value) ? "nan" : Number.isFinite(value) ? "number" : "infinite";

const classOfText = (text: string): ValueClass => {
  if (text === "") return "empty";
  if (/^[+-]?nan$/i.test(text)) return "nan";
  if (/^[+-]?inf(inity)?$/i.test(text)) return "infinite";
  return text.trim() !== "" && Number.isFinite(Number(text)) ? "number" : "text";
};
