import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mostAtOnce, orderedShare, shareOf } from '../../../src/engine/temporal/shares.ts';

const rate = fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined });

it('shards together never use more than the limits of the plan', () => {
  const limits = fc.record({
    concurrency: fc.integer({ min: 1, max: 1_024 }),
    minConcurrency: fc.integer({ min: 1, max: 16 }),
    bandwidth: rate,
    requests: rate,
    windows: fc.array(
      fc.record({
        days: fc.constant([1]),
        from: fc.constant(0),
        to: fc.constant(60),
        zone: fc.constant('UTC'),
        bandwidth: fc.option(fc.integer({ min: 1, max: 1e6 })),
        concurrency: fc.integer({ min: 1, max: 1_024 }),
      }),
      { maxLength: 2 },
    ),
  });
  fc.assert(
    fc.property(limits, fc.integer({ min: 1, max: 500 }), (whole, asked) => {
      const shards = mostAtOnce(whole, asked);
      expect(shards).toBeLessThanOrEqual(asked);
      const part = shareOf(whole, shards);
      expect(part.concurrency * shards).toBeLessThanOrEqual(whole.concurrency);
      expect((part.bandwidth ?? 0) * shards).toBeLessThanOrEqual(whole.bandwidth ?? 0);
      expect((part.requests ?? 0) * shards).toBeLessThanOrEqual(whole.requests ?? 0);
      for (const [index, window] of whole.windows.entries()) {
        expect((part.windows[index]?.concurrency ?? 0) * shards).toBeLessThanOrEqual(window.concurrency);
        expect((part.windows[index]?.bandwidth ?? 0) * shards).toBeLessThanOrEqual(window.bandwidth ?? 0);
      }
      expect(orderedShare({ bandwidth: null }, shards)).toEqual({ bandwidth: null });
    }),
  );
});
