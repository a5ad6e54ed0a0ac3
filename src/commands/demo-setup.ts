// Door: what the demo does before it sends the first flight: freezes January and the flights to replay, trains the baseline and the first
// candidate, tells event time, and promotes the baseline by the explicit bootstrap.
import { existsSync } from "node:fs";
import path from "node:path";
import type { Stores } from "../wiring.ts";

/** The model, and the months its flights are replayed of. */
export const MODEL = "flight-delay";
const CONTRACT = "flight-delay@1.0.0";
const FROM = "2001-02-01";
const TO = "2001-07-01";
const DAY_MS = 86_400_000;

/** Freezes January and the flights to replay, trains the baseline and the first candidate. */
export const prepare = async (
  flags: { readonly flights: number; readonly days?: number },
  say: (text: string) => void,
  begun: Promise<void>,
) => {
  const { homeOf, readContract, withEngine } = await import("./offline.ts");
  const { createDatasets } = await import("../adapters/dataset-store.ts");
  const { readFrozen } = await import("../adapters/dataset.ts");
  const { sqlText } = await import("../adapters/dataset-source.ts");
  const { projectRoot } = await import("../adapters/config.ts");
  const { freeze } = await import("../stages/freeze.ts");
  const { trainOn } = await import("./train.ts");
  const root = projectRoot();
  const file = path.join(root, "node_modules", "vega-datasets", "data", "flights-3m.parquet");
  if (!existsSync(file))
    throw new Error("the flights are missing: run scripts/setup.sh (npm package vega-datasets)");
  const { contract, digest } = await readContract(
    path.join(root, "contracts", "features", `${CONTRACT}.yaml`),
  );
  const sqlOf = (name: string): Promise<string> =>
    sqlText(`@${path.join(root, "contracts", "features", name)}`);
  const to =
    flags.days === undefined
      ? TO
      : new Date(Date.parse(FROM) + flags.days * DAY_MS).toISOString().slice(0, 10);
  return withEngine(homeOf(), async (engineUrl) => {
    const datasets = createDatasets({ home: homeOf(), engineUrl });
    const keep = async (as: string, sql: string, parameters: Record<string, string>) => {
      const frozen = await freeze(datasets, {
        contract,
        contractDigest: digest,
        source: { kind: "sql", sql, parameters },
        as,
        labels: "required",
      });
      if (!frozen.ok)
        throw new Error(`${as}: ${frozen.findings.total} violations of the contract; nothing was written`);
      say(`froze ${as}: ${frozen.manifest.rows} flights, digest ${frozen.manifest.digest.slice(0, 12)}`);
    };
    await keep("january", await sqlOf("flight-delay.sql"), {
      flights: file,
      from: "2001-01-01 00:00:00",
      to: "2001-02-01 00:00:00",
    });
    await keep("replay", await sqlOf("flight-delay-sample.sql"), {
      source: file,
      from: `${FROM} 00:00:00`,
      to: `${to} 00:00:00`,
      flights: String(flags.flights),
    });
    const january = await readFrozen(homeOf(), "january", engineUrl);
    await begun;
    const versions: string[] = [];
    for (const family of ["logistic-regression", "gradient-boosted-trees"] as const) {
      const trained = await trainOn({
        contract,
        digest,
        frozen: january,
        test: null,
        how: { family },
        split: "temporal",
        seed: 1,
        search: 1,
        threads: 2,
      });
      if (!trained.ok) throw new Error(`training was refused: ${trained.refused}: ${trained.detail}`);
      const { roc_auc, f1, brier } = trained.metrics.test;
      say(
        `trained ${trained.model}@${trained.version}, ${family}: AUC ${show(roc_auc)}, F1 ${show(f1)}, Brier ${show(brier)}`,
      );
      versions.push(trained.version);
    }
    const [first = ""] = versions;
    return { contract, first, frozen: await readFrozen(homeOf(), "replay", engineUrl) };
  });
};

const show = (value: number | null): string => (value === null ? "–" : value.toFixed(3));

/** Tells event time for the first time. */
export const tellClock = async (api: string): Promise<void> => {
  const { createHttpClient } = await import("../adapters/http-client.ts");
  const client = createHttpClient(api);
  try {
    const told = await client.post("/api/v1/clock", JSON.stringify({ now: `${FROM}T00:00:00.000Z` }));
    if (told.status !== 200) throw new Error(`clock answered ${told.status}: ${told.body}`);
  } finally {
    await client.close();
  }
};

/** Promotes the baseline by the explicit bootstrap. */
export const bootstrap = async (
  stores: Stores,
  version: string,
  { say, pause }: { readonly say: (text: string) => void; readonly pause: (ms: number) => Promise<void> },
): Promise<void> => {
  const { giveCommand, commandOf } = await import("../stages/command.ts");
  const now = `${FROM}T00:00:00.000Z`;
  const until = performance.now() + 30_000;
  const patience = async (what: string): Promise<void> => {
    if (performance.now() > until) throw new Error(`${what} within 30 s: see the logs`);
    await pause(50);
  };
  const isBooked = async (): Promise<boolean> =>
    (await stores.ledger.state()).models[MODEL]?.versions[version] !== undefined;
  while (!(await isBooked())) await patience("the registry's bundles did not reach the ledger");
  const wish = {
    // Derived, not drawn: it enters the evidence, and two runs must give the same decisions.
    commandId: `bootstrap-${version}`,
    model: MODEL,
    command: "promote",
    version,
    actor: "demo",
    reason: "bootstrap: the baseline goes first; whatever follows has to prove itself on trial",
    expiresAt: null,
    generation: null,
    at: now,
  } as const;
  const given = await giveCommand(stores.ledger, wish);
  if (given.outcome !== "recorded") throw new Error(`the bootstrap was ${given.outcome}`);
  for (;;) {
    const model = (await stores.ledger.state()).models[MODEL];
    const command = model === undefined ? null : commandOf(model, wish.commandId);
    if (command?.status === "refused") throw new Error(`the bootstrap was refused: ${command.detail}`);
    if (command?.status === "done") break;
    await patience("the bootstrap was not carried out");
  }
  say(`bootstrapped ${MODEL}@${version}: the baseline serves; the other waits to shadow`);
};
