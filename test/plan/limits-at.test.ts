import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitsAt } from '../../src/plan/limits-at.ts';
import { parsePlan } from '../../src/plan/load.ts';
import type { Limits, LimitsWindow } from '../../src/plan/types.ts';

const MINUTE = 60_000;
const DAY_NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function limitsOf(limits: object): Limits {
  const plan = {
    apiVersion: 'ferry/v1',
    name: 'small',
    stores: {
      legacy: { type: 'file', path: './legacy', jurisdiction: 'SG' },
      dublin: { type: 'file', path: './dublin', jurisdiction: 'IE' },
    },
    partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'dublin' }],
    limits,
  };
  const result = parsePlan(JSON.stringify(plan), 'plan.json', {});
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.plan.limits;
}

/** Two zones by rules written out here, and one without summer time: minutes east of UTC. */
const OFFSETS: Readonly<Record<string, (at: number) => number>> = {
  'Asia/Kolkata': () => 330,
  // Summer time from the last Sunday of March to that of October, at 01:00 UTC (directive 2000/84/EC).
  'Europe/Dublin': (at) => (inEuropeanSummer(at) ? 60 : 0),
  'Europe/Berlin': (at) => (inEuropeanSummer(at) ? 120 : 60),
  // From 02:00 on the second Sunday of March to 02:00 on the first of November (15 U.S.C. 260a).
  'America/New_York': (at) => {
    const year = new Date(at).getUTCFullYear();
    const begins = sunday(year, 2, 8) + 7 * 60 * MINUTE;
    const ends = sunday(year, 10, 1) + 6 * 60 * MINUTE;
    return at >= begins && at < ends ? -240 : -300;
  },
};

function inEuropeanSummer(at: number): boolean {
  const year = new Date(at).getUTCFullYear();
  return at >= sunday(year, 2, 25) + 60 * MINUTE && at < sunday(year, 9, 25) + 60 * MINUTE;
}

/** Midnight (UTC) of the first Sunday on or after that day of the month. */
function sunday(year: number, month: number, day: number): number {
  const first = new Date(Date.UTC(year, month, day));
  return first.getTime() + ((7 - first.getUTCDay()) % 7) * 24 * 60 * MINUTE;
}

/** The model: a walk along the wall clock from three days before, minute by minute, that opens a window at its beginning. */
function walk(windows: readonly LimitsWindow[], from: number, count: number): (number | undefined)[] {
  const told: (number | undefined)[] = [];
  const wall = windows.map(({ zone }) => {
    const offset = OFFSETS[zone];
    if (offset === undefined) throw new Error(`no rule for ${zone}`);
    return (at: number) => {
      const local = new Date(at + offset(at) * MINUTE);
      return { day: local.getUTCDay(), minute: local.getUTCHours() * 60 + local.getUTCMinutes() };
    };
  });
  for (let n = 0; n < count; n += 1) {
    const at = from + n * MINUTE;
    const found = windows.findIndex((window, i) => {
      const { day, minute } = wall[i]?.(at) ?? { day: 0, minute: 0 };
      // All times of that day and the one before that the window covers, as minutes since the begin of the week.
      const length = window.to > window.from ? window.to - window.from : window.to + 1_440 - window.from;
      return window.days.some((begin) => {
        const since = (day * 1_440 + minute - (begin * 1_440 + window.from) + 2 * 7 * 1_440) % (7 * 1_440);
        return since < length;
      });
    });
    told.push(found < 0 ? undefined : found);
  }
  return told;
}

const clockTime = fc.integer({ min: 0, max: 1_439 });
const hhmm = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;

const windowDocument = fc.record({
  days: fc.uniqueArray(fc.constantFrom(...DAY_NAMES), { minLength: 1 }),
  from: clockTime.map(hhmm),
  to: fc.oneof(clockTime.map(hhmm), fc.constant('24:00')),
  zone: fc.constantFrom(...Object.keys(OFFSETS)),
});

/** Days around which some zone changes its clocks, and any others. */
const beginning = fc.oneof(
  fc
    .integer({ min: 2024, max: 2031 })
    .chain((year) =>
      fc.constantFrom(sunday(year, 2, 25), sunday(year, 9, 25), sunday(year, 2, 8), sunday(year, 10, 1)),
    ),
  fc.integer({ min: 0, max: 3_000 }).map((day) => Date.UTC(2024, 0, 1) + day * 24 * 60 * MINUTE),
);

describe('windows of limits', () => {
  it('are those that a walk along the clock on the wall finds, also where clocks change', () => {
    fc.assert(
      fc.property(fc.array(windowDocument, { minLength: 1, maxLength: 3 }), beginning, (windows, day) => {
        const limits = limitsOf({ windows: windows.map((window, n) => ({ ...window, concurrency: n + 2 })) });
        const from = day - 12 * 60 * MINUTE;
        const model = walk(limits.windows, from, 2_160);
        for (const [n, found] of model.entries()) {
          const now = limitsAt(limits, from + n * MINUTE + 59_999);
          expect(now.window, `${new Date(from + n * MINUTE).toISOString()} ${JSON.stringify(windows)}`).toBe(found);
          expect(now.concurrency).toEqual(
            found === undefined ? { value: 16, from: 'plan' } : { value: found + 2, from: 'window' },
          );
        }
      }),
      { numRuns: 40 },
    );
  }, 120_000);

  it('go over midnight, and end at summer time as the clock on the wall does', () => {
    const window = { days: ['sat'], from: '22:00', to: '06:00', zone: 'Europe/Dublin', bandwidth: '1MiB/s' };
    const limits = limitsOf({ bandwidth: '5MiB/s', windows: [window] });
    const rate = (text: string): number | undefined => limitsAt(limits, Date.parse(text)).bandwidth.value;
    const [slow, fast] = [2 ** 20, 5 * 2 ** 20];
    expect(['2026-03-28T21:59:59Z', '2026-03-28T22:00:00Z'].map(rate)).toEqual([fast, slow]);
    // At 01:00 UTC it became 02:00: the night has one hour less.
    expect(['2026-03-29T04:59:59Z', '2026-03-29T05:00:00Z'].map(rate)).toEqual([slow, fast]);
    expect(rate('2026-03-30T00:00:00Z')).toBe(fast);
    // In autumn one more.
    expect(['2026-10-25T05:59:59Z', '2026-10-25T06:00:00Z'].map(rate)).toEqual([slow, fast]);
  });

  it('leave what they do not name to the plan, and an operator stands before both', () => {
    const night = { from: '20:00', to: '08:00', zone: 'UTC', bandwidth: 'none', requests: 50 };
    const limits = limitsOf({ concurrency: 8, bandwidth: '5MiB/s', requests: 10, windows: [night] });
    const at = Date.parse('2026-01-01T00:00:00Z');
    expect(limitsAt(limits, at)).toEqual({
      concurrency: { value: 8, from: 'plan' },
      minConcurrency: { value: 4, from: 'plan' },
      bandwidth: { value: undefined, from: 'window' },
      requests: { value: 50, from: 'window' },
      window: 0,
    });
    expect(limitsAt(limits, at, { bandwidth: 7, requests: null, concurrency: 2 })).toMatchObject({
      concurrency: { value: 2, from: 'operator' },
      minConcurrency: { value: 2 },
      bandwidth: { value: 7, from: 'operator' },
      requests: { value: undefined, from: 'operator' },
      window: 0,
    });
    expect(limitsAt(limits, at + 9 * 3_600_000)).toMatchObject({ requests: { value: 10, from: 'plan' } });
  });
});
