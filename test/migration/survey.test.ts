import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CentreCursor } from '../../src/migration/centre-cursor.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import type { ListEntry } from '../../src/store/store.ts';
import { layOut } from '../support/plan.ts';

const CHILD = fileURLToPath(new URL('../support/million-child.ts', import.meta.url));
const never = new AbortController().signal;

describe('a dry run', () => {
  it('of 1,000,000 objects stays below 256 MiB', () => {
    const laid = layOut();
    const result = JSON.parse(execFileSync(process.execPath, [CHILD, laid.plan, '1000000'], { encoding: 'utf8' })) as {
      counted: number;
      peakBytes: number;
    };
    expect(result.counted).toBe(1_000_000);
    expect(result.peakBytes).toBeLessThan(256 * 1024 * 1024);
  });
});

describe('looking keys up in a centre', () => {
  const keys = ['a', 'b/1', 'b/2', 'b2', 'c', 'e\uE000', 'e\u{1F600}', 'z'];
  const filled = async (): Promise<MemoryStore> => {
    const store = new MemoryStore({ name: 'm' });
    for (const key of keys) await store.create(key, new Uint8Array(1), { size: 1 });
    return store;
  };

  it('finds what is there and nothing else, in order', async () => {
    const cursor = new CentreCursor(await filled(), never);
    for (const key of ['0', 'a', 'a1', 'b/1', 'b/10', 'b/2', 'c', 'd', 'e\uE000', 'e\u{1F600}', 'z', 'zz']) {
      expect((await cursor.find(key))?.key).toBe(keys.includes(key) ? key : undefined);
    }
    await cursor.close();
  });

  it('finds it in any order too', async () => {
    const cursor = new CentreCursor(await filled(), never);
    for (const key of ['z', 'a', 'nope', 'c', 'b/1', 'b/1']) {
      expect((await cursor.find(key))?.key).toBe(keys.includes(key) ? key : undefined);
    }
    await cursor.close();
  });

  it('does not rely on a server that lists in another order', async () => {
    class Disordered extends MemoryStore {
      override async *list(): AsyncGenerator<readonly ListEntry[]> {
        const heads = await Promise.all(['c', 'a', 'z', 'b2', 'b/1', 'b/2'].map((key) => this.head(key)));
        yield heads.filter((head) => head !== undefined);
      }
    }
    const store = new Disordered({ name: 'm' });
    for (const key of keys) await store.create(key, new Uint8Array(1), { size: 1 });
    const cursor = new CentreCursor(store, never);
    for (const key of ['a', 'b/1', 'b/2', 'b2', 'c', 'z']) expect((await cursor.find(key))?.key, key).toBe(key);
    await cursor.close();
  });
});
