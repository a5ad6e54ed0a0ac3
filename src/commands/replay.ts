// Door: `flyball replay`: drives a running stack (`clock: replay`) with your own data, as its clients would have. An interrupted replay goes
// on where event time stands when it is started again; nothing is counted twice.
import { InvalidArgumentError, type Command } from "commander";
import { durationMs, isDuration } from "../core/duration.ts";
import type { HttpClient } from "../adapters/http-client.ts";

interface Flags {
  contract: string;
  data: string;
  labelDelay: number;
  labelShare: number;
  step: number;
  start?: string;
  span: number;
  url?: string;
  json?: boolean;
}

const DAY_MS = 86_400_000;
/** Requests under way at once: enough to keep an api busy, few enough not to be shed. */
const CONCURRENCY = 128;
const LABELS_AT_ONCE = 500;

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("replay")
    .description("drive a running stack with your own data, day by day of its event time")
    .requiredOption("--contract <name@version>", "the feature contract, or its file")
    .requiredOption("--data <data>", "a frozen dataset, or a .csv, .jsonl (each also .gz) or .parquet file")
    .option("--label-delay <duration>", "how long after its prediction a label comes", length, DAY_MS)
    .option("--label-share <share>", "share of rows whose label ever comes", share, 0.6)
    .option("--step <duration>", "how far event time moves at once", length, DAY_MS)
    .option("--start <time>", "for data without event time: when its first row happened")
    .option("--span <duration>", "for data without event time: how long all of it took", length, 30 * DAY_MS)
    .option("--url <url>", "the api (default: the running stack's)")
    .option("--json", "machine output")
    .action(run);
};

const run = async (flags: Flags): Promise<void> => {
  const { answer } = await import("./offline.ts");
  const { progressBar } = await import("./progress.ts");
  const { withApi } = await import("./api.ts");
  const { replay } = await import("../stages/replay.ts");
  const { source, model } = await sourceOf(flags);
  if (source.rows === 0) throw new Error(`${flags.data}: no rows`);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  const bar = progressBar("replaying");
  const journal = await withApi(flags.url, async (client, at) => {
    const resumeMs = await begin(client, at, model, source.eventTimeMs(0), flags.step);
    return replay(
      {
        post: client.post,
        get: client.get,
        pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
        signal: ending.signal,
        onStep: ({ answered, invalid, passed }, atMs) =>
          bar.at(passed + answered + invalid, source.rows, new Date(atMs).toISOString().slice(0, 10)),
      },
      source,
      {
        model,
        stepMs: flags.step,
        labelDelayMs: flags.labelDelay,
        labelShare: flags.labelShare,
        concurrency: CONCURRENCY,
        labelsAtOnce: LABELS_AT_ONCE,
        ...(resumeMs === null ? {} : { resumeMs }),
      },
    );
  }).finally(() => {
    bar.end();
    process.off("SIGINT", end).off("SIGTERM", end);
  });
  const { answered, invalid, passed, labels, steps, settledMs } = journal;
  const settled = settledMs === null ? null : new Date(settledMs).toISOString();
  answer(
    flags,
    { model, rows: source.rows, answered, invalid, passed, labels, steps, settled_through: settled },
    [
      `${model}: ${answered} answered, ${invalid} refused as invalid, ${labels} labels; settled through ${settled ?? "nothing"}`,
      ...(passed > 0 ? [`${passed} rows lie before the event time already told, and were not sent`] : []),
    ].join("\n"),
  );
  if (!ending.signal.aborted) return;
  process.exitCode = 1;
  process.stderr.write("interrupted: the same command goes on where it ended\n");
};

const sourceOf = async (flags: Flags) => {
  const { homeOf, readContract, withEngine } = await import("./offline.ts");
  const { readRows } = await import("./rows.ts");
  const { instantOf } = await import("./stores.ts");
  const { createReplaySource } = await import("../adapters/replay-source.ts");
  const { contract, digest: contractDigest } = await readContract(flags.contract);
  if (contract.event_time === null && flags.start === undefined)
    throw new Error(
      `${contract.name} has no event time: say with --start (and --span) when its rows happened`,
    );
  const frozen = await withEngine(homeOf(), (engineUrl) =>
    readRows(flags.data, { home: homeOf(), engineUrl, contract, contractDigest }),
  );
  const spread =
    flags.start === undefined ? null : { startMs: instantOf(flags.start, "--start"), lengthMs: flags.span };
  return { source: createReplaySource(frozen, contract, { spread }), model: contract.name };
};

/** Tells event time for the first time if nobody has, and makes sure that there is a model to ask; answers where event time stands. */
const begin = async (
  client: HttpClient,
  at: string,
  model: string,
  firstMs: number,
  stepMs: number,
): Promise<number | null> => {
  const { asked, detailOf } = await import("./api.ts");
  const clock = await client.get("/api/v1/clock").catch(() => null);
  if (clock !== null && clock.status === 422)
    throw new Error(
      `the api at ${at} goes by the wall clock: start the stack with FLYBALL_CLOCK=replay, or send labels of real traffic with flyball labels load`,
    );
  const { body } = await asked(at, "clock", client.get("/api/v1/clock"));
  const toldMs = nowOf(body);
  const startMs = Math.floor(firstMs / stepMs) * stepMs;
  if (toldMs < startMs)
    await asked(
      at,
      "clock",
      client.post("/api/v1/clock", JSON.stringify({ now: new Date(startMs).toISOString() })),
    );
  const ready = await client.get(`/v2/models/${encodeURIComponent(model)}/ready`);
  if (ready.status >= 400)
    throw new Error(
      `${model} cannot be asked: ${detailOf(ready.body)} Promote its first version (flyball governance promote ${model}@VERSION --reason …), then replay again`,
    );
  return toldMs > startMs ? toldMs : null;
};

const nowOf = (body: string): number => {
  const value: unknown = JSON.parse(body);
  const now = typeof value === "object" && value !== null && "now" in value ? value.now : null;
  const ms = typeof now === "string" ? Date.parse(now) : NaN;
  if (Number.isNaN(ms)) throw new Error("the api does not tell its event time");
  return ms;
};

const length = (text: string): number => {
  if (!isDuration(text) || durationMs(text) === 0)
    throw new InvalidArgumentError("expected a duration such as 30m, 24h or 7d");
  return durationMs(text);
};

const share = (text: string): number => {
  const value = Number(text);
  if (!(value >= 0 && value <= 1) || text.trim() === "")
    throw new InvalidArgumentError("expected a number from 0 to 1");
  return value;
};
