import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../support/temp.ts';
import { TARGETS } from './targets/index.ts';

/** Set by `npm run fuzz`: docs/fuzzing.md. */
const MINUTES = Number(process.env['FERRY_FUZZ_MINUTES'] ?? 0);
const SEED = process.env['FERRY_FUZZ_SEED'];
const PATH = process.env['FERRY_FUZZ_PATH'];

/** The short run is the same each time, so that a landing does not depend on luck; the long one never is. */
// biome-ignore lint/suspicious/noExplicitAny: of all properties.
const how: fc.Parameters<any> =
  MINUTES > 0
    ? {
        seed: Number(SEED ?? Date.now() % 2 ** 31),
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: MINUTES * 60_000,
      }
    : { seed: Number(SEED ?? 1) };

describe('whatever comes in is taken or refused in clear words', () => {
  it.each(TARGETS)('$name', { timeout: MINUTES * 60_000 + 600_000 }, async ({ name, runs, begin }) => {
    const { property, examples = [], end } = await begin(tempDir());
    try {
      const numRuns = how.numRuns ?? Number(process.env['FERRY_FUZZ_RUNS'] ?? runs) + examples.length;
      const found = await fc.check(property, {
        ...how,
        numRuns,
        examples: examples as [unknown][],
        markInterruptAsFailure: false,
        ...(PATH === undefined ? {} : { path: PATH, endOnFailure: true }),
      });
      if (found.failed)
        process.stderr.write(
          `again: npm run fuzz -- --target ${name} --seed ${found.seed} --path ${found.counterexamplePath}\n${String(found.errorInstance)}\n`,
        );
      if (MINUTES > 0) process.stderr.write(`${name}: ${found.numRuns} inputs, seed ${found.seed}\n`);
      expect(found.failed ? await fc.asyncDefaultReportMessage(found) : undefined).toBeUndefined();
      expect(found.numRuns).toBeGreaterThan(0);
    } finally {
      await end?.();
    }
  });
});
