import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawSample, indicesDigest, LARGEST_DRAWN } from '../../src/evidence/sample.ts';

/** Pearson's statistic of counts that should all be equal. */
function chiSquared(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('drawSample', () => {
  // Computed by another program, in Python, from docs/audit.md. A change of these is a change of every audit that was made.
  it('draws what it always drew', () => {
    expect(drawSample('seed', 1000, 10)).toEqual([357, 465, 690, 727, 730, 761, 802, 814, 857, 902]);
    expect(drawSample('ferry audit 2026-11-25, drawn by lot', 1_000_000, 8)).toEqual([
      23341, 346031, 346464, 520409, 673612, 774227, 796194, 825963,
    ]);
    expect(indicesDigest(drawSample('seed', 1000, 10))).toBe(
      '4de90ad7a415c389c57f010cfd89e4723c61cc4c0bb4ffa41728d83e3273f4a9',
    );
  });

  it('gives distinct indices in order, as many as asked for, the same each time', () => {
    const asked = fc.string({ unit: 'grapheme' }).chain((seed) =>
      fc.integer({ min: 0, max: 2 ** 40 }).chain((population) =>
        fc.record({
          seed: fc.constant(seed),
          population: fc.constant(population),
          size: fc.integer({ min: 0, max: Math.min(population, 200) }),
        }),
      ),
    );
    fc.assert(
      fc.property(asked, ({ seed, population, size }) => {
        const drawn = drawSample(seed, population, size);
        expect(drawn).toHaveLength(size);
        expect(drawn.every((index, at) => index > (drawn[at - 1] ?? -1) && index < population)).toBe(true);
        expect(drawSample(seed, population, size)).toEqual(drawn);
      }),
    );
  });

  it('draws all of a small population, and nothing of none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 50 }), (seed, population) => {
        expect(drawSample(seed, population, population)).toEqual(Array.from({ length: population }, (_, at) => at));
      }),
    );
  });

  it('draws every index as often as any other', () => {
    const counts = Array<number>(50).fill(0);
    for (let seed = 0; seed < 4_000; seed += 1) {
      for (const index of drawSample(`uniform ${seed}`, 50, 5)) counts[index] = (counts[index] ?? 0) + 1;
    }
    // Without replacement the counts vary less, by (50 - 5) / (50 - 1); 49 degrees of freedom, 99.9 %.
    expect((chiSquared(counts) * 49) / 45).toBeLessThan(85.4);
  });

  it('draws every set of two out of five as often as any other', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 10_000; seed += 1) {
      const set = drawSample(`pairs ${seed}`, 5, 2).join(' ');
      counts.set(set, (counts.get(set) ?? 0) + 1);
    }
    expect(counts.size).toBe(10);
    expect(chiSquared([...counts.values()])).toBeLessThan(27.9);
  });

  it('favours no index where draws and population do not fit', () => {
    // Three quarters of all draws: taken modulo that, the first third would come up half of the time.
    const population = 3 * 2 ** 46;
    const thirds = [0, 0, 0];
    for (let seed = 0; seed < 6_000; seed += 1) {
      const third = Math.floor((drawSample(`bias ${seed}`, population, 1)[0] ?? 0) / 2 ** 46);
      thirds[third] = (thirds[third] ?? 0) + 1;
    }
    expect(chiSquared(thirds)).toBeLessThan(13.9);
  });

  it('refuses what it cannot draw', () => {
    expect(() => drawSample('\ud800', 10, 1)).toThrow(TypeError);
    for (const [population, size] of [
      [10, 11],
      [10, -1],
      [10, 0.5],
      [-1, 0],
      [2 ** 48 + 1, 1],
      [2 ** 40, LARGEST_DRAWN + 1],
    ] as const) {
      expect(() => drawSample('seed', population, size), `${size} of ${population}`).toThrow(RangeError);
    }
  });
});
