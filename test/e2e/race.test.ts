import { describe, expect, inject, it } from 'vitest';
import type { Kind } from '../race/places.ts';
import { race, type Variant } from '../race/round.ts';
import { tempDir } from '../support/temp.ts';

const OBJECTS = 300;
const SEED = Number(process.env['FERRY_TEST_SEED'] ?? 20_261_125);

/** Few objects need many writes to race at all. */
const BUSY = { lanes: 8, pauseMs: 0 };

/** Two each, so that all that ferry may be doing meanwhile has its turn; `npm run race` takes more rounds, and larger ones. */
const ROUNDS: readonly { readonly kind: Kind; readonly variant: Variant }[] = [
  { kind: 'file', variant: 'killed' },
  { kind: 'file', variant: 'restored' },
  { kind: 'minio', variant: 'once' },
  { kind: 'minio', variant: 'thrice' },
  { kind: 'minio-versioned', variant: 'restore killed' },
  { kind: 'minio-versioned', variant: 'once' },
];

describe(`a writer that overwrites ${OBJECTS} objects at random all through (seed ${SEED})`, () => {
  it.each(ROUNDS.map((round, nth) => ({ ...round, seed: SEED + nth })))(
    'loses nothing that it was told is written: $kind, $variant, seed $seed',
    async ({ kind, variant, seed }) => {
      const server = kind === 'file' ? undefined : inject('minio');
      const result = await race({ kind, variant, objects: OBJECTS, seed, dir: tempDir(), server, writer: BUSY });
      expect(result.lost).toEqual([]);
      expect(result.problems).toEqual([]);
      expect(result.acknowledged, 'the writer must have written').toBeGreaterThan(50);
      expect(result.conflicts, 'some writes must have raced').toBeGreaterThan(0);
      expect(result.moved, 'some objects must have moved').toBeGreaterThan(0);
    },
    180_000,
  );
});
