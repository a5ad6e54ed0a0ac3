// Web page: a shadow beside production on the same requests: the evidence as it grew, against what it must reach; how far the scores differ;
// and the windows it was measured in.
import { useState } from "preact/hooks";
import type { ShadowEvidence, ShadowItem } from "../../../contracts/read.ts";
import { num, when } from "../parts/format.ts";
import { LineChart } from "../parts/line-chart.tsx";
import { DeltaBars, Scatter } from "../parts/pictures.tsx";
import { Card, Choice, Fact, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";

/** The page. */
export const Shadow = ({ model }: { model: string }) => {
  const base = `models/${encodeURIComponent(model)}/shadow`;
  const [asked, ask] = useState<string | null>(null);
  const evidence = useRead<ShadowEvidence>(`${base}/evidence${asked === null ? "" : `?version=${asked}`}`);
  const version = evidence.value?.version ?? null;
  const windows = useRead<{ items: ShadowItem[] }>(
    version === null ? null : `${base}?scope=all&version=${version}&limit=60`,
  );
  return (
    <>
      <h1 tabIndex={-1}>Shadow</h1>
      <Show
        of={evidence}
        empty={{ when: (value) => value.version === null, say: "No version has run beside production yet." }}
      >
        {(value) => (
          <>
            <Choice label="Version" value={value.version ?? ""} options={optionsOf(value)} onPick={ask} />
            <Evidence evidence={value} />
            <div class="pair">
              <Card title="How far the scores differ">
                {value.delta.every(({ pairs }) => pairs === 0) ? (
                  <p class="empty">No pairs yet.</p>
                ) : (
                  <DeltaBars delta={value.delta} />
                )}
              </Card>
              <Card title="The same requests, both scores">
                {value.sample.length === 0 ? (
                  <p class="empty">No pairs in its newest window.</p>
                ) : (
                  <Scatter sample={value.sample} />
                )}
              </Card>
            </div>
          </>
        )}
      </Show>
      {version !== null && (
        <Card title="Windows" wide>
          <Show
            of={windows}
            empty={{ when: ({ items }) => items.length === 0, say: "None of its windows has matured." }}
          >
            {({ items }) => <Windows items={items} />}
          </Show>
        </Card>
      )}
    </>
  );
};

/** A trial that has just begun has no windows yet, and is shown all the same. */
const optionsOf = ({ version, versions }: ShadowEvidence): readonly string[] =>
  version === null || versions.includes(version) ? versions : [version, ...versions];

const Evidence = ({ evidence }: { evidence: ShadowEvidence }) => {
  const newest = evidence.points.at(-1);
  const known = evidence.points.filter(({ log_e }) => log_e !== null);
  const threshold = newest?.threshold ?? null;
  if (newest === undefined)
    return (
      <Card title="Evidence" wide>
        <p class="empty">No decision has weighed this version yet.</p>
      </Card>
    );
  return (
    <Card
      title={
        newest.role === "candidate" ? "Evidence that it is better" : "Evidence that its successor does harm"
      }
      wide
    >
      <dl class="facts">
        <Fact name="ln E now">{num(newest.log_e)}</Fact>
        <Fact name={newest.role === "candidate" ? "Promotes at" : "Rolls back at"}>{num(threshold)}</Fact>
        <Fact name="Pairs">{num(newest.pairs)}</Fact>
        <Fact name="With label">{num(newest.matured)}</Fact>
      </dl>
      {known.length === 0 ? (
        <p class="empty">Not enough matured blocks to bet on yet.</p>
      ) : (
        <LineChart
          title="Sequential evidence by decision"
          at={known.map(({ window_end }) => window_end)}
          lines={[{ label: "ln E", tone: 1, values: known.map(({ log_e }) => log_e) }]}
          marks={threshold === null ? [] : [{ label: "threshold", value: threshold }]}
        />
      )}
      <p class="quiet">
        E grows by betting on each block of paired squared errors; looking every day costs nothing. ln E 0
        means no evidence either way.
      </p>
    </Card>
  );
};

const Windows = ({ items }: { items: readonly ShadowItem[] }) => (
  <Table
    caption="Paired windows"
    head={[
      "Window",
      "Production",
      "Pairs",
      "Unpaired",
      "Failed",
      "Labelled",
      "Brier, shadow",
      "Brier, production",
      "Difference",
    ]}
  >
    {items.map((item) => (
      <tr key={`${item.window_start}/${item.production_version}`}>
        <th scope="row">{when(item.window_start)}</th>
        <td>{item.production_version}</td>
        <td>{num(item.pairs)}</td>
        <td>{num(item.unpaired)}</td>
        <td>{num(item.errors + item.timeouts + item.sheds)}</td>
        <td>{num(item.matured)}</td>
        <td>{num(item.brier, 4)}</td>
        <td>{num(item.production_brier, 4)}</td>
        <td class={item.mean_difference === null ? "" : item.mean_difference < 0 ? "good" : "bad"}>
          {item.mean_difference !== null && item.mean_difference < 0
            ? "better "
            : item.mean_difference === null
              ? ""
              : "worse "}
          {num(item.mean_difference, 5)}
        </td>
      </tr>
    ))}
  </Table>
);
