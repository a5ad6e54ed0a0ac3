// Core: drafts a contract from what a dataset's columns look like: kinds, ranges, vocabularies, and which columns should not be
// features at all, with the reason. A draft is a proposal to be read: wherever it guesses it leaves a note. It never relaxes
// a rule the data does not force it to relax.
import { stringify } from "yaml";
import { nearestWord } from "./nearest.ts";

/** What was seen of a column over all rows. */
export type ColumnProfile = {
  readonly name: string;
  readonly rows: number;
  /** How often each spelling of "missing" occurred, by its text. */
  readonly missing: Readonly<Record<string, number>>;
  /** Of the other cells: how many read as numbers, as whole numbers, as times. */
  readonly numbers: number;
  readonly integers: number;
  readonly times: number;
  readonly min: number;
  readonly max: number;
  /** Distinct values seen before counting stopped, most frequent first, and whether there were more. */
  readonly values: readonly string[];
  readonly distinct: number;
  readonly more: boolean;
  /** How well the column alone ranks or splits the label (0.5 nothing, 1 all); null where it could not be said. */
  readonly labelAuc: number | null;
  /** The same of nothing but whether the cell is given; null where every row has one, or it could not be said. */
  readonly presenceAuc: number | null;
};

export type ContractDraft = { readonly yaml: string; readonly notes: readonly string[] };

const LEAK_AUC = 0.98;
const IDENTIFIER_SHARE = 0.9;
const ROWS_TO_TELL = 100;
const ORDINAL_VALUES_MAX = 32;
const VOCABULARY_LISTED_MAX = 30;
const VOCABULARY_MAX = 240;

/** Drafts a contract for predicting `label`; names the columns it would forbid and says why. */
export const draftContract = (input: {
  name: string;
  label: string;
  delimiter: string;
  columns: readonly ColumnProfile[];
}): ContractDraft => {
  if (input.columns.length === 0) throw new RangeError("no rows to draft from: expected a header and some");
  const notes: string[] = [];
  const label = input.columns.find((column) => column.name === input.label);
  if (label === undefined) {
    const meant = nearestWord(
      input.label,
      input.columns.map(({ name }) => name),
    );
    throw new RangeError(
      `no column is called ${input.label}${meant === null ? "" : `; did you mean ${meant}?`}`,
    );
  }
  const nulls = nullSpellings(input.columns, notes);
  const others = input.columns.filter((column) => column !== label);
  const time = others.find((c) => c.times > 0 && c.times === present(c));
  if (time !== undefined) notes.push(`${time.name}: all values are times; taken as event_time (UTC)`);

  const forbidden: string[] = [];
  const features: Record<string, unknown> = {};
  for (const column of others) {
    if (column === time) continue;
    const reason = whyForbidden(column, label.name);
    if (reason === null) features[column.name] = featureOf(column, notes);
    else {
      forbidden.push(column.name);
      notes.push(`${column.name}: forbidden, ${reason}`);
    }
  }
  const draft = {
    name: input.name,
    version: "1.0.0",
    source: { delimiter: input.delimiter, null_values: nulls },
    label: { name: label.name, ...labelValues(label, notes) },
    event_time: time?.name ?? null,
    entity: null,
    features,
    forbidden,
    missing: "reject",
    label_maturity: { horizon: "24h", min_coverage: 0.3 },
    evaluation: { threshold: "max_f1" },
  };
  notes.push("label_maturity: 24h and 0.30 are defaults; set how long labels really take");
  return { yaml: stringify(draft, { flowCollectionPadding: true }), notes };
};

const present = (column: ColumnProfile): number =>
  column.rows - Object.values(column.missing).reduce((sum, count) => sum + count, 0);

const nullSpellings = (columns: readonly ColumnProfile[], notes: string[]): string[] => {
  const spellings = new Set([""]);
  for (const column of columns)
    for (const spelling of Object.keys(column.missing)) {
      if (!spellings.has(spelling))
        notes.push(`"${spelling}" is read as missing (first seen in ${column.name})`);
      spellings.add(spelling);
    }
  return [...spellings];
};

/** Why a column should not be a feature, or null. */
const whyForbidden = (column: ColumnProfile, label: string): string | null => {
  const filled = present(column);
  if (filled === 0) return "it is always missing";
  if (column.name === "") return "it has no name";
  if (column.distinct <= 1 && !column.more) return "it has one value only";
  if (column.times === filled) return "it is a time: derive hours, weekdays or ages from it instead";
  if (filled >= ROWS_TO_TELL && column.labelAuc !== null && column.labelAuc >= LEAK_AUC)
    return `it alone tells ${label} almost perfectly (AUC ${column.labelAuc.toFixed(3)}): it leaks the answer`;
  if (column.rows >= ROWS_TO_TELL && column.presenceAuc !== null && column.presenceAuc >= LEAK_AUC)
    return `whether it is given tells ${label} almost perfectly (AUC ${column.presenceAuc.toFixed(3)}): it leaks the answer`;
  const nearlyUnique =
    filled >= ROWS_TO_TELL && (column.more || column.distinct >= IDENTIFIER_SHARE * filled);
  const whole = column.integers === filled;
  const text = column.numbers < filled;
  if (nearlyUnique && text && column.distinct >= IDENTIFIER_SHARE * filled)
    return "nearly every row has its own value: an identifier";
  if (nearlyUnique && whole && column.distinct >= filled)
    return "every row has its own whole number: an identifier";
  return null;
};

const featureOf = (column: ColumnProfile, notes: string[]): Record<string, unknown> => {
  const gaps = present(column) < column.rows ? { missing: "allow" } : {};
  if (gaps.missing !== undefined)
    notes.push(`${column.name}: has missing values; they get a code of their own`);
  if (column.numbers < present(column)) {
    const mixed = column.numbers > 0 && column.numbers >= 0.9 * present(column);
    if (mixed)
      notes.push(`${column.name}: mostly numbers but some text; clean the source or keep it nominal`);
    const listed = !column.more && column.distinct <= VOCABULARY_LISTED_MAX;
    if (listed) return { kind: "nominal", values: [...column.values].sort(), ...gaps };
    const wide = column.more || column.distinct > VOCABULARY_MAX;
    if (wide) notes.push(`${column.name}: over ${VOCABULARY_MAX} values; the rarer ones share one code`);
    return { kind: "nominal", values: "frozen", unseen: "other", ...gaps };
  }
  const whole = column.integers === present(column);
  if (whole && !column.more && column.distinct <= ORDINAL_VALUES_MAX) {
    const values = column.values.map(Number).sort((a, b) => a - b);
    if (values.length > 2)
      notes.push(
        `${column.name}: only the ${values.length} whole numbers seen are allowed; add what is possible, or make a count continuous`,
      );
    return { kind: "ordinal", values: [...new Set(values)], ...gaps };
  }
  notes.push(
    `${column.name}: the range ${column.min} to ${column.max} is what was seen; widen it to what is possible`,
  );
  return {
    kind: "continuous",
    min: column.min,
    max: column.max,
    ...(whole ? { integer: true } : {}),
    ...gaps,
  };
};

/** The rarer of two values is taken as positive, which is what is usually predicted. */
const labelValues = (
  label: ColumnProfile,
  notes: string[],
): { positive: string | number; negative: string | number } => {
  const [common, rare] = label.values;
  if (common === undefined || rare === undefined || label.distinct !== 2 || label.more)
    throw new RangeError(
      `${label.name}: a label needs exactly two values, this column has ${label.distinct}`,
    );
  const literal = (text: string): string | number => (label.numbers === present(label) ? Number(text) : text);
  const natural = literal(common) === 1 && literal(rare) === 0;
  const [positive, negative] = natural ? [common, rare] : [rare, common];
  notes.push(`${label.name}: ${positive} is taken as positive; turn it round if you predict the other`);
  return { positive: literal(positive), negative: literal(negative) };
};
