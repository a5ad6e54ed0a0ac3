// Plumbing: words known by their bytes and numbered in the order they came, so that a cell seen before costs no string. Two words are
// one where all their bytes are; what the bytes mean is not asked. Grows with its distinct words, never with the rows.

export type WordTable = ReturnType<typeof createWordTable>;

const SLOTS_START = 1 << 10;
const POOL_START = 1 << 14;

/** Creates an empty table. */
export const createWordTable = () => {
  let pool = Buffer.allocUnsafe(POOL_START);
  /** Word w is `pool[ends[w] … ends[w + 1])`. */
  let ends = new Uint32Array(SLOTS_START / 2 + 1);
  let hashes = new Int32Array(SLOTS_START / 2);
  /** By hash: the number of a word and one, or 0. Never more than half full. */
  let slots = new Int32Array(SLOTS_START);
  let size = 0;

  const isWord = (word: number, bytes: Uint8Array, start: number, end: number): boolean => {
    const from = ends[word] ?? 0;
    if ((ends[word + 1] ?? 0) - from !== end - start) return false;
    for (let at = start, own = from; at < end; at++, own++) if (bytes[at] !== pool[own]) return false;
    return true;
  };

  /** The slot that holds these bytes, or the free one they would go to. */
  const slotOf = (hash: number, bytes: Uint8Array, start: number, end: number): number => {
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const word = (slots[slot] ?? 0) - 1;
      if (word < 0 || (hashes[word] === hash && isWord(word, bytes, start, end))) return slot;
    }
  };

  const grow = (): void => {
    [ends, hashes] = [
      doubled(ends, new Uint32Array(size * 2 + 1)),
      doubled(hashes, new Int32Array(size * 2)),
    ];
    slots = new Int32Array(size * 4);
    const mask = slots.length - 1;
    for (let word = 0; word < size; word++) {
      let slot = (hashes[word] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = word + 1;
    }
  };

  const keep = (hash: number, slot: number, bytes: Uint8Array, start: number, end: number): number => {
    const at = ends[size] ?? 0;
    if (at + end - start > pool.length) {
      const larger = Buffer.allocUnsafe(Math.max(pool.length * 2, at + end - start));
      pool.copy(larger, 0, 0, at);
      pool = larger;
    }
    pool.set(bytes.subarray(start, end), at);
    ends[size + 1] = at + end - start;
    hashes[size] = hash;
    slots[slot] = ++size;
    if (size * 2 === slots.length) grow();
    return size - 1;
  };

  return {
    get size(): number {
      return size;
    },
    /** The number of a word, or −1 where it was never added. */
    find: (bytes: Uint8Array, start: number, end: number): number =>
      (slots[slotOf(hashOf(bytes, start, end), bytes, start, end)] ?? 0) - 1,
    /** The number of a word, which is now known. */
    add: (bytes: Uint8Array, start: number, end: number): number => {
      const hash = hashOf(bytes, start, end);
      const slot = slotOf(hash, bytes, start, end);
      const word = (slots[slot] ?? 0) - 1;
      return word < 0 ? keep(hash, slot, bytes, start, end) : word;
    },
    /** A word as UTF-8. */
    text: (word: number): string => pool.toString("utf8", ends[word] ?? 0, ends[word + 1] ?? 0),
  };
};

/** FNV-1a. */
const hashOf = (bytes: Uint8Array, start: number, end: number): number => {
  let hash = 0x811c9dc5 | 0;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash ^ (hash >>> 15);
};

const doubled = <T extends Uint32Array | Int32Array>(before: T, larger: T): T => {
  larger.set(before);
  return larger;
};
