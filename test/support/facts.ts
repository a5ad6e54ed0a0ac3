// Test support: published rows and the checker over what became of them (Jepsen's set): acknowledged ⊆ facts, multiplicity one, sums equal.
// Row i of a producer has producer_seq i and latency_us i, so that a lost, doubled or altered row shows in every figure.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { ENTRY_VERSION, streamKey } from "../../contracts/event.ts";
import { clickhouseTime } from "../../src/core/time.ts";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 30);

/** The JSONCompactEachRow line of one prediction; consecutive rows cross days and a month's end. */
export const predictionRow = (
  producer: string,
  seq: number,
  over: Partial<{ status: string }> = {},
): string => {
  const id = createHash("md5").update(`${producer}/${seq}`).digest("hex");
  const uuid = `${id.slice(0, 8)}-${id.slice(8, 12)}-5${id.slice(13, 16)}-8${id.slice(17, 20)}-${id.slice(20)}`;
  const at = clickhouseTime(START_MS + (seq % 4) * DAY_MS + seq);
  const codes = Array.from({ length: 20 }, (_, i) => (seq * 7 + i) % 200);
  const status = over.status ?? "ok";
  return `${JSON.stringify([at, "m", "1.0.0", "production", uuid, uuid, status, (seq % 1000) / 1000, seq, "e", codes, producer, seq, at])}\n`;
};

/** Rows `from`…`from + n - 1` of a producer as one entry's fields. */
export const entryOf = (producer: string, from: number, n: number): string[] => {
  const rows = Array.from({ length: n }, (_, i) => predictionRow(producer, from + i)).join("");
  return ["v", String(ENTRY_VERSION), "n", String(n), "rows", rows];
};

/** Publishes rows in entries of `each`; resolves when Redis has acknowledged them all. */
export const publish = async (
  redis: Redis,
  by: { partition?: number; producer: string; from: number; rows: number; each: number },
): Promise<string[]> => {
  const ids: string[] = [];
  for (let at = by.from; at < by.from + by.rows; at += by.each) {
    const n = Math.min(by.each, by.from + by.rows - at);
    const fields = entryOf(by.producer, at, n);
    ids.push(String(await redis.xadd(streamKey("events", by.partition ?? 0), "*", ...fields)));
  }
  return ids;
};

export type Verdict = {
  /** Acknowledged rows that are not in the facts. */
  readonly lost: number;
  /** Rows in the facts beyond one each. */
  readonly doubled: number;
  /** Facts nobody published. */
  readonly alien: number;
  /** Σ latency_us in the facts minus what was published. */
  readonly sumOff: number;
};

export const EXACT: Verdict = { lost: 0, doubled: 0, alien: 0, sumOff: 0 };

/** Compares the facts of one producer with the acknowledged sequence numbers. */
export const checkFacts = async (
  sql: (statement: string) => Promise<Record<string, unknown>[]>,
  producer: string,
  acknowledged: readonly number[],
): Promise<Verdict> => {
  const [row] = await sql(
    `SELECT toString(count()) AS n, toString(sum(latency_us)) AS total, groupUniqArray(toUInt32(producer_seq)) AS seqs
     FROM predictions WHERE producer = '${producer}'`,
  );
  const seqs = new Set((row?.["seqs"] ?? []) as number[]);
  const wanted = new Set(acknowledged);
  return {
    lost: [...wanted].filter((seq) => !seqs.has(seq)).length,
    doubled: Number(row?.["n"]) - seqs.size,
    alien: [...seqs].filter((seq) => !wanted.has(seq)).length,
    sumOff: Number(row?.["total"]) - [...wanted].reduce((sum, seq) => sum + seq, 0),
  };
};

export const range = (from: number, n: number): number[] => Array.from({ length: n }, (_, i) => from + i);
