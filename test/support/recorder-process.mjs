// Test support: one recorder as a process of its own, from the build, so that a test can kill it anywhere. Its settings come as JSON in
// RECORDER; FLYBALL_FAILPOINTS says where it dies. It prints one line `ready` and records until SIGTERM.
import { createClickhouse } from "../../dist/src/adapters/clickhouse.js";
import { createFailpoints } from "../../dist/src/adapters/failpoints.js";
import { createFactSink } from "../../dist/src/adapters/fact-sink.js";
import { createStreamProgress } from "../../dist/src/adapters/stream-progress.js";
import { createStreamReader } from "../../dist/src/adapters/streams.js";
import { createRecorder } from "../../dist/workers/record.js";

const settings = JSON.parse(process.env.RECORDER);
const { redisUrl, clickhouseUrl, queriesDir, partition, consumer, reader = {}, recorder = {} } = settings;
const redis = { url: redisUrl };
const say = (level) => (fields, message) =>
  process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
const log = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
const clickhouse = createClickhouse({ url: clickhouseUrl, database: "flyball", queriesDir });
const sink = createFactSink(clickhouse, "events");
const notice = (found) => log.info(found, "stream");
const stream = createStreamReader({ redis, kind: "events", partition, consumer, notice, ...reader });
const progress = createStreamProgress({ redis, partitions: partition + 1 });
const onWatermark = async (ms) => process.stdout.write(`watermark ${ms}\n`);
const failpoint = createFailpoints(process.env.FLYBALL_FAILPOINTS, Math.random);
const ports = {
  stream,
  facts: sink,
  letters: sink,
  progress,
  onWatermark,
  failpoint,
  wallNow: Date.now,
  log,
};
const work = createRecorder(ports, { watermark: { clock: "replay" }, retryMsMin: 20, ...recorder });

const ending = new AbortController();
process.once("SIGTERM", () => ending.abort());
process.stdout.write("ready\n");
await work.run(ending.signal);
await Promise.all([stream.close(), progress.close(), clickhouse.close()]);
