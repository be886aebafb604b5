import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../src/base/order.ts';
import { FileStore } from '../../src/store/file/file-store.ts';
import { type ListEntry, StoreError } from '../../src/store/store.ts';
import { nearEscapes } from '../support/hostile-keys.ts';
import { tempDir } from '../support/temp.ts';

async function open(path = tempDir()): Promise<FileStore> {
  const store = new FileStore({ name: 'f', path, keys: 'escape' });
  await store.open({ create: true });
  return store;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function put(store: FileStore, key: string): Promise<void> {
  await store.create(key, bytes(`of ${key}`), { size: bytes(`of ${key}`).byteLength });
}

async function listed(store: FileStore, options = {}): Promise<ListEntry[]> {
  const all: ListEntry[] = [];
  for await (const page of store.list(options)) all.push(...page);
  return all;
}

async function contentOf(store: FileStore, key: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await store.read(key)).body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Leaves out what lies beside a key below it: the one thing that no naming without a memory can hold. */
function withoutPairs(keys: readonly string[]): string[] {
  const folders = new Set(keys.flatMap((text) => [...text.matchAll(/\//g)].map(({ index }) => text.slice(0, index))));
  return keys.filter((text) => !folders.has(text));
}

describe('a file store that escapes', () => {
  it('holds 500 hostile keys and lists them as they were put', async () => {
    const keys = withoutPairs([...new Set(fc.sample(nearEscapes, { numRuns: 900, seed: 7 }))]).slice(0, 500);
    expect(keys.length).toBe(500);
    const store = await open();
    for (const text of keys) await put(store, text);
    const sorted = [...keys].sort(compareUtf8);
    const entries = await listed(store);
    expect(entries.map((entry) => entry.key)).toEqual(sorted);
    expect(entries.filter((entry) => entry.unusable !== undefined)).toEqual([]);
    for (const text of keys) expect(await contentOf(store, text)).toBe(`of ${text}`);
    for (const at of [0, 100, 250, 499]) {
      const after = sorted[at] ?? '';
      expect((await listed(store, { after })).map((entry) => entry.key)).toEqual(sorted.slice(at + 1));
      const prefix = [...after].slice(0, 3).join('');
      const begun = sorted.filter((text) => text.startsWith(prefix));
      expect((await listed(store, { prefix })).map((entry) => entry.key)).toEqual(begun);
    }
  });

  it('keeps any few keys apart and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(nearEscapes, { minLength: 1, maxLength: 12 }), async (some) => {
        const keys = withoutPairs(some);
        const store = await open();
        for (const text of keys) await put(store, text);
        expect((await listed(store)).map((entry) => entry.key)).toEqual([...keys].sort(compareUtf8));
        for (const text of keys) expect(await contentOf(store, text)).toBe(`of ${text}`);
      }),
      { numRuns: 60 },
    );
  });

  it('writes ordinary keys as they are, and the others as documented', async () => {
    const root = tempDir();
    const store = await open(root);
    const long = 'x'.repeat(250);
    const paths = {
      'plain/näme 1.txt': 'plain/näme 1.txt',
      '/lead': '%-/lead',
      'd/': 'd/%-',
      'g//e': 'g/%-/e',
      '../up': '%2E%2E/up',
      '.ferry-held/x': '%2Eferry-held/x',
      'deep/.ferry-held/x': 'deep/.ferry-held/x',
      '100%': '100%25',
      [`${long}y`]: `${long}%+/y`,
      [long]: `${long}%+/%-`,
    };
    for (const text of Object.keys(paths)) await put(store, text);
    const files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
    expect(files.sort()).toEqual(Object.values(paths).sort());
  });

  it('refuses a key beside keys below it by name', async () => {
    const store = await open();
    await put(store, 'a');
    const kind = await put(store, 'a/b').catch((error: unknown) => (error instanceof StoreError ? error.kind : error));
    expect(kind).toBe('key');
    await put(store, 'c/d');
    await expect(put(store, 'c')).rejects.toThrow('a key beside keys below it');
  });

  it('lists names that it would not have written as unusable, and takes none for a key', async () => {
    const root = tempDir();
    for (const name of ['50%', 'a%2Eb', '%-', '%41', `${'x'.repeat(251)}`, 'more%+'])
      writeFileSync(join(root, name), 'theirs');
    mkdirSync(join(root, '%zz'));
    writeFileSync(join(root, '%zz', 'below'), 'theirs');
    const store = await open(root);
    await put(store, '50%');
    const entries = await listed(store);
    expect(entries.filter((entry) => entry.unusable === undefined).map((entry) => entry.key)).toEqual(['50%']);
    expect(entries.filter((entry) => entry.unusable !== undefined)).toHaveLength(7);
  });
});

/** Keys that whoever chooses them could hope to lead out of a folder with, or into what is ferry's own. */
const LEADING_OUT: readonly string[] = [
  ...['..', '.', '../out', '../../out', 'a/../../out', 'a/..', './a', 'a/./b', '/', '/out', '//out', '/etc/passwd'],
  ...['..\\out', 'a\\..\\..\\out', 'C:\\out', '\\\\server\\share', '..%2Fout', '%2E%2E/out', '..%00/out', '..;/out'],
  ...['a\0b', '../out\0', '..\0/out', '\0', '．．/out', '‥/out', '..\u2215out', '..\u2044out', ' ../out', '../ out'],
  ...['.ferry-tmp', '.ferry-tmp/x', '.ferry-held', '.ferry-held/x', '.ferry-held/../x', '.ferry-probe', '.ferry/x'],
  ...[
    'x'.repeat(256),
    `${'x'.repeat(300)}/../../out`,
    `${'../'.repeat(300)}out`,
    `${'a/'.repeat(500)}b`,
    '.'.repeat(500),
  ],
];

/** Keys of segments that are each hard for a path. */
const climbing: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      '..',
      '.',
      '',
      'a',
      '\\',
      '..\\',
      '\0',
      '%2E%2E',
      '.ferry-tmp',
      '.ferry-held',
      'link',
      'x'.repeat(260),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((segments) => segments.join('/'))
  .filter((text) => text !== '');

describe.each(['escape', 'plain'] as const)('no key leads out of a store (keys: %s)', (naming) => {
  /** A store within a folder of its own, with a link in it that leads out, and all that could be reached from there. */
  async function within() {
    const around = tempDir();
    const [root, outside] = [join(around, 'deep/store'), join(around, 'out')];
    mkdirSync(root, { recursive: true });
    writeFileSync(outside, 'theirs');
    symlinkSync(around, join(root, 'link'));
    const store = new FileStore({ name: 'f', path: root, ...(naming === 'escape' ? { keys: 'escape' } : {}) });
    await store.open({ create: true });
    const unharmed = (): void => {
      expect(readdirSync(around).sort()).toEqual(['deep', 'out']);
      expect(readdirSync(join(around, 'deep'))).toEqual(['store']);
      expect(readFileSync(outside, 'utf8')).toBe('theirs');
    };
    return { store, unharmed };
  }

  /** Tries everything that takes a key. Nothing that is not the store's may be told of or changed. */
  async function tryAll(store: FileStore, key: string): Promise<void> {
    const text = bytes(`of ${key}`);
    const size = { size: text.byteLength };
    const kindOf = async (work: Promise<unknown>): Promise<unknown> =>
      await work.then(
        () => 'done',
        (error: unknown) => (error instanceof StoreError ? error.kind : error),
      );
    const made = await kindOf(store.create(key, text, size));
    expect([key, made]).toEqual([key, expect.stringMatching(/^(done|key|exists)$/)]);
    // The link itself: it is there, and is no object.
    const isObject = made !== 'key' && key !== 'link';
    if (isObject) {
      expect(await contentOf(store, key)).toBe(`of ${key}`);
      expect((await store.head(key))?.size).toBe(text.byteLength);
      return;
    }
    const seen = store
      .head(key)
      .then((head) => (head === undefined || head.unusable !== undefined ? 'nothing' : 'something'));
    expect([key, await seen.catch(() => 'nothing')]).toEqual([key, 'nothing']);
    const others = [store.read(key), store.replace(key, 'r', text, size), store.remove(key, 'r')];
    for (const kind of await Promise.all(others.map(kindOf)))
      expect([key, kind]).toEqual([key, expect.stringMatching(/^(key|absent|precondition)$/)]);
  }

  it('of those that are known for it', async () => {
    const { store, unharmed } = await within();
    for (const key of LEADING_OUT) {
      await tryAll(store, key);
      unharmed();
    }
    for (const key of ['link/out', 'link/new', 'link/deep/new']) await tryAll(store, key);
    unharmed();
    expect((await listed(store)).filter(({ key }) => key.startsWith('link/'))).toEqual([]);
  });

  it('of any that is made of such parts', async () => {
    const { store, unharmed } = await within();
    const tried = fc.sample(climbing, { numRuns: 70, seed: 11 });
    for (const key of new Set(tried)) await tryAll(store, key);
    unharmed();
  });
});
