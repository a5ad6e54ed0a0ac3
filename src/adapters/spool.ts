// Adapter: the spool, where events wait on this machine's disk while Redis is away. Append-only segments of checksummed records,
// synced before an append answers (one sync for all that came meanwhile), read back in order, deleted only when handed over.
// It never drops a record it has answered for; a damaged one is skipped and counted, its neighbours survive.
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import path from "node:path";
import { crc32 } from "node:zlib";

export interface SpoolRecord {
  readonly kind: "events" | "labels";
  readonly partition: number;
  readonly n: number;
  readonly rows: string;
}

export interface Spool {
  /** True once the record is on disk; false where the spool is full or the disk refused. */
  append(record: SpoolRecord): Promise<boolean>;
  /** The oldest records not yet handed over, in order; empty when there are none. */
  read(): Promise<readonly SpoolRecord[]>;
  /** The first `count` records of the last `read` have been handed over. */
  release(count: number): Promise<void>;
  /** True where nothing waits, on disk or on its way there. */
  isEmpty(): boolean;
  bytes(): number;
  corruptRecords(): number;
  close(): Promise<void>;
}

const MAGIC = 0x46425350; // "FBSP"
const HEADER_BYTES = 12; // magic, length, CRC-32 of length and payload
const SEGMENT = /^(\d{10})\.spool$/;

interface Waiting {
  readonly bytes: Buffer;
  readonly done: (kept: boolean) => void;
}

/** Opens the spool of one process slot. `dir` belongs to it alone. */
export const openSpool = (options: {
  readonly dir: string;
  readonly bytesMax: number;
  /** A segment is closed once it is this long; one is read into memory at a time. */
  readonly segmentBytes?: number;
}): Spool => {
  const { dir, bytesMax, segmentBytes = 8 * 1024 * 1024 } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const fileOf = (segment: number) => path.join(dir, `${String(segment).padStart(10, "0")}.spool`);
  const segments = readdirSync(dir)
    .flatMap((name) => SEGMENT.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const sizes = new Map(segments.map((segment) => [segment, statSync(fileOf(segment)).size]));
  let bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  let nextSegment = (segments.at(-1) ?? 0) + 1;
  let active: { segment: number; file: FileHandle; size: number } | null = null;
  let waiting: Waiting[] = [];
  let writing: Promise<void> | null = null;
  let reading: { segment: number; records: readonly SpoolRecord[] } | null = null;
  let corrupt = 0;

  const openSegment = async () => {
    const segment = nextSegment++;
    const file = await open(fileOf(segment), "wx", 0o600);
    await syncFolder(dir);
    segments.push(segment);
    sizes.set(segment, 0);
    return { segment, file, size: 0 };
  };

  const seal = async (): Promise<void> => {
    const sealed = active;
    active = null;
    await sealed?.file.close();
  };

  /** One write and one sync for a whole group; a failed group leaves no trace that a reader would take for a record. */
  const writeGroup = async (group: readonly Waiting[]): Promise<void> => {
    const block = Buffer.concat(group.map((one) => one.bytes));
    let kept = false;
    try {
      active ??= await openSegment();
      await active.file.write(block, 0, block.length, active.size);
      await active.file.datasync();
      active.size += block.length;
      sizes.set(active.segment, active.size);
      kept = true;
      if (active.size >= segmentBytes) await seal();
    } catch {
      await active?.file.truncate(active.size).catch(() => undefined);
      await seal().catch(() => undefined);
    }
    if (!kept) bytes -= block.length;
    for (const one of group) one.done(kept);
  };

  const writeLoop = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      await writeGroup(group);
    }
    writing = null;
  };

  return {
    append: (record) => {
      const framed = frame(record);
      if (bytes + framed.length > bytesMax) return Promise.resolve(false);
      bytes += framed.length;
      return new Promise((done) => {
        waiting.push({ bytes: framed, done });
        writing ??= writeLoop();
      });
    },
    read: async () => {
      if (reading !== null) return reading.records;
      for (;;) {
        await writing;
        const segment = segments[0];
        if (segment === undefined) return [];
        if (active?.segment === segment) await seal();
        const parsed = parse(await readFile(fileOf(segment)));
        corrupt += parsed.corrupt;
        if (parsed.records.length > 0) {
          reading = { segment, records: parsed.records };
          return parsed.records;
        }
        await drop(segment);
      }
    },
    release: async (count) => {
      if (reading === null) return;
      const rest = reading.records.slice(count);
      if (rest.length > 0) reading = { segment: reading.segment, records: rest };
      else await drop(reading.segment);
    },
    isEmpty: () => segments.length === 0 && waiting.length === 0 && writing === null,
    bytes: () => bytes,
    corruptRecords: () => corrupt,
    close: async () => {
      await writing;
      await seal();
    },
  };

  async function drop(segment: number): Promise<void> {
    await rm(fileOf(segment), { force: true });
    bytes -= sizes.get(segment) ?? 0;
    sizes.delete(segment);
    segments.shift();
    reading = null;
  }
};

const frame = (record: SpoolRecord): Buffer => {
  const payload = Buffer.from(`${record.kind} ${record.partition} ${record.n}\n${record.rows}`, "utf8");
  const framed = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  framed.writeUInt32BE(MAGIC, 0);
  framed.writeUInt32BE(payload.length, 4);
  payload.copy(framed, HEADER_BYTES);
  framed.writeUInt32BE(checksum(framed, 0, payload.length), 8);
  return framed;
};

const checksum = (bytes: Buffer, at: number, length: number): number =>
  crc32(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length), crc32(bytes.subarray(at + 4, at + 8)));

const HEAD = /^(events|labels) (\d+) (\d+)\n/;

/** Reads every whole record; after a damaged one, looks for the next that checks. */
const parse = (bytes: Buffer): { records: SpoolRecord[]; corrupt: number } => {
  const records: SpoolRecord[] = [];
  const magic = Buffer.from("FBSP");
  let corrupt = 0;
  let at = 0;
  let lost = false;
  while (at < bytes.length) {
    const record = recordAt(bytes, at);
    if (record !== null) {
      records.push(record.record);
      at = record.end;
      lost = false;
      continue;
    }
    if (!lost) corrupt++;
    lost = true;
    const next = bytes.indexOf(magic, at + 1);
    if (next === -1) break;
    at = next;
  }
  return { records, corrupt };
};

const recordAt = (bytes: Buffer, at: number): { record: SpoolRecord; end: number } | null => {
  if (at + HEADER_BYTES > bytes.length || bytes.readUInt32BE(at) !== MAGIC) return null;
  const length = bytes.readUInt32BE(at + 4);
  const end = at + HEADER_BYTES + length;
  if (end > bytes.length || bytes.readUInt32BE(at + 8) !== checksum(bytes, at, length)) return null;
  const payload = bytes.toString("utf8", at + HEADER_BYTES, end);
  const [head, kind, partition, n] = HEAD.exec(payload) ?? [];
  if (head === undefined || (kind !== "events" && kind !== "labels")) return null;
  return {
    record: { kind, partition: Number(partition), n: Number(n), rows: payload.slice(head.length) },
    end,
  };
};

const syncFolder = async (dir: string): Promise<void> => {
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};
