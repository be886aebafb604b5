import { atMost, type Fraction, fractionOf } from './hypergeometric.ts';

/*
 * What a sample without replacement says of a population: exact one-sided bounds after Clopper and Pearson, with the hypergeometric
 * distribution in the binomial's place. Sources: C. Clopper, E. Pearson, "The use of confidence or fiducial limits illustrated in the case of
 * the binomial", Biometrika 26 (1934), doi 10.1093/biomet/26.4.404; J. Buonaccorsi, "A note on confidence intervals for proportions in finite
 * populations", The American Statistician 41 (1987), doi 10.1080/00031305.1987.10475484.
 */

/**
 * The size of the smallest sample that would be expected to show something: if more than `tolerance` of the population were bad, a sample of
 * that many would show none with a probability of at most 1 - `confidence`. Decimals are taken as they are written: 0.29 of 100 is 29.
 *
 * @param confidence above 0 and below 1.
 * @param tolerance the part of the population that may be bad: 0 or more, below 1.
 */
export function sampleSizeFor(ask: {
  readonly population: number;
  readonly confidence: number;
  readonly tolerance: number;
}): number {
  const { population, confidence, tolerance } = ask;
  const alpha = complement(confidence);
  if (!(tolerance >= 0 && tolerance < 1)) throw new RangeError('a tolerance is 0 or more, and below 1');
  if (population === 0) return 0;
  const { over, under } = fractionOf(tolerance);
  const bad = Number((over * BigInt(population)) / under) + 1;
  // With one more than the good ones, a sample cannot miss all the bad ones.
  return smallest(0, population - bad + 1, (sample) => atMost({ population, bad, sample, seen: 0 }, alpha));
}

/**
 * The largest number of bad objects in the population that the sample does not reject: were there more, a sample would show as few bad
 * ones as this one, or fewer, with a probability of at most 1 - `confidence`.
 *
 * @param ask.sample how many were looked at, and `ask.bad` how many of them were bad.
 */
export function upperBound(ask: {
  readonly population: number;
  readonly sample: number;
  readonly bad: number;
  readonly confidence: number;
}): number {
  const { population, sample, bad: seen, confidence } = ask;
  const alpha = complement(confidence);
  if (!(seen >= 0 && seen <= sample && sample <= population)) throw new RangeError('no such sample');
  // What was seen to be good is good.
  const most = population - (sample - seen);
  return smallest(seen, most, (bad) => atMost({ population, bad: bad + 1, sample, seen }, alpha));
}

/** The first number from `low` to `high` that has a property which all after it have too; `high` where none before it has. */
function smallest(low: number, high: number, has: (value: number) => boolean): number {
  let [from, to] = [low, high];
  while (from < to) {
    const middle = from + Math.floor((to - from) / 2);
    if (has(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}

function complement(confidence: number): Fraction {
  if (!(confidence > 0 && confidence < 1)) throw new RangeError('a confidence is above 0 and below 1');
  const { over, under } = fractionOf(confidence);
  return { over: under - over, under };
}
