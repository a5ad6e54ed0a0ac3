// Core: what is wrong with a dataset, counted without bound and remembered within one: every violation is counted by rule and
// column, and the first 100 of each rule are kept with their row. Never keeps or shows a value, only its class.

/** What kind of thing stood in a cell; enough to find the mistake, never the thing itself. */
export type ValueClass =
  | "absent"
  | "null"
  | "empty"
  | "text"
  | "number"
  | "nan"
  | "infinite"
  | "boolean"
  | "time"
  | "object"
  | "bytes";

/** One violation: the data row (from 1; null for the whole file), the column, what stood there and the rule it broke. */
export type Finding = {
  readonly row: number | null;
  readonly column: string;
  readonly class: ValueClass;
  readonly rule: string;
};
export type FindingCount = {
  readonly rule: string;
  readonly column: string;
  readonly count: number;
  readonly message: string;
};
export type Findings = {
  readonly total: number;
  readonly counts: readonly FindingCount[];
  readonly examples: readonly Finding[];
};

export const EXAMPLES_PER_RULE = 100;

/** Starts an empty collection of findings. */
export const collectFindings = () => {
  const counts = new Map<string, { rule: string; column: string; count: number; message: string }>();
  const kept = new Map<string, Finding[]>();
  let total = 0;
  return {
    get total() {
      return total;
    },
    /** Counts a violation; `message` says what was expected. */
    add: (finding: Finding, message: string): void => {
      total++;
      const key = `${finding.rule} ${finding.column}`;
      const entry = counts.get(key);
      if (entry === undefined)
        counts.set(key, { rule: finding.rule, column: finding.column, count: 1, message });
      else entry.count++;
      const examples = kept.get(finding.rule);
      if (examples === undefined) kept.set(finding.rule, [finding]);
      else if (examples.length < EXAMPLES_PER_RULE) examples.push(finding);
    },
    result: (): Findings => ({
      total,
      counts: [...counts.values()].sort((a, b) => b.count - a.count),
      examples: [...kept.values()].flat(),
    }),
  };
};
