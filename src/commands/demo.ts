// Door: `flyball demo`, the whole loop on real flights with everything on this machine. No step is scripted to succeed: the outcome is
// whatever the evidence says. The one thing staged is announced: from 1 to 3 May the client sends kilometres for miles.
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import type { Stores } from "../wiring.ts";
import { createLookout } from "./demo-lookout.ts";
import { bootstrap, MODEL, prepare, tellClock } from "./demo-setup.ts";

interface Flags {
  flights: number;
  days?: number;
  exit?: boolean;
  json?: string;
  port: number;
}

const DAY_MS = 86_400_000;
/** The announced fault: distances in kilometres, from this instant to that one. */
const KILOMETRES = {
  fromMs: Date.parse("2001-05-01T00:00:00Z"),
  toMs: Date.parse("2001-05-04T00:00:00Z"),
  factor: 1.609344,
};

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("demo")
    .description(
      "the whole loop on real flights: serve, watch, retrain, shadow, decide; then a dashboard until Ctrl-C",
    )
    .option(
      "--flights <number>",
      "flights to replay from February to June 2001, sampled evenly",
      whole,
      300_000,
    )
    .option("--days <number>", "only so many days", whole)
    .option("--port <number>", "port of the api and dashboard; 0 takes a free one", whole, 0)
    .option("--exit", "end by itself when the replay is over")
    .option("--json <file>", "write a summary to this file")
    .action(demo);
};

const demo = async (flags: Flags): Promise<void> => {
  const began = performance.now();
  const { say } = await import("./demo-display.ts");
  const home = freshHome();
  const env = {
    ...process.env,
    FLYBALL_HOME: home,
    FLYBALL_CLOCK: "replay",
    FLYBALL_API_PORT: String(flags.port),
    FLYBALL_STREAMS_PARTITIONS: "2",
    FLYBALL_WINDOWS_SIZES: '["6h","24h","7d"]',
    FLYBALL_WINDOWS_ALLOWED_LATENESS: "0s",
  };
  process.env["FLYBALL_HOME"] = home;
  say(`state in ${path.relative(process.cwd(), home) || home}`);
  const { startStack } = await import("../stack.ts");
  const ending = new AbortController();
  const starting = startStack(env, say);
  const stop = onEnd(ending, starting);
  try {
    // Before a version exists: the book dates each by this clock, and two runs must keep the same book.
    const begun = starting.then(({ apiUrl }) => tellClock(apiUrl));
    begun.catch(() => undefined);
    const prepared = await prepare(flags, say, begun);
    const stack = await starting;
    const { loadConfig } = await import("../adapters/config.ts");
    const { wireStores } = await import("../wiring.ts");
    const stores = wireStores(loadConfig(env), "demo");
    try {
      const { journal, moments } = await run(flags, {
        stores,
        api: stack.apiUrl,
        prepared,
        signal: ending.signal,
        say,
      });
      const { summarise } = await import("../stages/summary.ts");
      const { story } = await import("./demo-display.ts");
      const summary = await summarise(await summaryPorts(stores), MODEL);
      const wall = (performance.now() - began) / 1000;
      say(story(summary, journal, moments, stack.apiUrl));
      if (flags.json !== undefined) {
        const { answered, invalid, labels } = journal;
        const whole = {
          predictions: answered + invalid,
          labels_sent: labels,
          ...summary,
          wall_seconds: Math.round(wall * 10) / 10,
        };
        writeFileSync(flags.json, `${JSON.stringify(whole, null, 2)}\n`);
      }
      const sound =
        journal.answered + journal.invalid === summary.predictions_recorded &&
        journal.labels === summary.labels_recorded &&
        summary.duplicates === 0 &&
        summary.audit_verified &&
        summary.replay_identical;
      if (!sound) {
        process.stderr.write("the stores do not say what was sent: see the summary above\n");
        process.exitCode = 1;
      }
    } finally {
      await stores.close();
    }
    if (flags.exit !== true && !ending.signal.aborted) {
      say("The stack keeps running. Ctrl-C drains and stops it.");
      await new Promise<void>((resolve) =>
        ending.signal.addEventListener("abort", () => resolve(), { once: true }),
      );
    }
  } finally {
    await stop();
  }
};

/** A fresh `.flyball/demo`; the last one is renamed by when it was made. */
const freshHome = (): string => {
  const home = path.resolve(".flyball", "demo");
  if (existsSync(home)) {
    const made = statSync(home).birthtime.toISOString().replace(/[:.]/g, "-").slice(0, 19);
    let old = `${home}-${made}`;
    for (let again = 2; existsSync(old); again++) old = `${home}-${made}-${again}`;
    renameSync(home, old);
  }
  mkdirSync(home, { recursive: true });
  return home;
};

/** Ctrl-C and SIGTERM end the replay after the step at hand; a second one ends at once. */
const onEnd = (ending: AbortController, starting: Promise<{ stop(): Promise<void> }>) => {
  let signals = 0;
  const end = (): void => {
    signals += 1;
    if (signals > 1) process.exit(130);
    process.stderr.write("\ndraining…\n");
    ending.abort();
  };
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  starting.catch(() => undefined);
  return async (): Promise<void> => {
    const stack = await starting.catch(() => null);
    await stack?.stop();
    process.off("SIGINT", end);
    process.off("SIGTERM", end);
  };
};

const run = async (
  flags: Flags,
  by: {
    stores: Stores;
    api: string;
    prepared: Awaited<ReturnType<typeof prepare>>;
    signal: AbortSignal;
    say: (text: string) => void;
  },
) => {
  const { createHttpClient } = await import("../adapters/http-client.ts");
  const { createQueues } = await import("../adapters/queues.ts");
  const { createReplaySource } = await import("../adapters/replay-source.ts");
  const { replay } = await import("../stages/replay.ts");
  const { briefly } = await import("../core/brief.ts");
  const { createDisplay, telling } = await import("./demo-display.ts");
  const { stores, api, prepared, signal, say } = by;
  const client = createHttpClient(api);
  const source = createReplaySource(prepared.frozen, prepared.contract, {
    distort: (features, atMs) =>
      atMs >= KILOMETRES.fromMs && atMs < KILOMETRES.toMs
        ? { ...features, distance: Number(features["distance"]) * KILOMETRES.factor }
        : features,
  });
  const display = createDisplay();
  const moments: { at: string; text: string }[] = [];
  const alerts: string[] = [];
  const queues = createQueues(stores.redisUrl);
  const lookout = createLookout({
    givenUp: queues.givenUp,
    say: display.note,
    log: path.join(stores.config.home, "logs", "workers.log"),
    monotonicMs: () => performance.now(),
  });
  const pause = async (ms: number): Promise<void> => {
    await lookout.look();
    await new Promise((resolve) => setTimeout(resolve, ms));
  };
  let seen = 0;
  let told = "none yet";
  let lastEnd: number | null = null;
  const startedAt = performance.now();
  const look = async (): Promise<void> => {
    for (const entry of await stores.ledger.read(seen, 1_000)) {
      seen = entry.seq;
      for (const event of entry.events) {
        const text = telling(event, entry.reason, entry.actor);
        if (text !== null) moments.push({ at: entry.at, text });
      }
    }
    for (const { decision } of await stores.decisions.after(MODEL, lastEnd, 100)) {
      lastEnd = Date.parse(decision.window_end);
      told = `${decision.action}: ${briefly(decision.sentence)}`;
      for (const alert of decision.alerts) {
        alerts.push(`${decision.window_start.slice(5, 10)} ${alert.alert}`);
        moments.push({ at: decision.at, text: `alert ${alert.alert} (${alert.severity}): ${alert.detail}` });
      }
    }
  };
  try {
    await bootstrap(stores, prepared.first, { say, pause });
    say(`announced fault: from 1 to 3 May the client sends distances in kilometres`);
    const journal = await replay(
      {
        post: client.post,
        get: client.get,
        pause,
        signal,
        onStep: async (now, atMs) => {
          lookout.moved();
          await look();
          const state = (await stores.ledger.state()).models[MODEL];
          const candidate = state?.candidate ?? null;
          display.show({
            day: new Date(atMs - DAY_MS).toISOString().slice(0, 10),
            journal: now,
            flights: source.rows,
            perSecond: (now.answered + now.invalid) / ((performance.now() - startedAt) / 1000),
            promoted: state?.promoted ?? "nothing",
            candidate:
              candidate === null ? "none" : `${candidate} (${state?.versions[candidate]?.state ?? "?"})`,
            decision: told,
            alerts,
          });
        },
      },
      source,
      {
        model: MODEL,
        stepMs: DAY_MS,
        labelDelayMs: DAY_MS,
        labelShare: 0.6,
        concurrency: 256,
        labelsAtOnce: 500,
      },
    );
    await look();
    return { journal, moments };
  } finally {
    await queues.close();
    await client.close();
  }
};

const summaryPorts = async (stores: Stores) => {
  const { createCheckpoints } = await import("../adapters/checkpoints.ts");
  const { audit } = await import("../stages/audit.ts");
  const checkpoints = createCheckpoints({ home: stores.config.home });
  return {
    query: (name: string, parameters: Record<string, string>) => stores.clickhouse.query(name, parameters),
    decisions: stores.decisions,
    entries: () => stores.ledger.read(0, 1_000_000),
    auditOk: async () => (await audit({ ...stores.ledger.evidence(), checkpoints: checkpoints.all })).ok,
  };
};

const whole = (value: string): number => {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError("expected a whole number");
  return Number(value);
};
