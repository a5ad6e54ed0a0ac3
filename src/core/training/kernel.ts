// Core, training: the loops a tree's growth spends its time in, over one workspace of typed arrays. Every sum is a sum of
// whole numbers below 2^53, hence exact in any order: one thread or several give the same bytes. Never allocates in a loop.

/** All arrays of one boosting run; they may lie in memory that several threads share. Plain, so that it can be posted. */
export type Workspace = {
  readonly rows: number;
  readonly features: number;
  /** Codes by row, four features a 32-bit word, `words` words a row: the rows of a node lie scattered, and each costs a cache line or two. */
  readonly codes: Uint32Array;
  readonly words: number;
  /** The same codes by feature: one feature of all rows stays in the cache while a node's rows are parted. */
  readonly columns: readonly Uint8Array[];
  readonly label: Uint8Array;
  readonly weight: Float32Array | null;
  readonly score: Float64Array;
  /** Gradient and hessian of each row, interleaved; whole numbers once scaled. */
  readonly pairs: Float32Array;
  /** Row ids; each node of the growing tree owns a range. */
  readonly order: Uint32Array;
  readonly spare: Uint32Array;
  /** Slots of words × 4 features × 256 codes × [gradient sum, rows·unit + hessian sum]: one a leaf, then one a share but the first. */
  readonly histograms: Float64Array;
  readonly leafSlots: number;
  readonly goesLeft: Uint8Array;
  /** Begin, end and value of each leaf, for `addLeaves`. */
  readonly leaves: Float64Array;
  /** The job at hand: its kind, then its arguments. */
  readonly job: Float64Array;
  /** One number from each share. */
  readonly results: Float64Array;
};

/** Whoever performs a job's shares: the caller alone, or the caller and its threads (adapters/training-threads.ts). */
export type Crew = {
  readonly shares: number;
  readonly allocate: (bytes: number) => ArrayBufferLike;
  readonly enlist: (workspace: Workspace) => void;
  /** Returns when every share of the workspace's job is done. */
  readonly perform: () => void;
  readonly disband: () => void;
};

export const JOB = { gradients: 1, scale: 2, histogram: 3, gather: 4, partition: 5, addLeaves: 6 } as const;
export const GROUP = 4;
/** Numbers of one feature's histogram: 256 codes × 2. */
export const CELLS = 512;

/** A crew of one: the caller. */
export const alone = (): Crew => {
  let workspace: Workspace | null = null;
  return {
    shares: 1,
    allocate: (bytes) => new ArrayBuffer(bytes),
    enlist: (given) => {
      workspace = given;
    },
    perform: () => {
      if (workspace !== null) performShare(workspace, 0, 1);
    },
    disband: () => {
      workspace = null;
    },
  };
};

/** Fewer rows than this part of all are scattered: they are touched before they are counted. */
const SCATTERED = 1 / 4;
/** Rows touched at a time: few enough to be still at hand when they are counted. */
const TOUCHED = 128;

/** Performs one of `shares` equal shares of the workspace's job. */
export const performShare = (w: Workspace, share: number, shares: number): void => {
  const [kind = 0, a = 0, b = 0, c = 0, d = 0] = w.job;
  const from = Math.floor((w.rows * share) / shares);
  const to = Math.floor((w.rows * (share + 1)) / shares);
  switch (kind) {
    case JOB.gradients:
      w.results[share] = fillPairs(w, from, to);
      return;
    case JOB.scale:
      scalePairs(w.pairs, { from, to, gradientScale: a, hessianScale: b });
      return;
    case JOB.histogram: {
      const slot = share === 0 ? c : w.leafSlots + share - 1;
      w.results[share] = fillHistogram(w, {
        begin: a + Math.floor(((b - a) * share) / shares),
        end: a + Math.floor(((b - a) * (share + 1)) / shares),
        cells: slotOf(w, slot),
        unit: d,
        scattered: b - a < w.rows * SCATTERED,
      });
      return;
    }
    case JOB.gather:
      gather(w, { slot: a, parentSlot: b, counters: c, share, shares });
      return;
    case JOB.partition: {
      const begin = a + Math.floor(((b - a) * share) / shares);
      const end = a + Math.floor(((b - a) * (share + 1)) / shares);
      w.results[share] = partition(w, begin, end, c);
      return;
    }
    case JOB.addLeaves:
      addLeaves(w, {
        leaves: a,
        begin: Math.floor((b * share) / shares),
        end: Math.floor((b * (share + 1)) / shares),
      });
  }
};

/** Gradient p − y and hessian p(1 − p) of the logistic loss, times the row's weight; answers the largest hessian. */
const fillPairs = (w: Workspace, from: number, to: number): number => {
  const { score, label, weight, pairs } = w;
  let largest = 0;
  for (let row = from; row < to; row++) {
    const p = 1 / (1 + Math.exp(-(score[row] ?? 0)));
    const heavy = weight === null ? 1 : (weight[row] ?? 0);
    const hessian = heavy * p * (1 - p);
    if (hessian > largest) largest = hessian;
    pairs[2 * row] = heavy * (p - (label[row] ?? 0));
    pairs[2 * row + 1] = hessian;
  }
  return largest;
};

const scalePairs = (
  pairs: Float32Array,
  by: { from: number; to: number; gradientScale: number; hessianScale: number },
): void => {
  const { from, to, gradientScale, hessianScale } = by;
  for (let row = from; row < to; row++) {
    // Math.round says the same of all but the last number below a half, and takes eight times as long.
    pairs[2 * row] = Math.floor((pairs[2 * row] ?? 0) * gradientScale + 0.5);
    pairs[2 * row + 1] = Math.floor((pairs[2 * row + 1] ?? 0) * hessianScale + 0.5);
  }
};

/** The histogram in a slot. */
export const slotOf = (w: Workspace, slot: number): Float64Array => {
  const size = w.words * GROUP * CELLS;
  return w.histograms.subarray(slot * size, (slot + 1) * size);
};

/** Adds to a leaf's histogram what `counters` shares counted; its parent's, if it has one, keeps what is left: the sibling's. */
const gather = (
  w: Workspace,
  by: { slot: number; parentSlot: number; counters: number; share: number; shares: number },
): void => {
  const size = w.words * GROUP * CELLS;
  const from = Math.floor((size * by.share) / by.shares);
  const to = Math.floor((size * (by.share + 1)) / by.shares);
  const cells = slotOf(w, by.slot).subarray(from, to);
  for (let counter = 1; counter < by.counters; counter++) {
    const counted = slotOf(w, w.leafSlots + counter - 1).subarray(from, to);
    for (let i = 0; i < cells.length; i++) cells[i] = (cells[i] ?? 0) + (counted[i] ?? 0);
  }
  if (by.parentSlot < 0) return;
  const parent = slotOf(w, by.parentSlot).subarray(from, to);
  for (let i = 0; i < cells.length; i++) parent[i] = (parent[i] ?? 0) - (cells[i] ?? 0);
};

type Counting = {
  readonly begin: number;
  readonly end: number;
  readonly cells: Float64Array;
  readonly unit: number;
  readonly scattered: boolean;
};

/** Counts the rows of a range; answers a number of no meaning, without which the touching would be optimised away. */
const fillHistogram = (w: Workspace, by: Counting): number => {
  const { begin, end, cells, unit } = by;
  cells.fill(0);
  if (!by.scattered) {
    count(w, cells, begin, end, unit);
    return 0;
  }
  let touched = 0;
  for (let from = begin; from < end; from += TOUCHED) {
    const to = Math.min(end, from + TOUCHED);
    touched ^= touch(w, from, to);
    count(w, cells, from, to, unit);
  }
  return touched;
};

/**
 * Loads what `count` is about to need. Here no load waits for another, so that memory answers many at once; in `count` each row's
 * sums stand between it and the next row, and scattered rows took three times as long.
 */
const touch = ({ codes, words, order, pairs }: Workspace, begin: number, end: number): number => {
  let touched = 0;
  for (let i = begin; i < end; i++) {
    const row = order[i] ?? 0;
    const at = row * words;
    touched ^= (codes[at] ?? 0) ^ (codes[at + words - 1] ?? 0) ^ (pairs[2 * row] ?? 0);
  }
  return touched;
};

const count = (
  { codes, words, order, pairs }: Workspace,
  cells: Float64Array,
  begin: number,
  end: number,
  unit: number,
): void => {
  const size = cells.length;
  for (let i = begin; i < end; i++) {
    const row = order[i] ?? 0;
    const gradient = pairs[2 * row] ?? 0;
    const mass = (pairs[2 * row + 1] ?? 0) + unit;
    for (let at = row * words, base = 0; base < size; at++, base += GROUP * CELLS) {
      const word = codes[at] ?? 0;
      const first = base + ((word << 1) & 510);
      const second = base + CELLS + ((word >>> 7) & 510);
      const third = base + 2 * CELLS + ((word >>> 15) & 510);
      const fourth = base + 3 * CELLS + ((word >>> 23) & 510);
      cells[first] = (cells[first] ?? 0) + gradient;
      cells[first + 1] = (cells[first + 1] ?? 0) + mass;
      cells[second] = (cells[second] ?? 0) + gradient;
      cells[second + 1] = (cells[second + 1] ?? 0) + mass;
      cells[third] = (cells[third] ?? 0) + gradient;
      cells[third + 1] = (cells[third + 1] ?? 0) + mass;
      cells[fourth] = (cells[fourth] ?? 0) + gradient;
      cells[fourth + 1] = (cells[fourth + 1] ?? 0) + mass;
    }
  }
};

/** Gathers the rows going left at the front of the range and the others at the same place in `spare`; answers how many. */
const partition = (w: Workspace, begin: number, end: number, feature: number): number => {
  const column = w.columns[feature];
  if (column === undefined) return 0;
  const { order, spare, goesLeft } = w;
  let left = begin;
  let right = begin;
  for (let i = begin; i < end; i++) {
    const row = order[i] ?? 0;
    // Both writes happen, one counter moves: no branch to mispredict. `left` never overtakes the reading position.
    const toLeft = goesLeft[column[row] ?? 0] ?? 0;
    order[left] = row;
    spare[right] = row;
    left += toLeft;
    right += 1 - toLeft;
  }
  return left - begin;
};

const addLeaves = (w: Workspace, part: { leaves: number; begin: number; end: number }): void => {
  const { order, score, leaves } = w;
  for (let leaf = 0; leaf < part.leaves; leaf++) {
    const from = Math.max(part.begin, leaves[3 * leaf] ?? 0);
    const to = Math.min(part.end, leaves[3 * leaf + 1] ?? 0);
    const value = leaves[3 * leaf + 2] ?? 0;
    for (let i = from; i < to; i++) {
      const row = order[i] ?? 0;
      score[row] = (score[row] ?? 0) + value;
    }
  }
};
