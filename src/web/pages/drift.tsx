// Web page: drift as a map of features × time; a cell opens the reference and current histogram with every statistic. Colour is never
// alone: each state has its own sign, and every cell says itself in words.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { DriftMap, FeatureDrift, HeatRow } from "../../../contracts/read.ts";
import { columnOf } from "../../core/heat-columns.ts";
import { num, when, words } from "../parts/format.ts";
import { Histograms } from "../parts/pictures.tsx";
import { Card, Chip, Choice, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";

const SPANS = ["30", "90", "180", "366"] as const;

/** Beyond so many days a column is a week. */
const DAILY_MAX = 90;

interface Place {
  readonly feature: string;
  readonly window: string;
}

/** The page. */
export const Drift = ({ model, now }: { model: string; now: string | null }) => {
  const [days, setDays] = useState<(typeof SPANS)[number]>("30");
  const path = `models/${encodeURIComponent(model)}/drift/map`;
  const fromMs = Date.parse(now ?? "") - Number(days) * 86_400_000;
  // What is looked at first is what the api shows by itself: that needs not wait to hear what day it is.
  const step = Number(days) > DAILY_MAX ? "&step=7d" : "";
  const from = days === SPANS[0] ? "" : `?from=${new Date(Math.max(0, fromMs || 0)).toISOString()}${step}`;
  const map = useRead<DriftMap>(now === null && from !== "" ? null : `${path}${from}`);
  const [picked, pick] = useState<Place | null>(null);
  return (
    <>
      <h1 tabIndex={-1}>Drift</h1>
      <Card
        title="Features × time"
        wide
        aside={
          <>
            <Legend />
            <Choice label="Days" value={days} options={SPANS} onPick={setDays} />
          </>
        }
      >
        <Show
          of={map}
          empty={{ when: ({ rows }) => rows.length === 0, say: "No window has been judged yet." }}
        >
          {(value) => <Map map={value} picked={picked} onPick={pick} />}
        </Show>
      </Card>
      {picked === null ? (
        <p class="empty">Pick a cell to see the feature's histograms and statistics in that window.</p>
      ) : (
        <Feature model={model} place={picked} />
      )}
    </>
  );
};

const SIGNS: Readonly<Record<string, string>> = {
  steady: "",
  watch: "!",
  breach: "✕",
  insufficient: "…",
  degenerate: "=",
  broken: "?",
  not_evaluated: "–",
};

const WEEK_MS = 7 * 86_400_000;
/** Columns a day's label takes. */
const LABEL_COLUMNS = 3;

const Legend = () => (
  <p class="legend">
    <i class="cell steady" /> steady, stronger near its threshold <i class="cell watch">!</i> watch{" "}
    <i class="cell breach">✕</i> breach <i class="cell insufficient">…</i> too few rows{" "}
    <i class="cell not_evaluated">–</i> not judged <i class="cell broken">?</i> could not be judged
  </p>
);

const Map = (props: { map: DriftMap; picked: Place | null; onPick: (place: Place) => void }) => {
  const { map, picked, onPick } = props;
  const last = map.windows.length - 1;
  const isWeekly = map.step !== map.window_size;
  /** The first and the last column and each month's first, unless it would run into those; a year's first says the year. */
  const label = (window: string, i: number): string => {
    const day = when(window).slice(5, 10);
    if (i === 0 || i === last) return day;
    const before = when(map.windows[i - 1]).slice(0, 10);
    if (day.slice(0, 2) === before.slice(5, 7) || i < LABEL_COLUMNS || i > last - LABEL_COLUMNS) return "";
    return when(window).slice(0, 4) === before.slice(0, 4) ? day : when(window).slice(0, 4);
  };
  const isCalm = (row: HeatRow): boolean =>
    row.subject === "quality" && row.cells.every(({ status }) => status === "steady");
  const place = useRef<HTMLDivElement>(null);
  // The newest windows are what one looks for; the older ones are to the left.
  useEffect(() => place.current?.scrollTo({ left: place.current.scrollWidth }), [map.windows.length]);
  const shown = map.rows.filter((row) => !isCalm(row));
  const calm = map.rows.length - shown.length;
  return (
    <>
      <div ref={place} class="scroll" tabIndex={0} role="region" aria-label="Drift by feature and window">
        <table class="heat">
          <caption class="heard">Drift by feature and window; each cell is a button</caption>
          <thead>
            <tr>
              <th scope="col">Feature</th>
              {map.windows.map((window, i) => (
                <th scope="col" key={window} aria-label={when(window)}>
                  <span>{label(window, i)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <HeatLine
                key={`${row.subject}/${row.feature}`}
                row={row}
                windows={map.windows}
                stepMs={isWeekly ? WEEK_MS : null}
                picked={picked}
                onPick={onPick}
              />
            ))}
          </tbody>
        </table>
      </div>
      {isWeekly && <p class="quiet">Each column is a week, told by its worst day; a cell opens that day.</p>}
      {calm > 0 && (
        <p class="quiet">
          Data quality (missing, unseen, out of range, invalid) was steady throughout for {calm} of its rows;
          they are left out.
        </p>
      )}
    </>
  );
};

const nameOf = ({ subject, feature }: HeatRow): string => {
  if (subject === "feature") return feature;
  return subject === "quality" && !feature.endsWith("_rate") ? `${feature}, quality` : words(feature);
};

const HeatLine = (props: {
  row: HeatRow;
  windows: readonly string[];
  /** Null: a column is a window. */
  stepMs: number | null;
  picked: Place | null;
  onPick: (place: Place) => void;
}) => {
  const { row, windows, stepMs, picked, onPick } = props;
  // Scores are looked at like a feature; other whole-window findings have no histogram.
  const feature = row.subject === "feature" ? row.feature : row.subject === "prediction" ? "score" : null;
  const cells = useMemo(() => {
    const placeOf = (window: string): string => (stepMs === null ? window : columnOf(window, stepMs));
    return new globalThis.Map(row.cells.map((cell) => [placeOf(cell.window_start), cell]));
  }, [row, stepMs]);
  return (
    <tr>
      <th scope="row">{nameOf(row)}</th>
      {windows.map((column) => {
        const cell = cells.get(column);
        if (cell === undefined) return <td key={column} />;
        const window = cell.window_start;
        const said = `${row.feature} ${when(window)}: ${words(cell.statistic)} ${num(cell.value)} against ${num(cell.threshold)}, ${words(cell.status)}`;
        const depth =
          cell.value === null || cell.threshold === null
            ? 0
            : Math.min(4, Math.floor((4 * Math.abs(cell.value)) / cell.threshold));
        return (
          <td key={column}>
            <button
              type="button"
              class={`cell ${cell.status} depth${depth}`}
              aria-label={said}
              title={said}
              aria-pressed={picked !== null && picked.feature === feature && picked.window === window}
              disabled={feature === null}
              onClick={() => feature !== null && onPick({ feature, window })}
            >
              {SIGNS[cell.status]}
            </button>
          </td>
        );
      })}
    </tr>
  );
};

const Feature = ({ model, place }: { model: string; place: Place }) => {
  const path = `models/${encodeURIComponent(model)}/drift/features/${encodeURIComponent(place.feature)}?window_start=${place.window}`;
  const found = useRead<FeatureDrift>(path);
  return (
    <Card title={`${place.feature}, ${when(place.window)}`} wide>
      <Show of={found}>
        {(feature) => (
          <>
            <Histograms bars={feature.bars} nReference={feature.n_reference} nCurrent={feature.n_current} />
            <Table
              caption="Statistics"
              head={["Statistic", "Value", "Watch", "Breach", "p", "p adjusted", "Verdict"]}
            >
              {feature.statistics.map((row) => (
                <tr key={row.statistic}>
                  <th scope="row">{words(row.statistic)}</th>
                  <td>
                    {row.at_least ? "≥ " : ""}
                    {num(row.value, 4)}
                  </td>
                  <td>{num(row.threshold_watch)}</td>
                  <td>{num(row.threshold)}</td>
                  <td>{num(row.p_value, 4)}</td>
                  <td>{num(row.p_adjusted, 4)}</td>
                  <td>
                    <Chip word={row.status} label={words(row.status)} /> <small>{row.reason}</small>
                  </td>
                </tr>
              ))}
            </Table>
          </>
        )}
      </Show>
    </Card>
  );
};
