// Web: the shell: where one can go, which model is looked at, how fresh the picture is, and the key's form where the api asks for one.
import { render } from "preact";
import "@preact/signals";
import type { ModelItem, ModelsAnswer } from "../../contracts/read.ts";
import { connection, greet, listen, needsKey } from "./api.ts";
import { Audit } from "./pages/audit.tsx";
import { DecisionPage, Decisions } from "./pages/decisions.tsx";
import { Drift } from "./pages/drift.tsx";
import { Governance } from "./pages/governance.tsx";
import { Overview } from "./pages/overview.tsx";
import { Performance } from "./pages/performance.tsx";
import { Reports } from "./pages/reports.tsx";
import { Shadow } from "./pages/shadow.tsx";
import { Versions } from "./pages/versions.tsx";
import { when, words } from "./parts/format.ts";
import { KeyForm, Who } from "./parts/session.tsx";
import { useRead } from "./resource.tsx";
import { go, lastModel, PAGES, pathOf, route, startRouting, type PageName, type Route } from "./route.ts";

/** Requests are no news: what the open window holds is asked for. */
const COUNTED_EVERY_MS = 15_000;

const App = () => {
  const here = route.value;
  const models = useRead<ModelsAnswer>(
    needsKey.value ? null : "models",
    here.at === "overview" ? COUNTED_EVERY_MS : null,
  );
  const items = models.value?.items ?? [];
  const model = here.at === "model" ? here.model : (lastModel.value ?? items[0]?.model ?? null);
  document.title = `${titleOf(here)} · Flyball`;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <a class="brand" href="/dashboard">
          <img src="/assets/icon.svg" alt="" width="24" height="24" /> Flyball
        </a>
        <Fresh answer={models.value} />
        <Who />
      </header>
      <Navigation here={here} model={model} items={items} />
      <main id="main">
        {needsKey.value ? (
          <KeyForm />
        ) : here.at === "overview" ? (
          <Overview models={models} />
        ) : (
          <Page here={here} items={items} now={models.value?.now ?? null} />
        )}
      </main>
    </>
  );
};

const titleOf = (here: Route): string => {
  switch (here.at) {
    case "model":
      return `${words(here.page)} · ${here.model}`;
    case "decision":
      return "Decision";
    default:
      return words(here.at);
  }
};

const Page = (props: { here: Route; items: readonly ModelItem[]; now: string | null }) => {
  const { here, items, now } = props;
  switch (here.at) {
    case "overview":
      return null;
    case "audit":
      return <Audit />;
    case "decision":
      return <DecisionPage key={here.id} id={here.id} />;
    case "model":
      return (
        <ModelPage
          key={`${here.model}/${here.page}`}
          model={here.model}
          page={here.page}
          item={items.find(({ model }) => model === here.model)}
          now={now}
        />
      );
  }
};

const ModelPage = (props: {
  model: string;
  page: PageName;
  item: ModelItem | undefined;
  now: string | null;
}) => {
  const { model, page, item, now } = props;
  switch (page) {
    case "drift":
      return <Drift model={model} now={now} />;
    case "performance":
      return <PerformanceOf model={model} promoted={item?.promoted ?? null} />;
    case "shadow":
      return <Shadow model={model} />;
    case "versions":
      return <Versions model={model} />;
    case "governance":
      return <Governance model={model} />;
    case "decisions":
      return <Decisions model={model} />;
    case "reports":
      return <Reports model={model} />;
  }
};

/** The baseline of the promotion is drawn beside what was realised since. */
const PerformanceOf = ({ model, promoted }: { model: string; promoted: string | null }) => {
  const path = promoted === null ? null : `models/${encodeURIComponent(model)}/versions/${promoted}`;
  const version = useRead<{ baseline: unknown }>(path);
  return <Performance model={model} promoted={promoted} baseline={version.value?.baseline ?? null} />;
};

const Navigation = (props: { here: Route; model: string | null; items: readonly ModelItem[] }) => {
  const { here, model, items } = props;
  const link = (to: Route, name: string) => (
    <a href={pathOf(to)} aria-current={pathOf(to) === pathOf(here) ? "page" : undefined}>
      {name}
    </a>
  );
  return (
    <nav aria-label="Pages">
      {link({ at: "overview" }, "Overview")}
      {model !== null && (
        <div class="of-model">
          <label>
            <span class="heard">Model</span>
            <select
              value={model}
              onChange={(event) =>
                go({
                  at: "model",
                  model: event.currentTarget.value,
                  page: here.at === "model" ? here.page : "governance",
                })
              }
            >
              {(items.length === 0 ? [{ model }] : items).map((item) => (
                <option key={item.model}>{item.model}</option>
              ))}
            </select>
          </label>
          {PAGES.map((page) => (
            <span key={page}>{link({ at: "model", model, page }, words(page))}</span>
          ))}
        </div>
      )}
      {link({ at: "audit" }, "Audit")}
      <a href="/jobs">Jobs</a>
      <a href="/docs">API</a>
    </nav>
  );
};

const Fresh = ({ answer }: { answer: ModelsAnswer | null }) => (
  <p class="fresh" role="status">
    <span class={`lamp ${connection.value}`} aria-hidden="true" />
    <span>
      {connection.value === "live"
        ? "Live"
        : connection.value === "stale"
          ? "Not live: showing what was last read"
          : "Connecting"}
    </span>
    {answer !== null && (
      <span class="clock">
        {answer.clock === "replay" ? "replay, " : ""}
        {when(answer.now)} UTC
      </span>
    )}
  </p>
);

startRouting();
await greet();
listen();
const place = document.getElementById("app");
if (place !== null) {
  place.textContent = "";
  render(<App />, place);
}
