import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FerryError } from '../../src/base/errors.ts';
import { FileStore } from '../../src/store/file/file-store.ts';
import { type ObjectHead, type Store, StoreError } from '../../src/store/store.ts';
import { tempDir } from '../support/temp.ts';
import { hasXattrTools, setXattrs, xattrsOf, xattrsOfAll } from '../support/xattrs.ts';
import { conformance } from './conformance.ts';

const here = hasXattrTools();
const base64 = (data: Uint8Array | string): string => Buffer.from(data).toString('base64');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function open(path = tempDir(), links: 'refuse' | 'follow' | 'record' = 'refuse'): Promise<FileStore> {
  const store = new FileStore({ name: 'f', path, links, xattrs: 'carry' });
  await store.open({ create: true });
  return store;
}

async function headByRead(store: Store, key: string): Promise<ObjectHead> {
  const { head, discard } = await store.read(key);
  await discard();
  return head;
}

const create = async (store: Store, key: string, xattrs: Record<string, string>, mode = 0o644) =>
  await store.create(key, bytes('x'), { size: 1, attributes: { xattrs, mode } });

it('refuses to open where the programs are not there, and says what to install', async () => {
  const { PATH = '' } = process.env;
  onTestFinished(() => void Object.assign(process.env, { PATH }));
  process.env['PATH'] = tempDir();
  const failure: unknown = await open().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(FerryError);
  expect(failure).toMatchObject({ fault: 'refused', subject: 'f' });
  expect((failure as FerryError).hint).toContain('install the package attr');
});

if (here) {
  conformance('file with extended attributes', {
    make: () => open(),
    keys: ['a', 'b/c/d', 'é', '-rf', '\n'],
    refused: ['', '/a'],
    keeps: true,
    attributes: false,
  });
}

describe.runIf(here)('xattrs: carry', () => {
  it('tells the user attributes of a file by head and read, and those alone', async () => {
    const root = tempDir();
    const names = { 'user.colour': 'blue', 'user.empty': '', 'user.=\n\\ é#': Buffer.from([0, 255, 10, 34]) };
    for (const file of ['a', 'sp ace\n# file: x', '-x']) writeFileSync(join(root, file), 'x');
    setXattrs(join(root, 'a'), { ...names, 'trusted.mine': 'not carried' });
    setXattrs(join(root, 'sp ace\n# file: x'), { 'user.a': 'of another' });
    const store = await open(root);
    const wanted = Object.fromEntries(Object.entries(names).map(([name, value]) => [name, base64(value)]));
    expect((await store.head('a'))?.attributes.xattrs).toEqual(wanted);
    const read = await headByRead(store, 'a');
    expect(read.attributes.xattrs).toEqual(wanted);
    expect(await store.head('a')).toEqual(read);
    expect((await store.head('sp ace\n# file: x'))?.attributes.xattrs).toEqual({ 'user.a': base64('of another') });
    expect((await store.head('-x'))?.attributes.xattrs).toBeUndefined();
    const entries = [];
    for await (const page of store.list({})) entries.push(...page);
    expect(entries.find(({ key }) => key === 'a')?.revision).toBe(read.revision);
  });

  it('gives back what was put, whatever names and values', async () => {
    const root = tempDir();
    const store = await open(root);
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 40 })
      .filter((text) => text.isWellFormed() && !text.includes('\0'))
      .map((text) => `user.${text}`);
    const values = fc.dictionary(name, fc.uint8Array({ maxLength: 200 }).map(base64), { maxKeys: 4 });
    const put: Record<string, string>[] = [];
    await fc.assert(
      fc.asyncProperty(values, async (xattrs) => {
        const n = put.push({ ...xattrs }) - 1;
        const head = await create(store, `k${n}`, xattrs);
        expect(head.attributes.xattrs ?? {}).toEqual({ ...xattrs });
      }),
      { numRuns: 100 },
    );
    expect(xattrsOfAll(put.map((_, n) => join(root, `k${n}`)))).toEqual(put);
  });

  it('keeps those of many files apart that are asked for at once', async () => {
    const root = tempDir();
    const store = await open(root);
    const keys = Array.from({ length: 150 }, (_, n) => `k${n}`);
    await Promise.all(keys.map((key, n) => create(store, key, n % 3 === 0 ? {} : { 'user.key': base64(key) })));
    const heads = await Promise.all(keys.map((key) => store.head(key)));
    for (const [n, head] of heads.entries()) {
      const wanted = n % 3 === 0 ? undefined : { 'user.key': base64(`k${n}`) };
      expect(head?.attributes.xattrs).toEqual(wanted);
    }
  });

  it('fails one object that cannot have them, and none that is written at the same time', async () => {
    const root = tempDir();
    const store = await open(root);
    // More than any file system of Linux takes for one value (XATTR_SIZE_MAX).
    const large = { 'user.large': base64(Buffer.alloc(70_000)) };
    const all = [create(store, 'a', { 'user.a': base64('1') }), create(store, 'b', large), create(store, 'c', large)];
    const more = [create(store, 'd', { 'user.d': base64('2') }), create(store, 'e', { 'security.x': '' })];
    const ends = await Promise.allSettled([...all, ...more]);
    expect(ends.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled', 'rejected']);
    for (const end of ends) {
      if (end.status === 'fulfilled') continue;
      expect(end.reason).toBeInstanceOf(StoreError);
      expect((end.reason as StoreError).kind).toBe('unsupported');
      expect((end.reason as StoreError).why).not.toContain('/proc/');
    }
    expect(xattrsOf(join(root, 'd'))).toEqual({ 'user.d': base64('2') });
    expect(existsSync(join(root, '.ferry-tmp')) ? readdirSync(join(root, '.ferry-tmp')) : []).toEqual([]);
    expect(readdirSync(root).filter((name) => !name.startsWith('.'))).toEqual(['a', 'd']);
  });

  it('has another revision when only an attribute was changed, and swaps nothing then', async () => {
    const root = tempDir();
    const store = await open(root);
    await create(store, 'k', { 'user.a': base64('1') }, 0o400);
    const { revision } = await headByRead(store, 'k');
    chmodSync(join(root, 'k'), 0o600);
    setXattrs(join(root, 'k'), { 'user.a': 'two' });
    expect((await store.head('k'))?.revision).not.toBe(revision);
    const swapped = store.replace('k', revision, bytes('m'), { size: 1 });
    expect(await swapped.catch((error: unknown) => (error as StoreError).kind)).toBe('precondition');
  });

  it('brings them back with the file that a swap kept', async () => {
    const root = tempDir();
    const store = await open(root);
    const xattrs = { 'user.a': base64('1') };
    await create(store, 'k', xattrs);
    const { revision } = await headByRead(store, 'k');
    const { head, kept = '' } = await store.replace('k', revision, bytes('m'), { size: 1 });
    expect(head.attributes.xattrs).toBeUndefined();
    expect((await store.headKept('k', kept))?.attributes.xattrs).toEqual(xattrs);
    expect((await store.reinstate('k', head.revision, kept)).attributes.xattrs).toEqual(xattrs);
  });

  it('reads those of the file that a link leads to, and none of a link itself', async () => {
    const root = tempDir();
    writeFileSync(join(root, 'file'), 'x');
    setXattrs(join(root, 'file'), { 'user.a': '1' });
    symlinkSync('file', join(root, 'link'));
    const xattrs = { 'user.a': base64('1') };
    const following = await open(root, 'follow');
    expect((await following.head('link'))?.attributes.xattrs).toEqual(xattrs);
    expect(await headByRead(following, 'link')).toEqual(await following.head('link'));
    const recording = await open(root, 'record');
    expect((await recording.head('link'))?.attributes).toEqual({ link: 'file', mtimeMs: expect.any(Number) });
    expect([...recording.holds].sort()).toEqual(['link', 'xattrs']);
  });

  it('leaves them alone by default', async () => {
    const root = tempDir();
    writeFileSync(join(root, 'file'), 'x');
    setXattrs(join(root, 'file'), { 'user.a': '1' });
    const store = new FileStore({ name: 'f', path: root });
    await store.open({ create: false });
    expect((await store.head('file'))?.attributes.xattrs).toBeUndefined();
    await create(store, 'new', { 'user.a': base64('1') });
    expect(xattrsOf(join(root, 'new'))).toEqual({});
    expect([readFileSync(join(root, 'new'), 'utf8'), statSync(join(root, 'new')).size]).toEqual(['x', 1]);
  });
});
