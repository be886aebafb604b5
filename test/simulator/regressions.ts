import type { Scenario } from './simulation.ts';

/** A schedule that once showed a fault, in ferry or in the simulation, and what it showed. */
export interface Regression {
  readonly seed: number;
  /** Fixed here, so that it stays the same when other scenarios are drawn; left out: as the seed draws it. */
  readonly scenario?: Scenario;
  readonly showed: string;
}

const calm = { failBefore: 0, failAfter: 0, late: true };

export const REGRESSIONS: readonly Regression[] = [
  ...[1, 2, 3, 4, 5, 6].map((seed) => ({
    seed,
    scenario: {
      kind: 'bucket' as const,
      keep: undefined,
      keys: ['a'],
      concurrency: 1,
      commands: ['tombstoned', 'tombstoned', 'tombstoned'] as const,
      writes: [],
      kills: 2,
      faults: calm,
      flips: 0,
      cuts: 0,
      stale: 0,
    },
    showed: 'a marker of a killed run that arrived late was a conflict for ever',
  })),
  { seed: 1, showed: 'the simulation took the times of a file for attributes of its write' },
  { seed: 5, showed: 'the simulation kept the lock of a process that it had killed' },
  { seed: 2199, showed: 'the simulation asked for an intent where a late write comes back' },
  { seed: 2511, showed: 'the simulation asked runs to end a restore that was cut off' },
];
