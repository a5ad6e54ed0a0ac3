// Bench `streams`: known streams under watch. Where the concept changes and the inputs do not, inputs must stay silent and the
// performance monitor must fire. Whether inputs change is tested here, segment against segment, and not taken from a file: a generator
// that balances its classes moves the inputs with the concept. Every stream shuffled is its own control. Delays are in rows from
// the change to the end of the first window that fired.
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { seeded, shuffled } from "../src/core/training/seeded.ts";
import { inputsBetween, watchEpisode, type Episode, type Seen } from "./episode.ts";
import { machine, median } from "./processes.ts";
import { readTable, tablesFolder, type Table } from "./tables.ts";

const ChangePoints = z.object({
  streams: z.record(
    z.string(),
    z.object({
      changes: z.array(z.object({ start: z.int(), end: z.int() })),
      tolerance_rows: z.int().default(0),
    }),
  ),
});
/** Streams of the world: no file says where they change, so they are shown, not scored. Whole weeks for elec2's weekday. */
const REAL: readonly { readonly table: string; readonly windowRows: number }[] = [
  { table: "elec2", windowRows: 672 },
  { table: "bank-marketing", windowRows: 500 },
  { table: "noaa-weather", windowRows: 365 },
  { table: "hotel-bookings", windowRows: 1_000 },
];
const WINDOW_ROWS = 500;
/** Segments whose smallest adjusted p is below this have different inputs, whatever is said of them. */
const SAME_P_MIN = 1e-4;
/** Share of a segment, or of a stream without known changes, that trains. */
const TRAIN_SHARE = { known: 0.5, real: 0.2 } as const;

/** Windows of which how many alarmed: watch or breach, breach alone, and by what labels say. */
interface Tally {
  readonly windows: number;
  readonly inputs: number;
  readonly breaches: number;
  readonly performance: number;
  readonly performance_independent: number;
}

export interface StreamResult {
  readonly stream: string;
  readonly kind: "concept" | "concept and inputs" | "incremental" | "real";
  /** Before and after a known change; a stream without any has only `after`. */
  readonly before: Tally;
  readonly after: Tally;
  /** The same rows shuffled. */
  readonly control: Tally;
  readonly changes: number;
  /** Delays in rows by change, null where the monitor never fired. */
  readonly delays: readonly (number | null)[];
  readonly delays_independent: readonly (number | null)[];
  /** Rows after the first training until inputs alarmed, and until labels did. */
  readonly first_input_row: number | null;
  readonly first_performance_row: number | null;
  readonly loudest: string;
  /** The feature that differs most between segments. */
  readonly moved: {
    readonly feature: string;
    readonly value: number | null;
    readonly p: number | null;
  } | null;
}

export interface StreamsBench {
  readonly name: "streams";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  /** Over the streams where the concept changes and inputs, as tested, do not. */
  readonly concept: Sums;
  readonly concept_and_inputs: Sums;
  readonly control: Tally;
  readonly streams: readonly StreamResult[];
}

interface Sums {
  readonly streams: number;
  readonly changes: number;
  readonly detected: number;
  readonly detected_independent: number;
  readonly median_delay_rows: number | null;
  readonly median_delay_rows_independent: number | null;
  readonly before: Tally;
  readonly after: Tally;
}

/** Watches every stream whose table is there. */
export const run = async (args: { json?: string } = {}): Promise<StreamsBench> => {
  const streams: StreamResult[] = [];
  for (const plan of plans()) {
    const result = watchStream(plan);
    process.stderr.write(`${lineOf(result)}\n`);
    streams.push(result);
  }
  const result: StreamsBench = {
    name: "streams",
    machine: machine(),
    runs: streams.length,
    concept: sumsOf(streams.filter(({ kind }) => kind === "concept")),
    concept_and_inputs: sumsOf(streams.filter(({ kind }) => kind === "concept and inputs")),
    control: addTallies(streams.map(({ control }) => control)),
    streams,
  };
  if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
  return result;
};

const sumsOf = (streams: readonly StreamResult[]): Sums => {
  const numbers = (delays: readonly (number | null)[]): number[] => delays.filter((delay) => delay !== null);
  const shipped = numbers(streams.flatMap(({ delays }) => delays));
  const independent = numbers(streams.flatMap(({ delays_independent }) => delays_independent));
  const medianOf = (delays: readonly number[]): number | null =>
    delays.length === 0 ? null : median(delays);
  return {
    streams: streams.length,
    changes: streams.reduce((sum, { changes }) => sum + changes, 0),
    detected: shipped.length,
    detected_independent: independent.length,
    median_delay_rows: medianOf(shipped),
    median_delay_rows_independent: medianOf(independent),
    before: addTallies(streams.map(({ before }) => before)),
    after: addTallies(streams.map(({ after }) => after)),
  };
};

const addTallies = (tallies: readonly Tally[]): Tally => {
  const sum = (of: keyof Tally): number => tallies.reduce((total, tally) => total + tally[of], 0);
  return {
    windows: sum("windows"),
    inputs: sum("inputs"),
    breaches: sum("breaches"),
    performance: sum("performance"),
    performance_independent: sum("performance_independent"),
  };
};

interface Plan {
  readonly stream: string;
  readonly kind: StreamResult["kind"];
  readonly changes: readonly { readonly start: number; readonly end: number }[];
  /** Rows by which a change may come early or late. */
  readonly tolerance: number;
  readonly windowRows: number;
}

const plans = (): Plan[] => {
  const file = path.join(tablesFolder(), "changepoints.json");
  const { streams } = ChangePoints.parse(JSON.parse(readFileSync(file, "utf8")));
  const known = Object.entries(streams).map(([name, { changes, tolerance_rows }]): Plan => ({
    stream: name.replace(/\.csv\.gz$/, ""),
    kind: changes.length > 0 ? "concept" : "incremental",
    changes,
    tolerance: tolerance_rows,
    windowRows: WINDOW_ROWS,
  }));
  const real = REAL.map(({ table, windowRows }): Plan => ({
    stream: table,
    kind: "real",
    changes: [],
    tolerance: 0,
    windowRows,
  }));
  return [...known, ...real];
};

/** Each change is an episode of its own: a model of the concept before it, watched until the next change. */
const episodesOf = (plan: Plan, rows: number): Episode[] => {
  const { changes, tolerance, windowRows } = plan;
  if (changes.length === 0) return [wholeStream(plan, rows)];
  return changes.map(({ start }, at) => {
    const from = at === 0 ? 0 : (changes[at - 1]?.end ?? 0) + tolerance;
    const trainedTo = from + Math.floor((start - from) * TRAIN_SHARE.known);
    const to = (changes[at + 1]?.start ?? rows + tolerance) - tolerance;
    return { from, trainedTo, alignTo: start - tolerance, to, windowRows };
  });
};

const wholeStream = ({ windowRows }: Plan, rows: number): Episode => {
  const trainedTo = Math.floor(rows * TRAIN_SHARE.real);
  return { from: 0, trainedTo, alignTo: trainedTo, to: rows, windowRows };
};

const watchStream = (plan: Plan): StreamResult => {
  const table = readTable(plan.stream);
  const inOrder = Uint32Array.from({ length: table.rows }, (_, row) => row);
  const watched = episodesOf(plan, table.rows).map((episode) => {
    const windows = watchEpisode(table, inOrder, episode);
    return {
      windows,
      before: windows.filter(({ to }) => to <= episode.alignTo),
      after: windows.filter(({ from }) => from >= episode.alignTo),
      delayOf: (fired: (seen: Seen) => boolean): number | null => {
        const first = windows.find((seen) => seen.from >= episode.alignTo && fired(seen));
        return first === undefined ? null : first.to - (episode.alignTo + plan.tolerance);
      },
    };
  });
  const known = plan.changes.length > 0;
  const moved = known ? movedBetween(table, plan) : null;
  const inputsMoved = moved !== null && (moved.p ?? 1) < SAME_P_MIN;
  const own = watched[0]?.windows ?? [];
  const begin = own[0]?.from ?? 0;
  const rowsUntil = (seen: Seen | undefined): number | null => (seen === undefined ? null : seen.to - begin);
  return {
    stream: plan.stream,
    kind: plan.kind === "concept" && inputsMoved ? "concept and inputs" : plan.kind,
    before: tallyOf(watched.flatMap(({ before }) => before)),
    after: tallyOf(watched.flatMap(({ after }) => after)),
    control: tallyOf(watchEpisode(table, shuffled(table.rows, seeded(1)), wholeStream(plan, table.rows))),
    changes: plan.changes.length,
    delays: known ? watched.map(({ delayOf }) => delayOf(({ fired }) => fired.shipped)) : [],
    delays_independent: known ? watched.map(({ delayOf }) => delayOf(({ fired }) => fired.independent)) : [],
    first_input_row: rowsUntil(own.find(({ alarms }) => alarms.length > 0)),
    first_performance_row: rowsUntil(own.find(({ fired }) => fired.shipped)),
    loudest: loudestOf(watched.flatMap(({ windows }) => windows)),
    moved,
  };
};

/** The feature whose distribution differs most between a segment and the next, by p. */
const movedBetween = (table: Table, { changes }: Plan): StreamResult["moved"] => {
  const cuts = [{ start: 0, end: 0 }, ...changes, { start: table.rows, end: table.rows }];
  const found = changes.flatMap((change, at) => {
    const before = [cuts[at]?.end ?? 0, change.start] as const;
    const after = [change.end, cuts[at + 2]?.start ?? table.rows] as const;
    return inputsBetween(table, before, after).slice(0, 1);
  });
  const [most] = found.sort((a, b) => (a.p_adjusted ?? 1) - (b.p_adjusted ?? 1));
  return most === undefined ? null : { feature: most.feature, value: most.value, p: most.p_adjusted };
};

const tallyOf = (windows: readonly Seen[]): Tally => {
  const count = (of: (seen: Seen) => boolean): number => windows.filter(of).length;
  return {
    windows: windows.length,
    inputs: count(({ alarms }) => alarms.length > 0),
    breaches: count(({ alarms }) => alarms.some(({ status }) => status === "breach")),
    performance: count(({ fired }) => fired.shipped),
    performance_independent: count(({ fired }) => fired.independent),
  };
};

/** The subject that alarmed most often. */
const loudestOf = (windows: readonly Seen[]): string => {
  const times = new Map<string, number>();
  for (const { subject, feature, statistic } of windows.flatMap(({ alarms }) => alarms)) {
    const name = feature === "" ? `${subject} ${statistic}` : `${feature} ${statistic}`;
    times.set(name, (times.get(name) ?? 0) + 1);
  }
  const [loudest] = [...times].sort((a, b) => b[1] - a[1]);
  return loudest === undefined ? "" : `${loudest[0]} (${loudest[1]})`;
};

/** One row of the table, as RESULTS keeps it. */
const lineOf = (r: StreamResult): string => {
  const delays = (of: readonly (number | null)[]): string => of.map((delay) => delay ?? "–").join(" ");
  const tally = (t: Tally): string =>
    `${t.windows}: ${t.inputs} (${t.breaches}) / ${t.performance} (${t.performance_independent})`;
  const moved =
    r.moved === null
      ? ""
      : `${r.moved.feature} ${r.moved.value?.toFixed(3) ?? ""}, p ${r.moved.p?.toExponential(0) ?? ""}`;
  const cells = [
    ...[r.stream, r.kind, moved, `${delays(r.delays)} (${delays(r.delays_independent)})`],
    ...[tally(r.before), tally(r.after), `${r.first_input_row ?? "–"} / ${r.first_performance_row ?? "–"}`],
    ...[r.loudest, tally(r.control)],
  ];
  return `| ${cells.join(" | ")} |`;
};
