// Web: lines over time, drawn by uPlot: intervals as bands, thresholds as dashed marks. The same numbers stand in a table below for those who
// cannot see the picture, or want to copy it. Follows light and dark.
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import uPlot from "uplot";
import { num, when } from "./format.ts";

export interface Line {
  readonly label: string;
  readonly tone: 1 | 2 | 3 | 4;
  readonly values: readonly (number | null)[];
  readonly dashed?: true;
  readonly band?: { readonly low: readonly (number | null)[]; readonly high: readonly (number | null)[] };
}
export interface Mark {
  readonly label: string;
  readonly value: number;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = signal(dark.matches);
dark.addEventListener("change", () => (theme.value = dark.matches));

/** A chart of `lines` at the instants `at` (ISO). */
export const LineChart = (props: {
  title: string;
  at: readonly string[];
  lines: readonly Line[];
  marks?: readonly Mark[];
  digits?: number;
}) => {
  const { title, at, lines, marks = [], digits = 3 } = props;
  const place = useRef<HTMLDivElement>(null);
  const shown = JSON.stringify([at, lines, marks, theme.value]);
  useEffect(() => {
    const home = place.current;
    if (home === null) return undefined;
    const chart = new uPlot(optionsOf(home, { lines, marks, digits }), rowsOf(at, lines, marks), home);
    const resize = new ResizeObserver(() => chart.setSize({ width: home.clientWidth, height: HEIGHT }));
    resize.observe(home);
    return () => {
      resize.disconnect();
      chart.destroy();
    };
  }, [shown]);
  return (
    <figure class="chart">
      <figcaption>
        <span class="heard">{title}: </span>
        {lines.map((line) => (
          <span key={line.label} class={`key tone${line.tone}${line.dashed === true ? " dashed" : ""}`}>
            {line.label}
          </span>
        ))}
        {marks.map((mark) => (
          <span key={mark.label} class="key mark">
            {mark.label} {num(mark.value, digits)}
          </span>
        ))}
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
      <details>
        <summary>Numbers</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={title}>
          <table>
            <caption class="heard">{title}</caption>
            <thead>
              <tr>
                <th scope="col">Window</th>
                {lines.map((line) => (
                  <th scope="col" key={line.label}>
                    {line.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {at.map((instant, i) => (
                <tr key={instant}>
                  <th scope="row">{when(instant)}</th>
                  {lines.map((line) => (
                    <td key={line.label}>
                      {num(line.values[i], digits)}
                      {bandText(line, i, digits)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
};

const HEIGHT = 220;

const bandText = (line: Line, i: number, digits: number): string => {
  const low = line.band?.low[i] ?? null;
  const high = line.band?.high[i] ?? null;
  return low === null || high === null ? "" : ` (${num(low, digits)} – ${num(high, digits)})`;
};

const secondsOf = (iso: string): number => Date.parse(iso) / 1000;

const rowsOf = (at: readonly string[], lines: readonly Line[], marks: readonly Mark[]): uPlot.AlignedData => [
  at.map(secondsOf),
  ...lines.flatMap((line) => [
    [...line.values],
    ...(line.band === undefined ? [] : [[...line.band.low], [...line.band.high]]),
  ]),
  ...marks.map((mark) => at.map(() => mark.value)),
];

const optionsOf = (
  home: HTMLElement,
  by: { lines: readonly Line[]; marks: readonly Mark[]; digits: number },
): uPlot.Options => {
  const style = getComputedStyle(home);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of by.lines) {
    const stroke = colour(`tone${line.tone}`);
    series.push({
      stroke,
      width: 2,
      spanGaps: true,
      points: { show: line.values.length < 40, size: 5 },
      ...(line.dashed === true ? { dash: [6, 5] } : {}),
    });
    if (line.band === undefined) continue;
    series.push({ width: 0, points: { show: false } }, { width: 0, points: { show: false } });
    bands.push({ series: [series.length - 1, series.length - 2], fill: `${stroke}2e` });
  }
  for (const _ of by.marks)
    series.push({ stroke: colour("bad"), width: 1.5, dash: [3, 4], points: { show: false } });
  const axis = {
    stroke: colour("quiet"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: home.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    cursor: { points: { show: false } },
    scales: {
      x: { range: (_chart, from, to) => (from === to ? [from - DAY_S, to + DAY_S] : [from, to]) },
      y: { range: (_chart, low, high) => padded(low, high) },
    },
    series,
    bands,
    axes: [
      {
        ...axis,
        incrs: DAYS,
        space: (_chart, _axis, from, to) => (isOneYear(from, to) ? 50 : 90),
        values: (_chart, splits) => splits.map(isOneYear(splits[0], splits.at(-1)) ? dayText : yearText),
      },
      { ...axis, size: 64, values: (_chart, ticks) => ticks.map((tick) => axisText(tick, by.digits)) },
    ],
  };
};

/** Windows are days or longer where decisions are taken; ticks stand on whole days. */
const DAY_S = 86_400;
const DAYS = [1, 2, 7, 14, 28, 56, 91, 182, 364].map((days) => days * DAY_S);

const yearText = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 10);
const dayText = (seconds: number): string => yearText(seconds).slice(5);
/** A day without its year says which one it is only within one year. */
const isOneYear = (from = 0, to = from): boolean => yearText(from).slice(0, 4) === yearText(to).slice(0, 4);

/** Ticks keep the digits that tell them apart. */
const axisText = (value: number, digits: number): string =>
  Math.abs(value) >= 1000 ? value.toLocaleString("en") : String(Number(value.toFixed(Math.max(digits, 4))));

const padded = (low: number, high: number): [number, number] => {
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
};
