import { expect, it } from 'vitest';
import { together } from '../../src/base/together.ts';

const never = new AbortController().signal;

/** Ends only by its signal, and tells of it. */
const endless = (ended: string[], name: string) => (signal: AbortSignal) =>
  new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => {
      setImmediate(() => {
        ended.push(name);
        reject(new Error(name));
      });
    }),
  );

it('gives what the first task gives, once all are done', async () => {
  const order: string[] = [];
  const slow = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    order.push('slow');
  };
  expect(await together(never, async () => 'first', [slow, slow])).toBe('first');
  expect(order).toEqual(['slow', 'slow']);
});

it('ends all when one fails, waits for them, and throws the failure that came first', async () => {
  for (const failing of ['first', 'other']) {
    const ended: string[] = [];
    const fails = async () => {
      throw new Error('why');
    };
    const first = failing === 'first' ? fails : endless(ended, 'first');
    const others = [endless(ended, 'a'), failing === 'first' ? endless(ended, 'b') : fails];
    await expect(together(never, first, others)).rejects.toThrow('why');
    expect(ended).toHaveLength(2);
  }
});

it('ends all by the signal that is given', async () => {
  const stop = new AbortController();
  const ended: string[] = [];
  const work = together(stop.signal, endless(ended, 'a'), [endless(ended, 'b')]);
  stop.abort();
  await expect(work).rejects.toThrow('a');
  expect(ended).toEqual(['a', 'b']);
});
