// Core: the probability distributions behind every p-value and interval. Promises a relative error below 1e-10 over the range
// its tests cover (tails to 1e-100). Never clamps a NaN: what comes in as NaN goes out as NaN.

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;

/** Natural logarithm of Γ(x) for x > 0 (Lanczos, g = 7). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum: number = LANCZOS[0];
  LANCZOS.forEach((c, i) => {
    if (i > 0) sum += c / (x - 1 + i);
  });
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Lower regularised incomplete gamma by its power series; converges fast for x < a + 1. */
function gammaSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < 10_000; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum * Math.exp(a * Math.log(x) - x - logGamma(a));
}

/** Upper regularised incomplete gamma by Lentz's continued fraction; converges fast for x ≥ a + 1. */
function gammaFraction(a: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < 10_000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = an * d + b;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    const delta = d * c;
    h *= delta;
    if (Math.abs(delta - 1) < 1e-16) break;
  }
  return h * Math.exp(a * Math.log(x) - x - logGamma(a));
}

/** Upper regularised incomplete gamma Q(a, x). */
function gammaQ(a: number, x: number): number {
  if (Number.isNaN(a) || Number.isNaN(x)) return NaN;
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  return x < a + 1 ? 1 - gammaSeries(a, x) : gammaFraction(a, x);
}

/** Probability that a standard normal exceeds z. */
export function normalSf(z: number): number {
  if (z < 0) return 1 - normalSf(-z);
  return 0.5 * gammaQ(0.5, (z * z) / 2);
}

/** Probability that a standard normal is at most z. */
export function normalCdf(z: number): number {
  return normalSf(-z);
}

/** P(χ² with `df` degrees of freedom > x). */
export function chiSquareSf(x: number, df: number): number {
  return gammaQ(df / 2, x / 2);
}

/** The x that χ² with `df` degrees of freedom stays below with probability q: Wilson–Hilferty, then Newton inside a bracket. */
export function chiSquareQuantile(q: number, df: number): number {
  if (!(q >= 0 && q <= 1) || !(df > 0)) return NaN;
  if (q === 0) return 0;
  if (q === 1) return Infinity;
  const target = 1 - q;
  let low = 0;
  let high = df + 10;
  while (chiSquareSf(high, df) > target) high *= 2;
  const h = 2 / (9 * df);
  let x = df * (1 - h + normalQuantile(q) * Math.sqrt(h)) ** 3;
  for (let n = 0; n < 200; n++) {
    if (!(x > low && x < high)) x = (low + high) / 2;
    const tail = chiSquareSf(x, df);
    if (tail > target) low = x;
    else high = x;
    const density = Math.exp((df / 2 - 1) * Math.log(x / 2) - x / 2 - logGamma(df / 2)) / 2;
    const next = x + (tail - target) / density;
    if (Math.abs(next - x) <= 1e-14 * x || high - low <= 1e-15 * high) return next;
    x = next;
  }
  return x;
}

/** P(√n·D > x) of the limiting Kolmogorov distribution; the two series meet near 1.18, where both converge at once. */
export function kolmogorovSf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x <= 0) return 1;
  let sum = 0;
  if (x < 1.18) {
    for (let k = 1; k <= 20; k++) {
      const term = Math.exp((-((2 * k - 1) ** 2) * Math.PI ** 2) / (8 * x * x));
      sum += term;
      if (term <= sum * ROUNDED_AWAY) break;
    }
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  for (let k = 1; k <= 20; k++) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term <= sum * ROUNDED_AWAY) break;
  }
  return 2 * sum;
}

/** Terms this much smaller than their sum change none of its bits. */
const ROUNDED_AWAY = 1e-17;

/**
 * Adjusted p-values of Benjamini and Hochberg in the order given: reject where adjusted ≤ α. Throws on NaN, because a p-value
 * that could not be computed must not quietly join a family.
 */
export function benjaminiHochberg(p: readonly number[]): number[] {
  if (p.some((value) => !(value >= 0 && value <= 1))) throw new RangeError("p-values must lie in [0, 1]");
  const order = Uint32Array.from(p, (_, index) => index).sort((a, b) => (p[b] ?? NaN) - (p[a] ?? NaN));
  const adjusted = new Array<number>(p.length).fill(1);
  let least = 1;
  order.forEach((index, position) => {
    least = Math.min(least, ((p[index] ?? NaN) * p.length) / (p.length - position));
    adjusted[index] = least;
  });
  return adjusted;
}

/** Wilson score interval of a proportion k of n at two-sided confidence (0.95 by default); null where n is 0. */
export function wilsonInterval(
  k: number,
  n: number,
  confidence = 0.95,
): { value: number; low: number; high: number } | null {
  if (!(n > 0)) return null;
  const z = normalQuantile(0.5 + confidence / 2);
  const share = k / n;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))) / (1 + (z * z) / n);
  return {
    value: share,
    low: k === 0 ? 0 : Math.max(0, centre - half),
    high: k === n ? 1 : Math.min(1, centre + half),
  };
}

/** Pooled two-sided two-proportion z test of k1 of n1 against k2 of n2; p is 1 where both samples hold a single outcome alike. */
export function twoProportion(
  k1: number,
  n1: number,
  k2: number,
  n2: number,
): { z: number; p: number } | null {
  if (!(n1 > 0) || !(n2 > 0)) return null;
  const pooled = (k1 + k2) / (n1 + n2);
  const variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2);
  if (variance === 0) return { z: 0, p: 1 };
  const z = (k2 / n2 - k1 / n1) / Math.sqrt(variance);
  return { z, p: Math.min(1, 2 * normalSf(Math.abs(z))) };
}

// Wichura's algorithm AS 241 (PPND16), relative error about 1e-16.
const CENTRE = [
  [
    3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
    45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727,
  ],
  [
    1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
    39307.89580009271061, 28729.085735721942674, 5226.495278852854561,
  ],
] as const;
const SHOULDER = [
  [
    1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
    1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4,
  ],
  [
    1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
    0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9,
  ],
] as const;
const TAIL = [
  [
    6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
    0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
  ],
  [
    1, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
    1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15,
  ],
] as const;

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, c) => sum * x + c, 0);
}

/** The z a standard normal stays below with probability q. */
export function normalQuantile(q: number): number {
  if (!(q >= 0 && q <= 1)) return NaN;
  const centred = q - 0.5;
  if (Math.abs(centred) <= 0.425) {
    const r = 0.180625 - centred * centred;
    return (centred * polynomial(CENTRE[0], r)) / polynomial(CENTRE[1], r);
  }
  const tail = Math.sqrt(-Math.log(Math.min(q, 1 - q)));
  if (tail === Infinity) return centred < 0 ? -Infinity : Infinity;
  const [table, r] = tail <= 5 ? ([SHOULDER, tail - 1.6] as const) : ([TAIL, tail - 5] as const);
  return (Math.sign(centred) * polynomial(table[0], r)) / polynomial(table[1], r);
}
