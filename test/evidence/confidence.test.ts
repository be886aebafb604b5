import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleSizeFor, upperBound } from '../../src/evidence/confidence.ts';

/** Confidences and tolerances as whole numbers of hundredths, so that nothing here is rounded. */
const CONFIDENCES = [10, 50, 90, 95, 99] as const;
const TOLERANCES = [0, 1, 7, 10, 29, 50, 57, 99] as const;

const rows: bigint[][] = [[1n]];
/** Binomial coefficients by Pascal's triangle. */
function choose(all: number, some: number): bigint {
  for (let row = rows.length; row <= all; row += 1) {
    const above = rows[row - 1] ?? [];
    rows.push(Array.from({ length: row + 1 }, (_, at) => (above[at - 1] ?? 0n) + (above[at] ?? 0n)));
  }
  return rows[all]?.[some] ?? 0n;
}

/** Whether seeing `seen` bad ones or fewer has a probability of at most 1 - `confidence` hundredths. */
function rejects(population: number, bad: number, sample: number, seen: number, confidence: number): boolean {
  let ways = 0n;
  for (let shown = 0; shown <= seen; shown += 1) ways += choose(bad, shown) * choose(population - bad, sample - shown);
  return ways * 100n <= BigInt(100 - confidence) * choose(population, sample);
}

/** By the words of the definition, trying one after the other. */
function sizeByHand(population: number, confidence: number, tolerance: number): number {
  let bad = 0;
  while (bad * 100 <= tolerance * population) bad += 1;
  let sample = 0;
  while (population > 0 && !rejects(population, bad, sample, 0, confidence)) sample += 1;
  return sample;
}

function boundByHand(population: number, sample: number, seen: number, confidence: number): number {
  for (let bad = population; ; bad -= 1) {
    // More bad ones than there is room for beside the good ones that were seen are impossible, which is more than rejected.
    if (bad <= population - (sample - seen) && !rejects(population, bad, sample, seen, confidence)) return bad;
  }
}

describe('sampleSizeFor', () => {
  it('is the smallest sample for every population up to 60', () => {
    for (let population = 0; population <= 60; population += 1) {
      for (const confidence of CONFIDENCES) {
        for (const tolerance of TOLERANCES) {
          const size = sampleSizeFor({ population, confidence: confidence / 100, tolerance: tolerance / 100 });
          expect(size, `${population} ${confidence} ${tolerance}`).toBe(sizeByHand(population, confidence, tolerance));
        }
      }
    }
  });

  it('is what whole numbers of any length give for large populations', () => {
    const size = (population: number, tolerance = 0.001): number =>
      sampleSizeFor({ population, confidence: 0.99, tolerance });
    // By Python's integers.
    expect([100, 1000, 10_000, 1_000_000, 1_000_000_000].map((population) => size(population))).toEqual([
      99, 900, 3419, 4588, 4603,
    ]);
    // One bad one is missed by all samples but those that have it: (N - n) / N.
    expect(size(1_000_000_000, 0)).toBe(990_000_000);
  });

  it('takes decimals as they are written', () => {
    // In floating point 0.29 * 100 is less than 29, and 0.07 * 100 is more than 7.
    for (const tolerance of [0.29, 0.07]) {
      const size = sampleSizeFor({ population: 100, confidence: 0.99, tolerance });
      expect(size).toBe(sizeByHand(100, 99, tolerance === 0.29 ? 29 : 7));
    }
  });

  it('refuses what is no confidence, and no tolerance', () => {
    for (const confidence of [0, 1, -0.1, 1.1, Number.NaN])
      expect(() => sampleSizeFor({ population: 10, confidence, tolerance: 0.1 })).toThrow(RangeError);
    for (const tolerance of [1, -0.1, Number.NaN])
      expect(() => sampleSizeFor({ population: 10, confidence: 0.9, tolerance })).toThrow(RangeError);
  });
});

describe('upperBound', () => {
  it('is the largest number that is not rejected, for every sample of every population up to 24', () => {
    for (let population = 0; population <= 24; population += 1) {
      for (let sample = 0; sample <= population; sample += 1) {
        for (let bad = 0; bad <= sample; bad += 1) {
          for (const confidence of CONFIDENCES) {
            const bound = upperBound({ population, sample, bad, confidence: confidence / 100 });
            const at = `${bad} of ${sample} of ${population} at ${confidence}`;
            expect(bound, at).toBe(boundByHand(population, sample, bad, confidence));
          }
        }
      }
    }
  });

  it('is right for populations of hundreds', () => {
    const asked = fc.integer({ min: 25, max: 400 }).chain((population) =>
      fc.integer({ min: 1, max: population }).chain((sample) =>
        fc.record({
          population: fc.constant(population),
          sample: fc.constant(sample),
          bad: fc.integer({ min: 0, max: sample }),
          confidence: fc.constantFrom(...CONFIDENCES),
        }),
      ),
    );
    fc.assert(
      fc.property(asked, ({ population, sample, bad, confidence }) => {
        const bound = upperBound({ population, sample, bad, confidence: confidence / 100 });
        const isNext = bound + 1 > population - (sample - bad);
        expect(rejects(population, bound, sample, bad, confidence)).toBe(false);
        expect(isNext || rejects(population, bound + 1, sample, bad, confidence)).toBe(true);
      }),
    );
  });

  // By Python's integers.
  it.each([
    [0, 4588, 1_000_000, 0.99, 1000],
    [3, 4588, 1_000_000, 0.99, 2184],
    [50, 4588, 1_000_000, 0.99, 15_013],
    [0, 1, 1_000_000, 0.99, 989_999],
    [1, 1, 1_000_000, 0.99, 1_000_000],
    [0, 4603, 1_000_000_000, 0.99, 999_968],
    [1, 4603, 1_000_000_000, 0.99, 1_441_293],
    [0, 3000, 1_000_000_000, 0.95, 998_077],
    [7, 50_000, 100_000, 0.999999, 45],
  ])('is right for %i of %i of %i at %d', (bad, sample, population, confidence, bound) => {
    expect(upperBound({ population, sample, bad, confidence })).toBe(bound);
  });

  it('says no more than the sample that was asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 ** 9 }),
        fc.constantFrom(0.9, 0.95, 0.99),
        fc.constantFrom(0, 0.001, 0.01, 0.1),
        (population, confidence, tolerance) => {
          const sample = sampleSizeFor({ population, confidence, tolerance });
          const bound = upperBound({ population, sample, bad: 0, confidence });
          expect(bound).toBeLessThanOrEqual(Math.floor(tolerance * population + 1e-6));
        },
      ),
    );
  });

  it('is what was seen, where all was', () => {
    expect(upperBound({ population: 10 ** 9, sample: 10 ** 9, bad: 12_345, confidence: 0.99 })).toBe(12_345);
    expect(upperBound({ population: 7, sample: 0, bad: 0, confidence: 0.99 })).toBe(7);
    expect(() => upperBound({ population: 5, sample: 6, bad: 0, confidence: 0.9 })).toThrow(RangeError);
    expect(() => upperBound({ population: 5, sample: 3, bad: 4, confidence: 0.9 })).toThrow(RangeError);
  });
});
