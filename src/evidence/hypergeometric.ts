/** A sample without replacement, and how many bad ones it showed. */
export interface Draw {
  readonly population: number;
  /** How many of the population are bad. */
  readonly bad: number;
  readonly sample: number;
  readonly seen: number;
}

export interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

/** How near to each other two logarithms have to be for exact arithmetic to decide: far more than the error of `logTail`. */
const NEAR = 1e-9;

/** Exact arithmetic is done with numbers of at most so many bits, all terms together. */
const MOST_BITS = 2 ** 24;

/**
 * Whether the probability of seeing at most `seen` bad ones is at most `alpha`. It is decided in floating point where that is sure, else in
 * whole numbers; where these would be too large, the answer is no, which makes bounds wider.
 */
export function atMost(draw: Draw, alpha: Fraction): boolean {
  const { population, bad, sample, seen } = draw;
  if (seen < sample + bad - population) return true;
  if (seen >= Math.min(sample, bad)) return false;
  const difference = logTail(draw) - Math.log(Number(alpha.over) / Number(alpha.under));
  if (Math.abs(difference) > NEAR) return difference < 0;
  if (bitsOf(draw) > MOST_BITS) return false;
  const { over, under } = exactTail(draw);
  return over * alpha.under <= alpha.over * under;
}

/** A number as the shortest decimal that stands for it: 0.1 is one tenth. */
export function fractionOf(value: number): Fraction {
  const [, whole = '', rest = '', exponent = '0'] = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  const shift = rest.length - Number(exponent);
  const digits = BigInt(whole + rest);
  return shift < 0
    ? { over: digits * 10n ** BigInt(-shift), under: 1n }
    : { over: digits, under: 10n ** BigInt(shift) };
}

/** The probability of seeing at most `seen` bad ones, in whole numbers. Sample and bad ones may change places: the smaller one counts. */
export function exactTail({ population, bad, sample, seen }: Draw): Fraction {
  const [drawn, marked] = bad < sample ? [bad, sample] : [sample, bad];
  let over = 0n;
  for (let shown = Math.max(0, drawn + marked - population); shown <= Math.min(seen, drawn); shown += 1) {
    over += choose(marked, shown) * choose(population - marked, drawn - shown);
  }
  return { over, under: choose(population, drawn) };
}

function choose(all: number, some: number): bigint {
  const count = Math.min(some, all - some);
  return count < 0 ? 0n : product(all - count + 1, all) / product(1, count);
}

/** The product of all whole numbers from one to another, in halves: factors of equal length multiply fastest. */
function product(from: number, to: number): bigint {
  if (from > to) return 1n;
  if (to - from < 8) {
    let all = BigInt(from);
    for (let factor = from + 1; factor <= to; factor += 1) all *= BigInt(factor);
    return all;
  }
  const middle = Math.floor((from + to) / 2);
  return product(from, middle) * product(middle + 1, to);
}

function bitsOf({ population, bad, sample, seen }: Draw): number {
  const drawn = Math.min(bad, sample);
  return (seen + 1) * drawn * Math.log2(population + 1);
}

/** Logarithm of the probability of seeing at most `seen` bad ones: the term of `seen`, and by their ratios those of fewer. */
export function logTail(draw: Draw): number {
  const { population, bad, sample, seen } = draw;
  const least = Math.max(0, sample + bad - population);
  // From the likeliest term on downwards: beyond it the terms fall, and at last add nothing.
  const top = Math.min(seen, Math.floor(((sample + 1) * (bad + 1)) / (population + 2)));
  const start = Math.max(least, top);
  let [sum, lost] = [1, 0];
  const add = (term: number): void => {
    // Kahan's summation.
    const next = term - lost;
    const whole = sum + next;
    lost = whole - sum - next;
    sum = whole;
  };
  const good = population - bad;
  for (let shown = start, term = 1; shown > least && term > sum * 1e-18; shown -= 1) {
    term *= (shown / (bad - shown + 1)) * ((good - sample + shown) / (sample - shown + 1));
    add(term);
  }
  for (let shown = start + 1, term = 1; shown <= seen && term > sum * 1e-18; shown += 1) {
    term *= ((bad - shown + 1) / shown) * ((sample - shown + 1) / (good - sample + shown));
    add(term);
  }
  return logTerm(population, bad, sample, start) + Math.log(sum);
}

/**
 * Logarithm of the hypergeometric probability, from three binomial ones, so that no large logarithms of factorials are taken from each other:
 * C. Loader, "Fast and accurate computation of binomial probabilities" (2000), as R's `dhyper` does it
 * (https://svn.r-project.org/R/trunk/src/nmath/dhyper.c).
 */
function logTerm(population: number, bad: number, sample: number, shown: number): number {
  if (sample === 0 || sample === population || bad === 0 || bad === population) return 0;
  const part = sample / population;
  const rest = (population - sample) / population;
  return (
    logBinomial(shown, bad, part, rest) +
    logBinomial(sample - shown, population - bad, part, rest) -
    logBinomial(sample, population, part, rest)
  );
}

function logBinomial(some: number, all: number, part: number, rest: number): number {
  if (all === 0) return 0;
  if (some === 0) return part < 0.1 ? all * Math.log1p(-part) : all * Math.log(rest);
  if (some === all) return part > 0.9 ? all * Math.log1p(-rest) : all * Math.log(part);
  const others = all - some;
  const corrected =
    stirlingError(all) -
    stirlingError(some) -
    stirlingError(others) -
    deviance(some, all * part) -
    deviance(others, all * rest);
  return corrected - 0.5 * (Math.log(2 * Math.PI) + Math.log(some) + Math.log1p(-some / all));
}

/** How far Stirling's formula is from the logarithm of n!, for n from 1 on. */
function stirlingError(n: number): number {
  if (n < 16) {
    let factorial = 1;
    for (let factor = 2; factor <= n; factor += 1) factorial *= factor;
    return Math.log(factorial) - (n + 0.5) * Math.log(n) + n - 0.5 * Math.log(2 * Math.PI);
  }
  const square = n * n;
  return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n;
}

/** x log(x / mean) + mean - x, without loss where x is near the mean. */
function deviance(x: number, mean: number): number {
  if (Math.abs(x - mean) >= 0.1 * (x + mean)) return x * Math.log(x / mean) + mean - x;
  const v = (x - mean) / (x + mean);
  let sum = (x - mean) * v;
  let term = 2 * x * v;
  for (let odd = 3; ; odd += 2) {
    term *= v * v;
    const next = sum + term / odd;
    if (next === sum) return next;
    sum = next;
  }
}
