import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { differing, losses, sameAttributes } from '../../src/migration/fidelity.ts';
import { lockAt, type ObjectLock, protects, showLock } from '../../src/store/object-lock.ts';

const NOW = 1_800_000_000_000;

const lock: fc.Arbitrary<ObjectLock> = fc.record(
  {
    retention: fc.record({
      mode: fc.constantFrom('GOVERNANCE', 'COMPLIANCE'),
      untilMs: fc.integer({ min: -3, max: 3 }).map((hours) => NOW + hours * 3_600_000),
    }),
    legalHold: fc.constant(true as const),
  },
  { requiredKeys: [] },
);

/** Whether retention alone keeps a version at a time from someone with the right to lift governance, or without. */
function keeps({ retention }: ObjectLock, at: number, lifts: boolean): boolean {
  return retention !== undefined && retention.untilMs > at && !(lifts && retention.mode === 'GOVERNANCE');
}

it('a lock protects as much as another one exactly where, at no time and for nobody, that one keeps more', async () => {
  const times = Array.from({ length: 7 }, (_, n) => NOW + (n - 3) * 3_600_000 - 1);
  await fc.assert(
    fc.property(lock, lock, (found, wanted) => {
      const less = times.some((at) =>
        [false, true].some((lifts) => keeps(wanted, at, lifts) && !keeps(found, at, lifts)),
      );
      const free = wanted.legalHold === true && found.legalHold !== true;
      expect(protects(found, wanted)).toBe(!less && !free);
    }),
  );
});

it('a lock that has passed counts as none: no loss, no difference, no change', () => {
  const past = { objectLock: { retention: { mode: 'COMPLIANCE', untilMs: NOW } } };
  const live = { objectLock: { retention: { mode: 'COMPLIANCE', untilMs: NOW + 1 } } };
  expect(lockAt(past.objectLock, NOW)).toBeUndefined();
  expect([losses(past, { holds: new Set() }, NOW), losses(live, { holds: new Set() }, NOW)]).toEqual([
    [],
    ['objectLock'],
  ]);
  expect([differing(past, {}, NOW), differing(live, {}, NOW)]).toEqual([[], ['objectLock']]);
  expect([sameAttributes(past, {}, NOW), sameAttributes(live, {}, NOW), sameAttributes({}, live, NOW)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(lockAt({ ...past.objectLock, legalHold: true }, NOW)).toEqual({ legalHold: true });
});

it('a lock may come back without its fraction of a second', () => {
  const retention = { mode: 'GOVERNANCE', untilMs: NOW + 1_999 };
  expect(protects({ retention: { ...retention, untilMs: NOW + 1_000 } }, { retention })).toBe(true);
  expect(protects({ retention: { ...retention, untilMs: NOW + 999 } }, { retention })).toBe(false);
});

it('a lock is told with its date', () => {
  const retention = { mode: 'GOVERNANCE', untilMs: NOW };
  expect(showLock({ retention, legalHold: true })).toBe('GOVERNANCE until 2027-01-15T08:00:00.000Z, legal hold');
  expect(showLock({ legalHold: true })).toBe('legal hold');
});
