// Core, training: dice that fall the same way for the same seed on every machine (sfc32 seeded by splitmix32).
// Never touches Math.random; a caller that wants independent streams gives independent seeds.

/** Makes a generator of numbers in [0, 1) with 32 random bits each. */
export const seeded = (seed: number): (() => number) => {
  let state = (seed ^ Math.floor(seed / 0x1_0000_0000)) | 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, counter] = [next(), next(), next(), 1];
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) draw();
  return draw;
};

/** The numbers 0…n−1 in a seeded random order (Fisher–Yates). */
export const shuffled = (n: number, draw: () => number): Uint32Array => {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const j = Math.floor(draw() * (i + 1));
    order[i] = order[j] ?? 0;
    order[j] = i;
  }
  return order;
};
