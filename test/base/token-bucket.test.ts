import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { steadyClock } from '../../src/base/clock.ts';
import { TokenBucket } from '../../src/base/token-bucket.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { ForwardingStore } from '../../src/store/wrap/forwarding.ts';
import { limited } from '../../src/store/wrap/limited.ts';
import { HandClock } from '../support/hand-clock.ts';

const SPAN_MS = 10_000;

interface Given {
  readonly at: number;
  readonly tokens: number;
}

/** What was given out in the ten seconds from each moment at which something was; the last ones, which are not whole, are left out. */
function spans(given: readonly Given[], end: number): number[] {
  const sums: number[] = [];
  for (const [first, { at }] of given.entries()) {
    if (at + SPAN_MS > end) break;
    let sum = 0;
    for (const { at: then, tokens } of given.slice(first)) {
      if (then >= at + SPAN_MS) break;
      sum += tokens;
    }
    sums.push(sum);
  }
  return sums;
}

/** The same numbers again and again. */
function inTurn(numbers: readonly number[]): () => number {
  let turn = 0;
  return () => {
    turn += 1;
    return numbers[turn % numbers.length] ?? 0;
  };
}

/** Takes without end, and notes when it got what. */
async function demand(bucket: TokenBucket, clock: HandClock, sizes: () => number, given: Given[], end: number) {
  while (clock.now() < end) {
    const tokens = sizes();
    await bucket.take(tokens);
    given.push({ at: clock.now(), tokens });
  }
}

describe('a token bucket', () => {
  const seeds = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), { minLength: 8, maxLength: 8 });

  it('gives out no more than 1.05 and no less than 0.95 of the rate in any ten seconds, however late timers are', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 200, max: 400 * 2 ** 20 }),
      fc.integer({ min: 1, max: 5 }),
      seeds,
      async (rate, takers, random) => {
        const clock = new HandClock();
        const any = inTurn(random);
        const bucket = new TokenBucket(rate, clock);
        const end = clock.now() + 25_000;
        const given: Given[] = [];
        const sizes = (): number => Math.ceil((0.2 + 0.8 * any()) * (bucket.slice ?? 1));
        for (let n = 0; n < takers; n += 1) void demand(bucket, clock, sizes, given, end);
        await clock.turnTo(end, () => any() * 150);
        const [least, most] = [0.95 * 10 * rate, 1.05 * 10 * rate];
        const sums = spans(given, end);
        expect(sums.length).toBeGreaterThan(0);
        expect(Math.max(...sums)).toBeLessThanOrEqual(most);
        expect(Math.min(...sums)).toBeGreaterThanOrEqual(least);
        expect(clock.mostSleepers).toBe(1);
      },
    );
    await fc.assert(property, { numRuns: 20 });
  }, 120_000);

  it('does the same for requests, but for the one that is just made', async () => {
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 300 }), seeds, async (rate, random) => {
      const clock = new HandClock();
      const any = inTurn(random);
      const bucket = new TokenBucket(rate, clock);
      const end = clock.now() + 25_000;
      const given: Given[] = [];
      for (let n = 0; n < 3; n += 1) void demand(bucket, clock, () => 1, given, end);
      await clock.turnTo(end, () => any() * 100);
      const sums = spans(given, end);
      expect(Math.max(...sums)).toBeLessThanOrEqual(1.05 * 10 * rate + 1);
      expect(Math.min(...sums)).toBeGreaterThanOrEqual(0.95 * 10 * rate - 1);
    });
    await fc.assert(property, { numRuns: 20 });
  }, 120_000);

  it('lets no burst through after it was idle, or after the machine stood still', async () => {
    const clock = new HandClock();
    const bucket = new TokenBucket(1_000, clock);
    await clock.turnTo(clock.now() + 60_000);
    const given: Given[] = [];
    const end = clock.now() + 21_000;
    void demand(bucket, clock, () => 10, given, end);
    await clock.turnTo(end, inTurn([5_000, ...Array.from({ length: 200 }, () => 0)]));
    expect(Math.max(...spans(given, end))).toBeLessThanOrEqual(10_500);
  });

  it('serves in turn, gives back what one paid who leaves, and changes its rate for those who wait', async () => {
    const clock = new HandClock(0);
    const bucket = new TokenBucket(10, clock);
    const order: string[] = [];
    const leaving = new AbortController();
    const takes = [
      bucket.take(103, leaving.signal).then(
        () => order.push('large'),
        (error: Error) => order.push(error.message),
      ),
      bucket.take(50).then(() => order.push('second')),
      bucket.take(1).then(() => order.push('small')),
    ];
    // 3 were saved and 40 have come: they are for the second, up to what may be saved.
    await clock.turnTo(4_000);
    leaving.abort(new Error('left'));
    await clock.turnTo(4_100);
    expect(order).toEqual(['left']);
    bucket.change(100);
    await clock.turnTo(4_200);
    expect(order).toEqual(['left', 'second', 'small']);
    bucket.change(undefined);
    await Promise.all([...takes, bucket.take(1e9)]);
    bucket.change(1);
    const late = bucket.take(1_000).then(() => order.push('let go'));
    await clock.turnTo(5_000);
    expect(order).toHaveLength(3);
    bucket.change(undefined);
    await late;
    await expect(bucket.take(1, AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
  });

  it('takes no notice of the date of the machine', async () => {
    const real = Date.now;
    onTestFinished(() => {
      Date.now = real;
    });
    const bucket = new TokenBucket(100, steadyClock);
    await bucket.take(30);
    const began = performance.now();
    const taken = [bucket.take(10), bucket.take(10)];
    Date.now = () => real() - 86_400_000;
    await taken[0];
    Date.now = () => real() + 86_400_000;
    await taken[1];
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(180);
    expect(took).toBeLessThan(2_000);
  });

  it('spreads a body that is larger than it over the time that it takes', async () => {
    const clock = new HandClock();
    const bucket = new TokenBucket(1_000, clock);
    class AtOnce extends ForwardingStore {
      override async read(key: string) {
        const reader = await this.inner.read(key);
        const whole = Buffer.concat(await Array.fromAsync(reader.body));
        return {
          ...reader,
          body: (async function* () {
            yield whole;
          })(),
        };
      }
    }
    const inner = new MemoryStore({ name: 'm' });
    const body = Buffer.from(Array.from({ length: 25_300 }, (_, n) => n % 251));
    await inner.create('k', body, { size: body.byteLength });
    const store = limited(new AtOnce(inner), { bytes: bucket, requests: undefined });
    const given: Given[] = [];
    const chunks: Uint8Array[] = [];
    const began = clock.now();
    let took = 0;
    const reading = (async () => {
      for await (const chunk of (await store.read('k')).body) {
        given.push({ at: clock.now(), tokens: chunk.byteLength });
        chunks.push(chunk);
      }
      took = clock.now() - began;
    })();
    await clock.turnTo(began + 30_000);
    await reading;
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
    expect(took).toBeCloseTo(25_000, 0);
    const sums = spans(given, began + 25_000);
    expect(Math.max(...sums)).toBeLessThanOrEqual(10_500);
    expect(Math.min(...sums)).toBeGreaterThanOrEqual(9_500);
  });
});
