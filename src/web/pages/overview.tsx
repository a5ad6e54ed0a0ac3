// Web page: every model at a glance: what serves, how far it is trusted, what was decided last, what comes next and why not yet.
import type { AlertItem, ModelItem, ModelsAnswer } from "../../../contracts/read.ts";
import { briefly } from "../../core/brief.ts";
import { num, plain, when } from "../parts/format.ts";
import { Spark } from "../parts/pictures.tsx";
import { Card, Chip, Fact } from "../parts/small.tsx";
import { Show, useRead, type Resource } from "../resource.tsx";
import { pathOf } from "../route.ts";

/** The page. */
export const Overview = (props: { models: Resource<ModelsAnswer> }) => (
  <>
    <h1 tabIndex={-1}>Overview</h1>
    <Show
      of={props.models}
      empty={{
        when: ({ items }) => items.length === 0,
        say: "No model is governed yet. Train or register one; it appears here once the ledger knows it.",
      }}
    >
      {({ items }) => (
        <div class="cards">
          {items.map((item) => (
            <Model key={item.model} item={item} />
          ))}
        </div>
      )}
    </Show>
    <Alerts />
  </>
);

const Model = ({ item }: { item: ModelItem }) => {
  const newest = item.trend.at(-1);
  const page = (name: "governance" | "drift" | "versions") =>
    pathOf({ at: "model", model: item.model, page: name });
  return (
    <section class="card model">
      <header>
        <h2>
          <a href={page("governance")}>{item.model}</a>
        </h2>
        <Chip word={item.state} />
      </header>
      <dl class="facts">
        <Fact name="Serving">
          <a href={page("versions")}>{item.promoted ?? "nothing"}</a>
        </Fact>
        <Fact name="Candidate">{item.candidate ?? "none"}</Fact>
        <Fact name="Standby">{item.standby ?? "none"}</Fact>
        <Fact name="Trust">
          <b
            class={item.trust === null ? "" : item.trust >= 0.8 ? "good" : item.trust >= 0.6 ? "warn" : "bad"}
          >
            {num(item.trust, 2)}
          </b>
        </Fact>
        <Fact name={newest === undefined ? "Volume" : `Volume ${when(newest.window_start)}`}>
          {num(newest?.volume)}
        </Fact>
        <Fact name={`Since ${when(item.open.since)}`}>
          {num(item.open.requests)}
          {item.open.newest !== null && <small> newest {item.open.newest.slice(11, 16)}</small>}
        </Fact>
        <Fact name="Features in breach">
          <a href={page("drift")}>{num(item.trend.findLast((point) => point.breaches !== null)?.breaches)}</a>
        </Fact>
      </dl>
      <small>Requests by window, the last thirty days</small>
      <Spark
        label={`Requests by window, newest ${newest?.volume ?? "unknown"}`}
        values={item.trend.map(({ volume }) => volume)}
      />
      {item.last_decision === null ? (
        <p class="empty">No window has been decided yet.</p>
      ) : (
        <p class="decided">
          <Chip word={item.last_decision.action} />{" "}
          <a href={pathOf({ at: "decision", id: item.last_decision.id })}>
            {plain(briefly(item.last_decision.sentence))}
          </a>{" "}
          <small>{when(item.last_decision.window_end)}</small>
        </p>
      )}
      <div class="outlook">
        <h3>Next</h3>
        <p>{plain(item.outlook.next)}</p>
        {item.outlook.why_not_yet.length > 0 && (
          <>
            <h3>Why not yet</h3>
            <ul>
              {item.outlook.why_not_yet.slice(0, 4).map((why) => (
                <li key={why}>{plain(why)}</li>
              ))}
              {item.outlook.why_not_yet.length > 4 && (
                <li>
                  <a href={page("governance")}>{item.outlook.why_not_yet.length - 4} more</a>
                </li>
              )}
            </ul>
          </>
        )}
      </div>
    </section>
  );
};

const Alerts = () => {
  const alerts = useRead<{ items: AlertItem[] }>("alerts?limit=8");
  return (
    <Card title="Recent alerts" wide>
      <Show of={alerts} empty={{ when: ({ items }) => items.length === 0, say: "No alert so far." }}>
        {({ items }) => (
          <ul class="list">
            {items.map((alert) => (
              <li key={alert.id}>
                <Chip word={alert.severity} />
                <span>
                  <a href={pathOf({ at: "decision", id: alert.decision_id })}>{plain(alert.detail)}</a>
                  <small>
                    {alert.model} · {when(alert.at)} · {deliveryOf(alert)}
                  </small>
                </span>
              </li>
            ))}
          </ul>
        )}
      </Show>
    </Card>
  );
};

const deliveryOf = ({ delivered }: AlertItem): string =>
  Object.entries(delivered)
    .map(([channel, outcome]) => `${channel}: ${outcome}`)
    .join(", ");
