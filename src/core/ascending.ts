// Core: doubles put in ascending order: counted where they are decimals of few values, as most columns of a file are, else dealt out by
// their bits, eleven at a time. The language's own sort takes two to ten times as long, and a comparison sorts a hundred columns. Not for
// NaN, which has no place among numbers.

const BITS = 11;
const SIZE = 1 << BITS;
const MASK = SIZE - 1;
/** A value is two words, the low one first as on every platform Node runs on, and a word three digits. */
const DIGITS = [0, 1].flatMap((word) => [0, 1, 2].map((digit) => ({ word, shift: digit * BITS })));
/** Below this the language's own sort is over before the buckets are counted. */
const ROWS_MIN = 4096;

/** Sorts numbers without NaN ascending, −0 before 0; the array it is given may serve as working space. */
export const ascending = (values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
  if (values.length < ROWS_MIN) return values.sort();
  return counted(values) ?? dealt(values);
};

/** Decimals to look for, fewest first: 10^6 and what is below it are exact, and so is no quotient but the nearest double. */
const SCALES = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];
/** Counting more values than rows costs more than dealing. */
const VALUES_MAX = 1 << 20;

/** Sorts whole numbers over one power of ten by counting them, where they lie close enough; null where they do not. */
const counted = (values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> | null => {
  let place = 0;
  let [low, high] = [Infinity, -Infinity];
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? NaN;
    // Once a value needs more decimals all others are read with them; that they can be is seen when they are counted.
    while (!isOver(value, SCALES[place] ?? NaN)) if (++place === SCALES.length) return null;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const scale = SCALES[place] ?? NaN;
  const first = Math.round(low * scale);
  const span = Math.round(high * scale) - first + 1;
  if (!(span <= Math.min(VALUES_MAX, values.length))) return null;
  const counts = new Uint32Array(span);
  let minusZeros = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? NaN;
    if (!isOver(value, scale)) return null;
    const number = Math.round(value * scale) - first;
    counts[number] = (counts[number] ?? 0) + 1;
    if (value === 0 && Object.is(value, -0)) minusZeros++;
  }
  for (let number = 0, at = 0; number < span; number++) {
    const until = at + (counts[number] ?? 0);
    values.fill((first + number) / scale, at, until);
    if (first + number === 0) values.fill(-0, at, at + minusZeros);
    at = until;
  }
  return values;
};

/** Whether a number is exactly the double nearest to a whole number over a scale. */
const isOver = (value: number, scale: number): boolean => {
  const whole = Math.round(value * scale);
  return whole / scale === value && Math.abs(whole) <= 2 ** 52;
};

const dealt = (values: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> => {
  const rows = values.length;
  let from = values;
  let into = new Float64Array(rows);
  const counts = digitCounts(wordsOf(values));
  for (const [at, { word, shift }] of DIGITS.entries()) {
    const next = counts.subarray(at * SIZE, (at + 1) * SIZE);
    if (next.includes(rows)) continue; // all in one bucket
    countsToStarts(next);
    deal(from, into, next, word, shift);
    [from, into] = [into, from];
  }
  // By their bits negative numbers come last, and the larger they look, the smaller they are.
  const words = wordsOf(from);
  const positive = firstPlace(rows, (at) => (words[2 * at + 1] ?? 0) < 0);
  if (positive === rows) return from;
  const negative = rows - positive;
  for (let at = 0; at < negative; at++) into[at] = from[rows - 1 - at] ?? 0;
  into.set(from.subarray(0, positive), negative);
  return into;
};

/** The first place of so many for which a test, false then true along the order, holds; their number where it never does. */
export const firstPlace = (places: number, holds: (at: number) => boolean): number => {
  let low = 0;
  let high = places;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

const wordsOf = (values: Float64Array<ArrayBuffer>): Int32Array =>
  new Int32Array(values.buffer, values.byteOffset, 2 * values.length);

/** How many values have each digit, all six in one look. */
const digitCounts = (words: Int32Array): Uint32Array => {
  const counts = new Uint32Array(DIGITS.length * SIZE);
  const count = (place: number): void => {
    counts[place] = (counts[place] ?? 0) + 1;
  };
  for (let at = 0; at < words.length; at += 2) {
    const [low, high] = [words[at] ?? 0, words[at + 1] ?? 0];
    count(low & MASK);
    count(SIZE + ((low >>> BITS) & MASK));
    count(2 * SIZE + (low >>> (2 * BITS)));
    count(3 * SIZE + (high & MASK));
    count(4 * SIZE + ((high >>> BITS) & MASK));
    count(5 * SIZE + (high >>> (2 * BITS)));
  }
  return counts;
};

const countsToStarts = (counts: Uint32Array): void => {
  let start = 0;
  for (let at = 0; at < counts.length; at++) {
    const count = counts[at] ?? 0;
    counts[at] = start;
    start += count;
  }
};

/** Moves every value to the next place of its bucket; those of one bucket keep their order. */
const deal = (
  from: Float64Array<ArrayBuffer>,
  into: Float64Array<ArrayBuffer>,
  next: Uint32Array,
  word: number,
  shift: number,
): void => {
  const words = wordsOf(from);
  for (let at = 0; at < from.length; at++) {
    const digit = ((words[2 * at + word] ?? 0) >>> shift) & MASK;
    const place = next[digit] ?? 0;
    next[digit] = place + 1;
    into[place] = from[at] ?? 0;
  }
};
