// Web page: versions: which bundle, from what data, how good on its test rows, with which digests; and any two side by side.
import { useState } from "preact/hooks";
import type { VersionDetail, VersionItem } from "../../../contracts/read.ts";
import { briefly } from "../../core/brief.ts";
import { num, plain, short, when, words } from "../parts/format.ts";
import { Card, Chip, Choice, Fact, Folded, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";

const METRICS = [
  "n",
  "f1",
  "accuracy",
  "precision",
  "recall",
  "roc_auc",
  "pr_auc",
  "brier",
  "log_loss",
  "ece",
  "threshold",
] as const;
/** Metrics of which less is better. */
const LESS = new Set(["brier", "log_loss", "ece"]);

/** The page. */
export const Versions = ({ model }: { model: string }) => {
  const base = `models/${encodeURIComponent(model)}/versions`;
  const list = useRead<{ items: VersionItem[] }>(base);
  const [open, setOpen] = useState<string | null>(null);
  return (
    <>
      <h1 tabIndex={-1}>Versions</h1>
      <Show of={list} empty={{ when: ({ items }) => items.length === 0, say: "No version is registered." }}>
        {({ items }) => (
          <>
            <Card title="All versions" wide>
              <List items={items} open={open} onOpen={setOpen} />
            </Card>
            {open !== null && <Detail path={`${base}/${encodeURIComponent(open)}`} version={open} />}
            {items.length > 1 && <Compare items={items} />}
          </>
        )}
      </Show>
    </>
  );
};

const List = (props: {
  items: readonly VersionItem[];
  open: string | null;
  onOpen: (version: string) => void;
}) => (
  <Table
    caption="Versions"
    head={["Version", "State", "Alias", "Family", "Since", "F1", "ROC AUC", "Brier", "Why"]}
  >
    {props.items.map((item) => (
      <tr key={item.version}>
        <th scope="row">
          <button
            type="button"
            class="link"
            aria-expanded={props.open === item.version}
            onClick={() => props.onOpen(item.version)}
          >
            {item.version}
          </button>
        </th>
        <td>{item.state === null ? "–" : <Chip word={item.state} />}</td>
        <td>{item.alias}</td>
        <td>{item.family}</td>
        <td>{when(item.since)}</td>
        <td>{num(metricOf(item.metrics, "f1"))}</td>
        <td>{num(metricOf(item.metrics, "roc_auc"))}</td>
        <td>{num(metricOf(item.metrics, "brier"))}</td>
        <td class="text">
          {item.fault === null ? (
            plain(briefly(item.last_reason))
          ) : (
            <span class="bad">Cannot be read: {item.fault}</span>
          )}
        </td>
      </tr>
    ))}
  </Table>
);

const metricOf = (metrics: unknown, name: string): number | null => {
  const value: unknown = typeof metrics === "object" && metrics !== null ? Reflect.get(metrics, name) : null;
  return typeof value === "number" ? value : null;
};

const Detail = ({ path, version }: { path: string; version: string }) => {
  const detail = useRead<VersionDetail>(path);
  return (
    <Card title={`Version ${version}`} wide>
      <Show of={detail}>
        {(value) => (
          <>
            <dl class="facts">
              <Fact name="State">
                {value.state === null ? "not in the ledger" : <Chip word={value.state} />}
              </Fact>
              <Fact name="Family">{value.family}</Fact>
              <Fact name="Made">{when(value.created_at)}</Fact>
              <Fact name="Parent">{value.parent ?? "none"}</Fact>
              <Fact name="Reference rows">{num(value.reference?.n)}</Fact>
              <Fact name="Reference span">
                {when(value.reference?.from)} – {when(value.reference?.to)}
              </Fact>
              <Fact name="Model digest">
                <code title={value.digest}>{short(value.digest)}</code>
              </Fact>
            </dl>
            <p>
              <a href={`/api/v1/${path}/card`}>Model card of {version} as a page of its own</a>, to print or
              to keep
            </p>
            <h3>Files, checked just now</h3>
            <ul class="files">
              {value.files.map((file) => (
                <li key={file.file} class={file.ok ? "good" : "bad"}>
                  <b aria-hidden="true">{file.ok ? "✓" : "✕"}</b> {file.file === "" ? "bundle" : file.file}{" "}
                  <small>{file.ok ? "matches its digest" : file.reason}</small>
                </li>
              ))}
            </ul>
            <Importance of={value.bundle_metrics} />
            <Folded title="Lineage and training (metadata.yaml)" value={value.metadata} />
            <Folded title="Metrics (metrics.json)" value={value.bundle_metrics} />
            <Folded title="Feature contract" value={value.contract} />
            {value.baseline !== null && <Folded title="Baseline it is held against" value={value.baseline} />}
          </>
        )}
      </Show>
    </Card>
  );
};

/** What the model listens to, most first. */
const Importance = (props: { of: unknown }) => {
  const shares: unknown =
    typeof props.of === "object" && props.of !== null ? Reflect.get(props.of, "importance") : null;
  if (typeof shares !== "object" || shares === null) return null;
  const ranked = Object.entries(shares)
    .flatMap(([feature, share]): [string, number][] => (typeof share === "number" ? [[feature, share]] : []))
    .sort(([, a], [, b]) => b - a)
    .slice(0, 12);
  if (ranked.length === 0) return null;
  return (
    <>
      <h3>What it listens to</h3>
      <ul class="shares">
        {ranked.map(([feature, share]) => (
          <li key={feature}>
            <span>{feature}</span>
            <meter min={0} max={1} value={share} aria-label={feature} />
            <span>{num(share * 100, 1)} %</span>
          </li>
        ))}
      </ul>
    </>
  );
};

const Compare = ({ items }: { items: readonly VersionItem[] }) => {
  const names = items.map(({ version }) => version);
  const [left, setLeft] = useState(
    items.find(({ state }) => state === "PROMOTED")?.version ?? names[0] ?? "",
  );
  const [right, setRight] = useState(names.find((name) => name !== left) ?? "");
  const of = (version: string) => items.find((item) => item.version === version)?.metrics;
  return (
    <Card
      title="Compare two"
      wide
      aside={
        <>
          <Choice label="First" value={left} options={names} onPick={setLeft} />
          <Choice label="Second" value={right} options={names} onPick={setRight} />
        </>
      }
    >
      <p class="quiet">
        Each on its own test rows: a first look, not evidence. The shadow page compares on the same requests.
      </p>
      <Table caption="Two versions side by side" head={["On its test rows", left, right, "Difference"]}>
        {METRICS.map((name) => {
          const a = metricOf(of(left), name);
          const b = metricOf(of(right), name);
          const difference = a === null || b === null || name === "n" ? null : b - a;
          const better =
            difference === null || name === "threshold"
              ? null
              : LESS.has(name)
                ? difference < 0
                : difference > 0;
          return (
            <tr key={name}>
              <th scope="row">{name === "n" ? "Rows" : words(name)}</th>
              <td>{num(a, 4)}</td>
              <td>{num(b, 4)}</td>
              <td class={better === null || difference === 0 ? "" : better ? "good" : "bad"}>
                {num(difference, 4)} {better === null || difference === 0 ? "" : better ? "better" : "worse"}
              </td>
            </tr>
          );
        })}
      </Table>
    </Card>
  );
};
