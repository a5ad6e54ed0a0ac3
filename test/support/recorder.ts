// Test support: a recorder in this process, and one as a process of its own that can be killed anywhere. Both are the real thing on
// the real neighbours; options only shorten waits or, for negative controls, leave a mechanism out.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { projectRoot } from "../../src/adapters/config.ts";
import { createFactSink } from "../../src/adapters/fact-sink.ts";
import { createStreamProgress } from "../../src/adapters/stream-progress.ts";
import { createStreamReader } from "../../src/adapters/streams.ts";
import type { StreamReaderOptions } from "../../src/adapters/streams.ts";
import type { StreamNotice } from "../../src/ports-recording.ts";
import { createRecorder } from "../../workers/record.ts";
import type { Recorder, RecorderOptions, RecorderPorts } from "../../workers/record.ts";
import type { TestStack } from "./stack.ts";

export const QUICK: Partial<StreamReaderOptions> = {
  blockMs: 100,
  lingerMs: 0,
  leaseMs: 800,
  takeoverIdleMs: 300,
};

export type LocalRecorder = Recorder & {
  readonly notices: StreamNotice[];
  readonly warnings: string[];
  readonly watermarks: number[];
  close(): Promise<void>;
};

/** A recorder in this process; `ports` replaces single ports, e.g. to fail on purpose. */
export const localRecorder = (
  stack: TestStack,
  by: {
    partition: number;
    consumer?: string;
    reader?: Partial<StreamReaderOptions>;
    recorder?: Partial<RecorderOptions>;
    ports?: Partial<RecorderPorts>;
  },
): LocalRecorder => {
  const redis = { url: stack.redisUrl };
  const [notices, warnings, watermarks]: [StreamNotice[], string[], number[]] = [[], [], []];
  const { partition, consumer = "a" } = by;
  const keep = (fields: object, message: string): void =>
    void warnings.push(`${message} ${JSON.stringify(fields)}`);
  const stream = createStreamReader({
    redis,
    kind: "events",
    partition,
    consumer,
    notice: (notice) => notices.push(notice),
    ...QUICK,
    ...by.reader,
  });
  const progress = createStreamProgress({ redis, partitions: partition + 1 });
  const sink = createFactSink(stack.clickhouse, "events");
  const recorder = createRecorder(
    {
      stream,
      facts: sink,
      letters: sink,
      progress,
      onWatermark: (ms) => Promise.resolve(void watermarks.push(ms)),
      failpoint: () => undefined,
      wallNow: () => Date.now(),
      log: { debug: () => undefined, info: () => undefined, warn: keep, error: keep },
      ...by.ports,
    },
    { watermark: { clock: "replay" }, retryMsMin: 20, adoptEveryMs: 0, ...by.recorder },
  );
  return {
    ...recorder,
    notices,
    warnings,
    watermarks,
    close: async () => {
      await Promise.all([stream.close(), progress.close()]);
    },
  };
};

export type RecorderProcess = {
  readonly pid: number;
  readonly lines: readonly string[];
  /** Resolves with the signal that ended it, or null. */
  readonly ended: Promise<NodeJS.Signals | null>;
  /** SIGTERM and the wait for its end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
};

/** A recorder as a process, from the build; resolves once it runs. */
export const spawnRecorder = async (
  stack: TestStack,
  by: {
    partition: number;
    consumer?: string;
    failpoints?: string;
    reader?: Partial<StreamReaderOptions>;
    recorder?: Partial<RecorderOptions>;
  },
): Promise<RecorderProcess> => {
  const root = projectRoot();
  if (!existsSync(join(root, "dist/workers/record.js")))
    throw new Error("dist is missing: npm run build first");
  const child = spawn(process.execPath, [join(root, "test/support/recorder-process.mjs")], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      FLYBALL_FAILPOINTS: by.failpoints ?? "",
      RECORDER: JSON.stringify({
        redisUrl: stack.redisUrl,
        clickhouseUrl: stack.clickhouseUrl,
        queriesDir: join(root, "clickhouse/queries"),
        partition: by.partition,
        consumer: by.consumer ?? "a",
        reader: { ...QUICK, ...by.reader },
        recorder: { adoptEveryMs: 0, ...by.recorder },
      }),
    },
  });
  const reap = (): void => void child.kill("SIGKILL");
  process.once("exit", reap);
  const lines: string[] = [];
  const said: string[] = [];
  createInterface(child.stderr).on("line", (line) => said.push(line));
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once("exit", (_, signal) => {
      process.off("exit", reap);
      resolve(signal);
    }),
  );
  await new Promise<void>((ready, failed) => {
    createInterface(child.stdout).on("line", (line) => {
      lines.push(line);
      ready();
    });
    child.once("exit", (code) =>
      failed(new Error(`the recorder ended with ${code}: ${said.slice(-9).join("\n")}`)),
    );
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGCONT");
    child.kill(signal);
    await gone;
  };
  return { pid: child.pid ?? 0, lines, ended, stop: () => end("SIGTERM"), kill: () => end("SIGKILL") };
};
