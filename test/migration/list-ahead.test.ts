import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { between } from '../../src/base/between.ts';
import { compareUtf8 } from '../../src/base/order.ts';
import { Spool } from '../../src/base/spool.ts';
import { listAhead } from '../../src/migration/list-ahead.ts';
import type { ListEntry, ListOptions } from '../../src/store/store.ts';

const entry = (key: string): ListEntry => ({ key, size: key.length, revision: `r-${key}`, modified: 0 });

/** A server with these keys, which answers after a few turns of the event loop. */
function server(keys: readonly string[], pageSize: number, turns: (asked: number) => number = () => 1) {
  const sorted = [...new Set(keys)].toSorted(compareUtf8);
  const seen = { asked: 0, open: 0, most: 0 };
  async function* list({ after, signal }: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    let at = after === undefined ? 0 : sorted.findIndex((key) => compareUtf8(key, after) > 0);
    if (at === -1) at = sorted.length;
    do {
      seen.asked += 1;
      seen.open += 1;
      seen.most = Math.max(seen.most, seen.open);
      try {
        for (let n = turns(seen.asked); n > 0; n -= 1) await turn();
        signal?.throwIfAborted();
      } finally {
        seen.open -= 1;
      }
      yield sorted.slice(at, at + pageSize).map(entry);
      at += pageSize;
    } while (at < sorted.length);
  }
  return { list, sorted, seen };
}

async function keysOf(pages: AsyncIterable<readonly ListEntry[]>): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of pages) keys.push(...page.map(({ key }) => key));
  return keys;
}

const key = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab01/~ !'), minLength: 1, maxLength: 8 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }).filter((one) => one.isWellFormed()),
  fc.string({
    unit: fc.constantFrom('\u0001', 'a', '\u007f', '\u{10ffff}', '\ufffd', 'z'),
    minLength: 1,
    maxLength: 4,
  }),
  fc.nat(2_000).map((n) => `users/u${String(n).padStart(4, '0')}/photo.jpg`),
);

describe('a listing in several ranges at once', () => {
  it('gives what a plain one gives, in its order, whatever the keys are and wherever it begins', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(key, { maxLength: 300 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        fc.option(key, { nil: undefined }),
        fc.infiniteStream(fc.nat(4)),
        async (keys, pageSize, most, after, pauses) => {
          const { list, sorted } = server(keys, pageSize, () => pauses.next().value ?? 0);
          const options = after === undefined ? {} : { after };
          const given = await keysOf(listAhead(list, options, most));
          expect(given).toEqual(sorted.filter((one) => after === undefined || compareUtf8(one, after) > 0));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('has several listings open, and few that find nothing', async () => {
    const keys = Array.from({ length: 20_000 }, (_, n) => `users/u${String(n % 500).padStart(3, '0')}/o${n}`);
    const { list, sorted, seen } = server(keys, 100);
    expect(await keysOf(listAhead(list, {}, 8))).toEqual(sorted);
    expect(seen.most).toBe(8);
    expect(seen.asked).toBeLessThan(2 * (keys.length / 100));
  });

  it('asks once for what one page holds', async () => {
    const { list, seen } = server(['a', 'b'], 10);
    expect(await keysOf(listAhead(list, {}, 8))).toEqual(['a', 'b']);
    expect(seen).toEqual({ asked: 1, open: 0, most: 1 });
  });

  it('goes on plainly where the server bends keys', async () => {
    const bent = Array.from({ length: 60 }, (_, n) => `k${String(n).padStart(3, '0')}`);
    const { list } = server(bent, 5);
    async function* legible(options: ListOptions) {
      for await (const page of list(options))
        yield page.map((one) => (one.key > 'k030' ? { ...one, unusable: 'bent' } : one));
    }
    expect(await keysOf(listAhead(legible, {}, 4))).toEqual(bent);
  });

  it('ends its listers when nobody reads on, and fails as they do', async () => {
    const { list, seen } = server(
      Array.from({ length: 5_000 }, (_, n) => `k${n}`),
      10,
      () => 3,
    );
    for await (const _page of listAhead(list, {}, 8)) if (seen.most === 8) break;
    expect(seen.open).toBe(0);
    const failing = async function* (options: ListOptions) {
      yield* list(options);
      throw new Error('the server is gone');
    };
    await expect(keysOf(listAhead(failing, {}, 3))).rejects.toThrow('the server is gone');
  });
});

it('a guess lies between, and is made of what XML carries', () => {
  fc.assert(
    fc.property(key, fc.option(key, { nil: undefined }), (a, b) => {
      const [low, high] = b !== undefined && compareUtf8(a, b) > 0 ? [b, a] : [a, b];
      const guess = between(low, high);
      if (guess === undefined) return;
      expect(compareUtf8(guess, low)).toBeGreaterThan(0);
      if (high !== undefined) expect(compareUtf8(guess, high)).toBeLessThan(0);
      expect(guess.isWellFormed()).toBe(true);
    }),
    { numRuns: 5_000 },
  );
});

it('a spool gives back what was put in, in order, from memory and from its file', async () => {
  const spool = new Spool<{ n: number; text: string }>({ left: 3 });
  const put = Array.from({ length: 50 }, (_, n) => ({ n, text: 'ü'.repeat(n) }));
  for (const one of put.slice(0, 30)) await spool.push(one);
  const got = [];
  for (let n = 0; n < 20; n += 1) got.push(await spool.shift());
  for (const one of put.slice(30)) await spool.push(one);
  for (let n = 0; n < 30; n += 1) got.push(await spool.shift());
  expect(got).toEqual(put);
  expect(await spool.shift()).toBe(undefined);
  await spool.close();
});
