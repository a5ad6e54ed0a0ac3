// deploy/recorders: the workers' health check. Exits 0 when some recorder of every stream partition asked Redis for work lately: a
// recorder that hangs, or cannot reach Redis, does not.
import { Redis } from "ioredis";
import { loadConfig } from "../dist/src/adapters/config.js";
import { RECORDERS, streamKey } from "../dist/contracts/event.js";

/** Recorders block for seconds at most; one silent for this long is ill (ms). */
const SILENT_MS = 60_000;

const { service } = loadConfig();
const redis = new Redis(service.redis.url, { connectTimeout: 2_000, maxRetriesPerRequest: 1 });
redis.on("error", () => undefined); // told by the failing command
try {
  const streams = ["events", "labels"].flatMap((kind) =>
    Array.from({ length: service.streams.partitions }, (_, partition) => streamKey(kind, partition)),
  );
  const answers = await Promise.all(streams.map((key) => redis.xinfo("CONSUMERS", key, RECORDERS)));
  const idleOf = (consumer) => Number(consumer[consumer.indexOf("idle") + 1]);
  const silent = streams.filter((_, at) => !answers[at].some((consumer) => idleOf(consumer) < SILENT_MS));
  if (silent.length > 0) process.stderr.write(`no recorder asks for ${silent.join(", ")}\n`);
  process.exitCode = silent.length > 0 ? 1 : 0;
} catch (cause) {
  process.stderr.write(`${cause.message}\n`);
  process.exitCode = 1;
} finally {
  redis.disconnect();
}
