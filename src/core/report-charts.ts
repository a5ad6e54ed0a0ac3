// Core: pictures over time for reports, as SVG text: lines with gaps where nothing is known, and a map of features × windows. Colours come
// from the page's classes, every picture says in words what it shows. Pure functions of numbers; no scripts, no requests.
import type { DriftStatus } from "../../contracts/drift.ts";
import { escaped } from "./report-svg.ts";

export interface Line {
  readonly name: string;
  /** One a time; null leaves a gap. */
  readonly values: readonly (number | null)[];
  /** Drawn behind the line where both ends are known. */
  readonly band?: readonly ({ readonly low: number; readonly high: number } | null)[];
  /** An estimate, not a measurement. */
  readonly dashed?: boolean;
}

const WIDTH = 560;
const HEIGHT = 150;
const LEFT = 44;
const RIGHT = WIDTH - 6;
const TOP = 10;
const BASE = 122;

/** Lines over the same times on one axis. Times are labels; equal steps. */
export const linesSvg = (title: string, times: readonly string[], lines: readonly Line[]): string => {
  const known = lines.flatMap(({ values, band = [] }) => [
    ...values.filter((value) => value !== null),
    ...band.flatMap((one) => (one === null ? [] : [one.low, one.high])),
  ]);
  if (known.length === 0) return `<p class="say">${escaped(title)}: nothing is known yet.</p>`;
  const [low, high] = padded(Math.min(...known), Math.max(...known));
  const x = (at: number): number =>
    times.length < 2 ? (LEFT + RIGHT) / 2 : LEFT + ((RIGHT - LEFT) * at) / (times.length - 1);
  const y = (value: number): number => BASE - ((value - low) / (high - low)) * (BASE - TOP);
  const drawn = lines.map((line, at) => bandPath(line, x, y) + linePaths(line, at, x, y)).join("");
  const said = lines
    .map(({ name, values }) => {
      const last = values.findLast((value) => value !== null);
      return `${name}: ${last === undefined ? "not known" : `${short(last)} at the end`}`;
    })
    .join("; ");
  return (
    `<svg class="overlay" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"><title>${escaped(title)}</title><desc>${escaped(said)}</desc>` +
    `<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${TOP}" y2="${TOP}"/><line class="axis" x1="${LEFT}" x2="${RIGHT}" y1="${BASE}" y2="${BASE}"/>` +
    tick(LEFT - 6, TOP + 4, "end", short(high)) +
    tick(LEFT - 6, BASE, "end", short(low)) +
    tick(LEFT, HEIGHT - 10, "start", times[0] ?? "") +
    (times.length < 2 ? "" : tick(RIGHT, HEIGHT - 10, "end", times.at(-1) ?? "")) +
    `${drawn}</svg>`
  );
};

export interface MapRow {
  readonly name: string;
  /** One a window; null where nothing was judged. */
  readonly cells: readonly (DriftStatus | null)[];
}

/** Features × windows, one square a verdict; a breach is also marked by its shape. */
export const mapSvg = (title: string, times: readonly string[], rows: readonly MapRow[]): string => {
  const side = 14;
  const names = 150;
  const width = Math.max(WIDTH, names + times.length * side + 4);
  const cell = WIDTH > names + times.length * side ? (WIDTH - names) / Math.max(1, times.length) : side;
  const height = rows.length * side + 22;
  const drawn = rows
    .map(({ name, cells }, row) => {
      const top = row * side;
      const squares = cells
        .map((status, at) => {
          if (status === null) return "";
          const left = names + at * cell;
          const square = `<rect class="cell ${status}" x="${f(left)}" y="${top + 1}" width="${f(cell - 1)}" height="${side - 2}"><title>${escaped(`${name}, ${times[at] ?? ""}: ${status}`)}</title></rect>`;
          const mark =
            status === "breach"
              ? `<path class="mark" d="M${f(left + 2)} ${top + 3}l${f(cell - 5)} ${side - 6}"/>`
              : "";
          return square + mark;
        })
        .join("");
      const label = name.length > 24 ? `${name.slice(0, 23)}…` : name;
      return tick(names - 6, top + 11, "end", label) + squares;
    })
    .join("");
  return (
    `<svg class="map" viewBox="0 0 ${width} ${height}" role="img"><title>${escaped(title)}</title>${drawn}` +
    tick(names, height - 6, "start", times[0] ?? "") +
    (times.length < 2 ? "" : tick(names + times.length * cell, height - 6, "end", times.at(-1) ?? "")) +
    `</svg>`
  );
};

const bandPath = ({ band = [] }: Line, x: (at: number) => number, y: (value: number) => number): string =>
  band
    .map((one, at) =>
      one === null
        ? ""
        : `<line class="whisker" x1="${f(x(at))}" x2="${f(x(at))}" y1="${f(y(one.low))}" y2="${f(y(one.high))}"/>`,
    )
    .join("");

/** A run of known values is a path; a single one is a dot. */
const linePaths = (
  { values, dashed = false }: Line,
  series: number,
  x: (at: number) => number,
  y: (value: number) => number,
): string => {
  const named = `line tone${series}${dashed ? " dashed" : ""}`;
  let path = "";
  let dots = "";
  values.forEach((value, at) => {
    if (value === null) return;
    const before = values[at - 1] ?? null;
    const after = values[at + 1] ?? null;
    if (before === null && after === null)
      dots += `<circle class="dot tone${series}" cx="${f(x(at))}" cy="${f(y(value))}" r="2.5"/>`;
    path += `${before === null ? "M" : "L"}${f(x(at))} ${f(y(value))}`;
  });
  return `<path class="${named}" d="${path}"/>${dots}`;
};

/** A constant has room above and below. */
const padded = (low: number, high: number): [number, number] => {
  const room = high > low ? (high - low) * 0.08 : Math.max(Math.abs(high) * 0.1, 0.01);
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
};

const tick = (x: number, y: number, anchor: string, text: string): string =>
  `<text class="tick" x="${f(x)}" y="${f(y)}" text-anchor="${anchor}">${escaped(text)}</text>`;

const short = (value: number): string =>
  Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 4 });
const f = (value: number): string => String(Math.round(value * 10) / 10);
