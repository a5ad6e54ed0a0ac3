// Core, training: the loops a tree's growth spends its time in, over one workspace of typed arrays. Every sum is a sum of
// whole numbers below 2^53, hence exact in any order: one thread or several give the same bytes. Never allocates in a loop.

/** All arrays of one boosting run; they may lie in memory that several threads share. Plain, so that it can be posted. */
export type Workspace = {
  readonly rows: number;
  readonly features: number;
  /** Four features a 32-bit word, so that one load brings four codes of a row. */
  readonly groups: readonly Uint32Array[];
  readonly label: Uint8Array;
  readonly weight: Float32Array | null;
  readonly score: Float64Array;
  /** Gradient and hessian of each row, interleaved; whole numbers once scaled. */
  readonly pairs: Float32Array;
  /** Row ids; each node of the growing tree owns a range. */
  readonly order: Uint32Array;
  readonly spare: Uint32Array;
  /** Slots of groups × 4 features × 256 codes × [gradient sum, rows·unit + hessian sum]. */
  readonly histograms: Float64Array;
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

export const JOB = { gradients: 1, scale: 2, histogram: 3, partition: 4, addLeaves: 5 } as const;
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

/** Performs one of `shares` equal shares of the workspace's job. */
export const performShare = (w: Workspace, share: number, shares: number): void => {
  const [kind = 0, a = 0, b = 0, c = 0, d = 0, e = 0] = w.job;
  const from = Math.floor((w.rows * share) / shares);
  const to = Math.floor((w.rows * (share + 1)) / shares);
  switch (kind) {
    case JOB.gradients:
      w.results[share] = fillPairs(w, from, to);
      return;
    case JOB.scale:
      scalePairs(w.pairs, { from, to, gradientScale: a, hessianScale: b });
      return;
    case JOB.histogram:
      for (let group = share; group < w.groups.length; group += shares)
        fillHistogram(w, group, { begin: a, end: b, slot: c, from: d, unit: e });
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
    pairs[2 * row] = Math.round((pairs[2 * row] ?? 0) * gradientScale);
    pairs[2 * row + 1] = Math.round((pairs[2 * row + 1] ?? 0) * hessianScale);
  }
};

/** Fills `slot` with the rows of a node; the slot `from` (its parent's), if any, keeps what is left: the sibling's. */
const fillHistogram = (
  w: Workspace,
  group: number,
  node: { begin: number; end: number; slot: number; from: number; unit: number },
): void => {
  const words = w.groups[group];
  if (words === undefined) return;
  const size = GROUP * CELLS;
  const stride = w.groups.length * size;
  const cells = w.histograms.subarray(
    node.slot * stride + group * size,
    node.slot * stride + (group + 1) * size,
  );
  cells.fill(0);
  accumulate(words, w.order, w.pairs, cells, node);
  if (node.from < 0) return;
  const parent = w.histograms.subarray(
    node.from * stride + group * size,
    node.from * stride + (group + 1) * size,
  );
  for (let i = 0; i < size; i++) parent[i] = (parent[i] ?? 0) - (cells[i] ?? 0);
};

const accumulate = (
  words: Uint32Array,
  order: Uint32Array,
  pairs: Float32Array,
  cells: Float64Array,
  node: { begin: number; end: number; unit: number },
): void => {
  const { begin, end, unit } = node;
  for (let i = begin; i < end; i++) {
    const row = order[i] ?? 0;
    const word = words[row] ?? 0;
    const gradient = pairs[2 * row] ?? 0;
    const mass = (pairs[2 * row + 1] ?? 0) + unit;
    const first = (word << 1) & 510;
    const second = ((word >>> 7) & 510) + 512;
    const third = ((word >>> 15) & 510) + 1024;
    const fourth = ((word >>> 23) & 510) + 1536;
    cells[first] = (cells[first] ?? 0) + gradient;
    cells[first + 1] = (cells[first + 1] ?? 0) + mass;
    cells[second] = (cells[second] ?? 0) + gradient;
    cells[second + 1] = (cells[second + 1] ?? 0) + mass;
    cells[third] = (cells[third] ?? 0) + gradient;
    cells[third + 1] = (cells[third + 1] ?? 0) + mass;
    cells[fourth] = (cells[fourth] ?? 0) + gradient;
    cells[fourth + 1] = (cells[fourth + 1] ?? 0) + mass;
  }
};

/** Gathers the rows going left at the front of the range and the others at the same place in `spare`; answers how many. */
const partition = (w: Workspace, begin: number, end: number, feature: number): number => {
  const words = w.groups[Math.floor(feature / GROUP)];
  if (words === undefined) return 0;
  const { order, spare, goesLeft } = w;
  const shift = (feature % GROUP) * 8;
  let left = begin;
  let right = begin;
  for (let i = begin; i < end; i++) {
    const row = order[i] ?? 0;
    // Both writes happen, one counter moves: no branch to mispredict. `left` never overtakes the reading position.
    const toLeft = goesLeft[((words[row] ?? 0) >>> shift) & 255] ?? 0;
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
