// Door: tables as every command prints them: columns as wide as their widest cell, two blanks between, nothing trailing. A cell that is
// not known is a dash, never a zero.

/** What stands where nothing is known. */
export const UNKNOWN = "–";

/** Lines of a table; its first row is its head. */
export const tableLines = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
};

/** A metric as people read it. */
export const metricCell = (value: number | null | undefined): string =>
  value === null || value === undefined ? UNKNOWN : value.toFixed(4);

/** An instant to the minute. */
export const timeCell = (iso: string | null | undefined): string =>
  iso === null || iso === undefined ? UNKNOWN : `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
