import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Eta, Pace, slower } from '../../../src/cli/progress/pace.ts';

/** Looks at an amount that grows, each some seconds after the one before. */
const looks = fc.array(
  fc.record({ after: fc.double({ min: 0.1, max: 60, noNaN: true }), more: fc.nat({ max: 1e12 }) }),
  { maxLength: 100 },
);

function paceOf(all: readonly { readonly after: number; readonly more: number }[], factor = 1): Pace {
  const pace = new Pace();
  let [at, amount] = [0, 0];
  pace.add(at, amount);
  for (const { after, more } of all) {
    at += after;
    amount += more * factor;
    pace.add(at, amount);
  }
  return pace;
}

function expectOrder(eta: Eta | undefined): void {
  if (eta === undefined) return;
  expect(eta.low).toBeGreaterThanOrEqual(0);
  expect(eta.likely).toBeGreaterThanOrEqual(eta.low);
  expect(Number.isFinite(eta.likely)).toBe(true);
  if (eta.high !== undefined) expect(eta.high).toBeGreaterThanOrEqual(eta.likely);
}

describe('what is left', () => {
  it('is never negative, and what is likely is in its range', () => {
    fc.assert(fc.property(looks, fc.nat({ max: 1e12 }), (all, left) => expectOrder(paceOf(all).eta(left))));
  });

  it('is not told from fewer than three windows, nor while nothing grows', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 2, max: 60, noNaN: true }), { maxLength: 50 }), fc.nat(), (times, more) => {
        expect(paceOf(times.map((after) => ({ after, more: 0 }))).eta(1)).toBeUndefined();
        const three = times.slice(0, 2).map((after) => ({ after, more }));
        expect(paceOf(three).eta(1)).toBeUndefined();
        expect(paceOf(three).rate).toBeUndefined();
      }),
    );
  });

  it('is exact where the rate is steady, whenever it is looked at', () => {
    const steady = fc.record({ rate: fc.integer({ min: 1, max: 1e9 }), left: fc.integer({ min: 1, max: 1e12 }) });
    const times = fc.array(fc.integer({ min: 2, max: 60 }), { minLength: 3, maxLength: 60 });
    fc.assert(
      fc.property(steady, times, ({ rate, left }, all) => {
        const eta = paceOf(all.map((after) => ({ after, more: after * rate }))).eta(left);
        for (const seconds of [eta?.low, eta?.likely, eta?.high]) {
          expect((seconds ?? 0) / (left / rate)).toBeCloseTo(1, 5);
        }
      }),
    );
  });

  it('does not depend on the unit', () => {
    fc.assert(
      fc.property(looks, fc.integer({ min: 1, max: 1e6 }), (all, left) => {
        const [one, other] = [paceOf(all).eta(left), paceOf(all, 1024).eta(left * 1024)];
        expect(other === undefined).toBe(one === undefined);
        if (one !== undefined && other !== undefined) expect(other.likely / one.likely).toBeCloseTo(1, 5);
      }),
    );
  });

  it('is wider the more the windows differ, and open where they differ too much', () => {
    const of = (rates: readonly number[]): Eta | undefined =>
      paceOf(rates.map((rate) => ({ after: 2, more: 2 * rate }))).eta(1000);
    const width = (eta: Eta | undefined): number => (eta?.high ?? Number.POSITIVE_INFINITY) - (eta?.low ?? 0);
    expect(width(of([10, 10, 10, 10]))).toBeCloseTo(0, 5);
    expect(width(of([8, 12, 8, 12]))).toBeGreaterThan(0);
    expect(width(of([4, 16, 4, 16]))).toBeGreaterThan(width(of([8, 12, 8, 12])));
    expect(of([100, 0, 0, 0])).toMatchObject({ high: undefined });
  });

  it('is nothing where nothing is left, and that of the slower measure', () => {
    expect(new Pace().eta(0)).toEqual({ low: 0, likely: 0, high: 0 });
    expect(slower({ low: 1, likely: 2, high: 3 }, { low: 0, likely: 9, high: undefined })).toEqual({
      low: 1,
      likely: 9,
      high: undefined,
    });
    expect(slower({ low: 1, likely: 2, high: 3 }, undefined)).toBeUndefined();
  });
});
