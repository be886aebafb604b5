import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { retry } from '../../src/base/retry.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import {
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  StoreError,
  type StoreErrorKind,
} from '../../src/store/store.ts';
import { ForwardingStore } from '../../src/store/wrap/forwarding.ts';
import { limited, TokenBucket } from '../../src/store/wrap/limited.ts';
import { retrying } from '../../src/store/wrap/retrying.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const failure = (kind: StoreErrorKind): StoreError => new StoreError({ kind, store: 'm', op: 'try', why: 'so it is' });

/** Time that passes only by sleeping. */
class HandClock implements Clock {
  readonly slept: number[] = [];
  #now = 1_000_000;

  now(): number {
    return this.#now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.#now += ms;
  }
}

/** Fails as often as it is told, and a listing after its first page. */
class FailingStore extends ForwardingStore {
  readonly #failures: StoreError[];

  constructor(failures: StoreError[]) {
    super(new MemoryStore({ name: 'm' }));
    this.#failures = failures;
  }

  override async head(key: string): Promise<ObjectHead | undefined> {
    const error = this.#failures.shift();
    if (error !== undefined) throw error;
    return await this.inner.head(key);
  }

  override async create(): Promise<ObjectHead> {
    throw this.#failures.shift() ?? new Error('no failure is left');
  }

  override async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    for await (const page of this.inner.list(options)) {
      yield page;
      const error = this.#failures.shift();
      if (error !== undefined) throw error;
    }
  }

  async fill(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.inner.create(key, bytes(key), { size: bytes(key).byteLength });
  }
}

describe('retry', () => {
  it('waits at most the base first and twice as long each time, up to the cap', async () => {
    const clock = new HandClock();
    const task = async (): Promise<never> => {
      throw failure('transient');
    };
    const policy = { attempts: 6, baseMs: 100, capMs: 500, clock, random: () => 1 };
    await expect(retry(task, policy)).rejects.toThrow('so it is');
    expect(clock.slept).toEqual([100, 200, 400, 500, 500]);
  });

  it('gives up at once what cannot pass, and when it is aborted', async () => {
    let tries = 0;
    const task = async (): Promise<never> => {
      tries += 1;
      throw failure(tries === 1 ? 'denied' : 'transient');
    };
    await expect(retry(task, { clock: new HandClock() })).rejects.toMatchObject({ kind: 'denied' });
    await expect(retry(task, { clock: new HandClock(), signal: AbortSignal.abort() })).rejects.toThrow();
    expect(tries).toBe(2);
  });
});

describe('a retrying store', () => {
  it('tries reads again and writes once', async () => {
    const inner = new FailingStore([failure('throttled'), failure('unreachable'), failure('transient')]);
    const store = retrying(inner, { clock: new HandClock() });
    expect(await store.head('k')).toBeUndefined();
    const work = retrying(new FailingStore([failure('transient')]), { clock: new HandClock() });
    await expect(work.create('k', bytes('x'), { size: 1 })).rejects.toMatchObject({ kind: 'transient' });
  });

  it('goes on with a listing that broke, without a gap and without a double', async () => {
    const keys = Array.from({ length: 3_500 }, (_, n) => `k${String(n).padStart(5, '0')}`);
    const inner = new FailingStore([failure('transient'), failure('cut'), failure('throttled')]);
    await inner.fill(keys);
    const found: string[] = [];
    for await (const page of retrying(inner, { attempts: 2, clock: new HandClock() }).list({})) {
      found.push(...page.map((entry) => entry.key));
    }
    expect(found).toEqual(keys);
  });
});

describe('a limited store', () => {
  it('gives out what was saved up and then the rate, shared by all who ask', async () => {
    const clock = new HandClock();
    const start = clock.now();
    const requests = new TokenBucket(10, clock);
    const store = limited(new MemoryStore({ name: 'm' }), { bytes: undefined, requests });
    for (let n = 0; n < 30; n += 1) await store.head('k');
    expect(clock.now() - start).toBeCloseTo(2_700, 3);
  });

  it('slows bodies down to the rate, and stops waiting when aborted', async () => {
    const clock = new HandClock();
    const start = clock.now();
    const inner = new MemoryStore({ name: 'm' });
    await inner.create('k', new Uint8Array(300_000), { size: 300_000 });
    const store = limited(inner, { bytes: new TokenBucket(100_000, clock), requests: undefined });
    let seen = 0;
    for await (const chunk of (await store.read('k')).body) seen += chunk.byteLength;
    expect(seen).toBe(300_000);
    expect(clock.now() - start).toBeCloseTo(2_700, 3);
    const { body } = await store.read('k', { signal: AbortSignal.abort(new Error('enough')) });
    await expect(Array.fromAsync(body)).rejects.toThrow('enough');
  });
});
