// Core: what a recorder does with a batch of stream entries. It promises that the same entries always give the same inserts,
// byte for byte, and the same tokens; it looks at row boundaries only and never parses or re-serialises a row.

/** An entry as the stream gave it. `fields` is null when the entry was trimmed or deleted while it was pending: lost. */
export type EntryRead = {
  readonly id: string;
  readonly fields: ReadonlyMap<string, Uint8Array> | null;
};

/** Consecutive rows of one entry; `firstRow` is 0-based within the entry. */
export type Piece = {
  readonly id: string;
  readonly firstRow: number;
  readonly n: number;
  readonly bytes: Uint8Array;
};

/** The body of one insert: pieces in stream order. */
export type Insert = {
  readonly pieces: readonly Piece[];
  readonly rows: number;
  readonly bytes: number;
};

/** `lost`: gone from the stream before it was recorded. `schema`: not an entry. `rows`: its body is not `n` rows. */
export type RefusalReason = "lost" | "schema" | "rows" | "engine" | "deliveries";

/** Something that can never be recorded, with its bytes and the reason. */
export type Refused = {
  readonly id: string;
  readonly reason: RefusalReason;
  readonly detail: string;
  readonly n: number;
  readonly body: Uint8Array;
};

/** Nothing earlier than `ms` (event time, ms since the epoch) follows from `producer` after the entry `id`. */
export type WatermarkMark = { readonly id: string; readonly producer: string; readonly ms: number };

export type Sifted = {
  readonly inserts: readonly Insert[];
  readonly refused: readonly Refused[];
  readonly watermarks: readonly WatermarkMark[];
  readonly rows: number;
};

const NEWLINE = 0x0a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const EMPTY = new Uint8Array(0);
const KNOWN = new Set(["v", "n", "rows", "watermark", "producer"]);
const WHOLE = /^\d{1,15}$/;

/**
 * Separates a batch into inserts below both limits, refusals and watermarks. Inserts are cut greedily in entry order, so the cut
 * depends on the entries alone: a recovered batch gives the inserts of the first try, however it was paged.
 */
export const sift = (
  entries: readonly EntryRead[],
  limits: { readonly version: number; readonly bytesMax: number; readonly rowsMax: number },
): Sifted => {
  const pieces: Piece[] = [];
  const refused: Refused[] = [];
  const watermarks: WatermarkMark[] = [];
  let rows = 0;
  for (const entry of entries) {
    const read = readEntry(entry, limits.version);
    if ("reason" in read) refused.push(read);
    else if ("ms" in read) watermarks.push(read);
    else if (read.n > 0) {
      pieces.push(read);
      rows += read.n;
    }
  }
  return { inserts: pack(pieces, limits), refused, watermarks, rows };
};

/** Halves an insert the engine refused: first by entries, then by rows of one entry; null when a single row is left. */
export const bisect = (insert: Insert): readonly [Insert, Insert] | null => {
  const [only, ...others] = insert.pieces;
  if (only === undefined) return null;
  if (others.length > 0) {
    const middle = insert.pieces.length >> 1;
    return [insertOf(insert.pieces.slice(0, middle)), insertOf(insert.pieces.slice(middle))];
  }
  if (only.n < 2) return null;
  const [head, tail] = cutAtRow(only, only.n >> 1);
  return [insertOf([head]), insertOf([tail])];
};

/** The dead letter of an insert of one row that the engine refused. */
export const refusedByEngine = (insert: Insert, detail: string): Refused[] =>
  insert.pieces.map((piece) => ({
    id: `${piece.id}/${piece.firstRow}`,
    reason: "engine",
    detail,
    n: piece.n,
    body: piece.bytes,
  }));

/**
 * The deduplication token of an insert: a hash of the stream's name and of every byte. Rows are not parsed, and need not be: event ids, producer
 * and producer_seq are inside the bytes, so two inserts share a token only when they are the same rows. It must never come from
 * stream ids alone: those repeat after a Redis rollback, and the engine then discards new rows as old ones.
 */
export const tokenOf = (
  stream: string,
  insert: Insert,
  sha256: (parts: readonly Uint8Array[]) => string,
): string =>
  sha256([new TextEncoder().encode(`facts/v1/${stream}\n`), ...insert.pieces.map((piece) => piece.bytes)]);

const readEntry = (entry: EntryRead, version: number): Piece | Refused | WatermarkMark => {
  if (entry.fields === null) {
    return { id: entry.id, reason: "lost", detail: "trimmed while pending", n: 0, body: EMPTY };
  }
  const rows = entry.fields.get("rows") ?? EMPTY;
  const text = (field: string): string | null => {
    const bytes = entry.fields?.get(field);
    return bytes === undefined ? null : new TextDecoder().decode(bytes);
  };
  const n = text("n");
  const refuse = (reason: RefusalReason, detail: string): Refused => ({
    id: entry.id,
    reason,
    detail,
    n: n !== null && WHOLE.test(n) ? Number(n) : 0,
    body: rows.length > 0 ? rows : flatten(entry.fields ?? new Map()),
  });
  const unknown = [...entry.fields.keys()].find((field) => !KNOWN.has(field));
  if (text("v") !== String(version)) return refuse("schema", `v is not ${version}`);
  if (unknown !== undefined) return refuse("schema", `unknown field ${unknown}`);
  if (n === null || !WHOLE.test(n)) return refuse("schema", "n is not a whole number");
  if (!entry.fields.has("rows")) return refuse("schema", "rows is missing");
  const watermark = text("watermark");
  if (watermark !== null) {
    const producer = text("producer");
    if (!WHOLE.test(watermark)) return refuse("schema", "watermark is not ms since the epoch");
    if (producer === null || producer === "") return refuse("schema", "a watermark names no producer");
    if (n !== "0" || rows.length > 0) return refuse("schema", "a watermark carries rows");
    return { id: entry.id, producer, ms: Number(watermark) };
  }
  const counted = countRows(rows);
  if (counted === null) return refuse("rows", "a row is not a [..] line ended by a newline");
  if (counted !== Number(n)) return refuse("rows", `n is ${n}, rows are ${counted}`);
  return { id: entry.id, firstRow: 0, n: counted, bytes: rows };
};

/** Rows in a body, or null where a line is not `[` … `]` `\n`. A newline inside a JSON string is always escaped. */
const countRows = (bytes: Uint8Array): number | null => {
  let at = 0;
  let rows = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(NEWLINE, at);
    if (end < at + 2 || bytes[at] !== OPEN || bytes[end - 1] !== CLOSE) return null;
    rows += 1;
    at = end + 1;
  }
  return rows;
};

const pack = (
  pieces: readonly Piece[],
  { bytesMax, rowsMax }: { readonly bytesMax: number; readonly rowsMax: number },
): Insert[] => {
  const inserts: Insert[] = [];
  let open: Piece[] = [];
  let rows = 0;
  let bytes = 0;
  const close = (): void => {
    if (open.length > 0) inserts.push({ pieces: open, rows, bytes });
    open = [];
    rows = 0;
    bytes = 0;
  };
  for (const whole of pieces) {
    for (const piece of cutToFit(whole, { bytesMax, rowsMax })) {
      if (rows + piece.n > rowsMax || bytes + piece.bytes.length > bytesMax) close();
      open.push(piece);
      rows += piece.n;
      bytes += piece.bytes.length;
    }
  }
  close();
  return inserts;
};

/** An entry larger than an insert may be is halved by rows until each part fits; a single row is never cut. */
const cutToFit = (
  piece: Piece,
  limits: { readonly bytesMax: number; readonly rowsMax: number },
): readonly Piece[] => {
  if (piece.n < 2 || (piece.n <= limits.rowsMax && piece.bytes.length <= limits.bytesMax)) return [piece];
  return cutAtRow(piece, piece.n >> 1).flatMap((half) => cutToFit(half, limits));
};

const cutAtRow = (piece: Piece, row: number): readonly [Piece, Piece] => {
  let at = 0;
  for (let i = 0; i < row; i += 1) at = piece.bytes.indexOf(NEWLINE, at) + 1;
  return [
    { id: piece.id, firstRow: piece.firstRow, n: row, bytes: piece.bytes.subarray(0, at) },
    { id: piece.id, firstRow: piece.firstRow + row, n: piece.n - row, bytes: piece.bytes.subarray(at) },
  ];
};

const insertOf = (pieces: readonly Piece[]): Insert => ({
  pieces,
  rows: pieces.reduce((sum, piece) => sum + piece.n, 0),
  bytes: pieces.reduce((sum, piece) => sum + piece.bytes.length, 0),
});

/** What is kept of an entry without rows: its fields, one `name=value` a line. */
const flatten = (fields: ReadonlyMap<string, Uint8Array>): Uint8Array => {
  const decoder = new TextDecoder();
  return new TextEncoder().encode(
    [...fields].map(([name, value]) => `${name}=${decoder.decode(value)}\n`).join(""),
  );
};
