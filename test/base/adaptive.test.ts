import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Adapted, type Answer, adapt, allowed, type Bounds, UNTOLD } from '../../src/base/adaptive.ts';
import { Gate } from '../../src/base/gate.ts';
import { HandClock } from '../support/hand-clock.ts';

const bounds = fc
  .tuple(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 0, max: 128 }))
  .map(([least, more]) => ({ least, most: least + more }));

const answers = fc.array(
  fc.record({
    outcome: fc.constantFrom('done', 'throttled', 'failed'),
    beganAt: fc.integer({ min: 0, max: 10_000 }),
    endedAt: fc.integer({ min: 0, max: 20_000 }),
    underWay: fc.integer({ min: 1, max: 300 }),
    kind: fc.constantFrom('head', 'read'),
  }),
  { maxLength: 300 },
);

/** Rounds of a server on which as many as are allowed are under way at once: one answer for each, all sent at one moment. */
function rounds(
  start: Adapted,
  given: Bounds,
  count: number,
  answer: (underWay: number, round: number) => { outcome: Answer['outcome']; ms?: number },
): { known: Adapted; widths: number[] } {
  let known = start;
  const widths: number[] = [];
  for (let round = 0, now = 1_000_000; round < count; round += 1) {
    const width = allowed(known, given);
    widths.push(width);
    let last = now;
    for (let n = 0; n < width; n += 1) {
      const { outcome, ms = 20 } = answer(n + 1, round);
      const endedAt = now + ms;
      last = Math.max(last, endedAt);
      known = adapt(known, given, { outcome, beganAt: now, endedAt, underWay: width, kind: 'head' });
    }
    now = last + 1;
  }
  return { known, widths };
}

describe('how many a server is asked at once', () => {
  it('stays within the bounds, whatever the answers are, and when they change', () => {
    fc.assert(
      fc.property(bounds, bounds, answers, (one, other, given) => {
        let known = UNTOLD;
        expect(allowed(known, one)).toBe(one.most);
        for (const [n, answer] of given.entries()) {
          const now = n % 50 < 25 ? one : other;
          known = adapt(known, now, answer);
          for (const each of [one, other]) {
            expect(allowed(known, each)).toBeGreaterThanOrEqual(each.least);
            expect(allowed(known, each)).toBeLessThanOrEqual(each.most);
          }
        }
      }),
    );
  });

  it('is half of it after SlowDown, once for all that was under way together', () => {
    fc.assert(
      fc.property(bounds, fc.integer({ min: 1, max: 200 }), (given, times) => {
        const underWay = given.most;
        let known = UNTOLD;
        for (let n = 0; n < times; n += 1) {
          known = adapt(known, given, { outcome: 'throttled', beganAt: 100, endedAt: 120 + n, underWay });
        }
        const half = Math.max(given.least, Math.floor(given.most / 2));
        expect(allowed(known, given)).toBe(half);
        const again = { outcome: 'throttled' as const, beganAt: 1_000, endedAt: 1_020, underWay: half };
        expect(allowed(adapt(known, given, again), given)).toBe(Math.max(given.least, Math.floor(half / 2)));
      }),
    );
  });

  it('finds what the server takes, stays near it, and recovers when the server does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), (takes) => {
        const given = { least: 1, most: 64 };
        const busy = rounds(UNTOLD, given, 200, (n) => ({ outcome: n > takes ? 'throttled' : 'done' }));
        expect(busy.widths[0]).toBe(64);
        for (const width of busy.widths.slice(8)) {
          expect(width).toBeLessThanOrEqual(takes + 1);
          expect(width).toBeGreaterThanOrEqual(Math.floor(takes / 2));
        }
        const well = rounds(busy.known, given, 100, () => ({ outcome: 'done' }));
        expect(allowed(well.known, given)).toBe(64);
      }),
    );
  });

  it('is never less on a healthy server, however fast it is and whatever one answer takes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 5, maxLength: 20 }), (times) => {
        const given = { least: 4, most: 32 };
        const { widths } = rounds(UNTOLD, given, 60, (n, round) => {
          const usual = times[(n * 7 + round) % times.length] ?? 1;
          return { outcome: 'done', ms: n === 1 && round % 7 === 0 ? 30_000 : usual };
        });
        expect(new Set(widths)).toEqual(new Set([32]));
      }),
    );
  });

  it('falls when answers become much later, never below the least, and rises again', () => {
    const given = { least: 4, most: 32 };
    const well = rounds(UNTOLD, given, 20, () => ({ outcome: 'done', ms: 50 }));
    expect(allowed(well.known, given)).toBe(32);
    const slow = rounds(well.known, given, 6, () => ({ outcome: 'done', ms: 2_000 }));
    const least = Math.min(...slow.widths);
    expect(least).toBeLessThanOrEqual(16);
    expect(least).toBeGreaterThanOrEqual(4);
    const after = rounds(slow.known, given, 60, () => ({ outcome: 'done', ms: 50 }));
    expect(allowed(after.known, given)).toBe(32);
  });
});

describe('a gate', () => {
  it('lets as many in as it may, in turn, and takes those out who leave or are aborted', async () => {
    const clock = new HandClock();
    const gate = new Gate({ least: 1, most: 2 }, clock);
    const order: number[] = [];
    const [one, two] = [await gate.enter(), await gate.enter()];
    const leaving = new AbortController();
    const third = gate.enter(leaving.signal).catch((error: Error) => error.message);
    const waiting = [4, 5].map(async (n) => {
      const pass = await gate.enter();
      order.push(n);
      return pass;
    });
    leaving.abort(new Error('left'));
    expect(await third).toBe('left');
    one.leave();
    one.leave();
    const four = await waiting[0];
    expect([gate.state.underWay, order]).toEqual([2, [4]]);
    await clock.turnTo(clock.now() + 1);
    four?.sent();
    four?.answered('throttled');
    expect(gate.state).toEqual({ allowed: 1, underWay: 2, throttled: 1 });
    two.leave();
    expect(order).toEqual([4]);
    four?.leave();
    (await waiting[1])?.leave();
    expect([gate.state.underWay, order]).toEqual([0, [4, 5]]);
  });
});
