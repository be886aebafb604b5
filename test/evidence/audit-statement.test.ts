import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimText, keyDigest, percentUp } from '../../src/evidence/audit-statement.ts';

describe('the sentence of a claim', () => {
  it('says what was seen, how sure, and how many at most', () => {
    const ask = { population: 1_000_000, sample: 4588, bad: 0, confidence: 0.99, maxBad: 1000 };
    expect(claimText(ask)).toBe(
      '0 of 4588 sampled objects differ; with 99 % confidence at most 0.1 % (1000 of 1000000) do.',
    );
    expect(claimText({ ...ask, confidence: 0.999, bad: 2, maxBad: 3 })).toBe(
      '2 of 4588 sampled objects differ; with 99.9 % confidence at most 0.0003 % (3 of 1000000) do.',
    );
    expect(claimText({ ...ask, sample: 1_000_000, bad: 1, maxBad: 1 })).toBe(
      '1 of 1000000 objects differ; all were looked at.',
    );
  });

  it('never says less than there may be, nor much more', () => {
    expect(
      [
        [1, 3],
        [1, 1_000_000_000],
        [999_968, 1_000_000_000],
        [5, 5],
        [0, 5],
      ].map(([part = 0, whole = 0]) => percentUp(part, whole)),
    ).toEqual(['33.4', '0.0000001', '0.1', '100', '0']);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 9 }), fc.double({ min: 0, max: 1, noNaN: true }), (whole, part) => {
        const bad = Math.ceil(part * whole);
        const said = Number(percentUp(bad, whole)) / 100;
        expect(said * whole).toBeGreaterThanOrEqual(bad * (1 - 1e-12));
        expect(said * whole).toBeLessThanOrEqual(bad * 1.0101);
      }),
    );
  });
});

it('gives a key another digest in another ledger, as docs/audit.md has it', () => {
  const uuid = '97b86f68-48af-4fe3-8644-81506f18ceb4';
  // printf 'ferry/audit/key/v1\0%s\0%s' UUID users/NO/kåre | sha256sum
  expect(keyDigest(uuid, 'users/NO/kåre')).toBe('db33c94a4f994e5b5b7d816dde3075f1ad24a5db04477401b517f6e2e1c93114');
  expect(keyDigest(`${uuid.slice(0, -1)}5`, 'users/NO/kåre')).not.toBe(keyDigest(uuid, 'users/NO/kåre'));
});
