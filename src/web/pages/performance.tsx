// Web page: realised performance with its intervals, the estimate dashed, how many labels have come, segments and calibration.
import { useState } from "preact/hooks";
import type { CalibrationBin, PerformanceItem } from "../../../contracts/read.ts";
import { num, percent, words } from "../parts/format.ts";
import { LineChart } from "../parts/line-chart.tsx";
import { CalibrationCurve } from "../parts/pictures.tsx";
import { Card, Choice, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";

const METRICS = ["f1", "accuracy", "precision", "recall", "brier", "roc_auc", "ece"] as const;
type Metric = (typeof METRICS)[number];
interface List {
  readonly items: PerformanceItem[];
}

/** The page. */
export const Performance = ({
  model,
  promoted,
  baseline,
}: {
  model: string;
  promoted: string | null;
  baseline: unknown;
}) => {
  const base = `models/${encodeURIComponent(model)}/performance`;
  const all = useRead<List>(`${base}?scope=all&role=production&limit=1000`);
  const segments = useRead<List>(
    promoted === null ? null : `${base}?kind=realised&role=production&version=${promoted}&limit=1000`,
  );
  const [metric, pick] = useState<Metric>("f1");
  return (
    <>
      <h1 tabIndex={-1}>Performance</h1>
      <Card
        title={words(metric)}
        wide
        aside={<Choice label="Metric" value={metric} options={METRICS} name={words} onPick={pick} />}
      >
        <Show of={all} empty={NOTHING}>
          {({ items }) => <Realised items={items} metric={metric} baseline={numberIn(baseline, metric)} />}
        </Show>
      </Card>
      <div class="pair">
        <Card title="Label coverage">
          <Show of={all} empty={NOTHING}>
            {({ items }) => <Coverage items={items.filter(({ kind }) => kind === "realised")} />}
          </Show>
        </Card>
        <Card title={`Calibration of ${promoted ?? "nothing"}`}>
          {promoted !== null && <Calibration base={base} version={promoted} />}
        </Card>
      </div>
      <Card title="Segments" wide>
        <Show
          of={segments}
          empty={{ when: ({ items }) => items.length === 0, say: "No segment has labels yet." }}
        >
          {({ items }) => <Segments items={items} />}
        </Show>
      </Card>
    </>
  );
};

const NOTHING = { when: ({ items }: List) => items.length === 0, say: "No window has been measured yet." };

const numberIn = (baseline: unknown, metric: string): number | null => {
  const value: unknown =
    typeof baseline === "object" && baseline !== null ? Reflect.get(baseline, metric) : null;
  return typeof value === "number" ? value : null;
};

/** One row a window: the version that served most of it. */
const byWindow = (items: readonly PerformanceItem[]): ReadonlyMap<string, PerformanceItem> => {
  const rows = new Map<string, PerformanceItem>();
  for (const item of items) {
    const known = rows.get(item.window_start);
    if (known === undefined || item.requests > known.requests) rows.set(item.window_start, item);
  }
  return rows;
};

const Realised = (props: { items: readonly PerformanceItem[]; metric: Metric; baseline: number | null }) => {
  const { items, metric, baseline } = props;
  const realised = byWindow(items.filter(({ kind, labelled }) => kind === "realised" && labelled > 0));
  const estimated = byWindow(items.filter(({ kind }) => kind === "estimated"));
  const at = [...new Set([...realised.keys(), ...estimated.keys()])].sort();
  const interval = (window: string, side: "low" | "high"): number | null => {
    const row = realised.get(window);
    const found = metric === "f1" ? row?.f1_interval : metric === "accuracy" ? row?.accuracy_interval : null;
    return found?.[side] ?? null;
  };
  const invalid = [...estimated.values()].filter(({ valid }) => !valid).length;
  return (
    <>
      <LineChart
        title={`${words(metric)} by window`}
        at={at}
        lines={[
          {
            label: "realised, 95 % interval",
            tone: 1,
            values: at.map((window) => realised.get(window)?.[metric] ?? null),
            band: {
              low: at.map((window) => interval(window, "low")),
              high: at.map((window) => interval(window, "high")),
            },
          },
          {
            label: "estimated without labels",
            tone: 2,
            dashed: true,
            values: at.map((window) => estimated.get(window)?.[metric] ?? null),
          },
        ]}
        marks={baseline === null ? [] : [{ label: "baseline of the promotion", value: baseline }]}
      />
      {invalid > 0 && (
        <p class="quiet">
          In {invalid} of {estimated.size} windows the estimate's assumptions were not shown to hold: read it
          as a hint.
        </p>
      )}
    </>
  );
};

const Coverage = ({ items }: { items: readonly PerformanceItem[] }) => {
  const rows = byWindow(items);
  const at = [...rows.keys()].sort();
  return (
    <LineChart
      title="Share of requests whose label has come"
      at={at}
      digits={2}
      lines={[
        {
          label: "share of requests labelled",
          tone: 3,
          values: at.map((window) => rows.get(window)?.coverage ?? null),
        },
      ]}
    />
  );
};

const Calibration = ({ base, version }: { base: string; version: string }) => {
  const found = useRead<{ labelled: number; ece: number | null; bins: CalibrationBin[] }>(
    `${base}/calibration?version=${version}`,
  );
  return (
    <Show of={found} empty={{ when: ({ bins }) => bins.length === 0, say: "No labels have matured yet." }}>
      {({ bins, ece, labelled }) => (
        <>
          <p class="quiet">
            Predicted across, observed up; the line is perfect. Expected calibration error {num(ece)} on{" "}
            {num(labelled)} labels.
          </p>
          <CalibrationCurve bins={bins} />
        </>
      )}
    </Show>
  );
};

interface Cells {
  readonly windows: number;
  readonly requests: number;
  readonly labelled: number;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
}
const NONE: Cells = { windows: 0, requests: 0, labelled: 0, tp: 0, fp: 0, fn: 0, tn: 0 };

/** Counts of windows add up; rates of windows do not. */
const Segments = ({ items }: { items: readonly PerformanceItem[] }) => {
  const sums = new Map<string, Cells>();
  for (const item of items) {
    const sum = sums.get(item.scope) ?? NONE;
    sums.set(item.scope, {
      windows: sum.windows + 1,
      requests: sum.requests + item.requests,
      labelled: sum.labelled + item.labelled,
      tp: sum.tp + item.tp,
      fp: sum.fp + item.fp,
      fn: sum.fn + item.fn,
      tn: sum.tn + item.tn,
    });
  }
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return (
    <Table
      caption="Segments"
      head={["Segment", "Windows", "Labels", "Coverage", "F1", "Accuracy", "Precision", "Recall"]}
    >
      {[...sums.entries()]
        .sort(([a], [b]) => (a === "all" ? -1 : b === "all" ? 1 : a < b ? -1 : 1))
        .map(([scope, sum]) => (
          <tr key={scope}>
            <th scope="row">{scope}</th>
            <td>{sum.windows}</td>
            <td>{num(sum.labelled)}</td>
            <td>{percent(share(sum.labelled, sum.requests))}</td>
            <td>{num(share(2 * sum.tp, 2 * sum.tp + sum.fp + sum.fn))}</td>
            <td>{num(share(sum.tp + sum.tn, sum.labelled))}</td>
            <td>{num(share(sum.tp, sum.tp + sum.fp))}</td>
            <td>{num(share(sum.tp, sum.tp + sum.fn))}</td>
          </tr>
        ))}
    </Table>
  );
};
