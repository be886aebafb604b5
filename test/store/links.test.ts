import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileStore } from '../../src/store/file/file-store.ts';
import { type ListEntry, type ObjectHead, type Store, StoreError } from '../../src/store/store.ts';
import { tempDir } from '../support/temp.ts';
import { conformance } from './conformance.ts';

async function open(links: 'refuse' | 'follow' | 'record', path = tempDir()): Promise<FileStore> {
  const store = new FileStore({ name: 'f', path, links });
  await store.open({ create: true });
  return store;
}

conformance('file with recorded links', {
  make: () => open('record'),
  keys: ['a', 'b/c/d', 'é'],
  refused: ['', '/a', '.ferry-held/x'],
  keeps: true,
  attributes: false,
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sized = (text: string) => ({ size: bytes(text).byteLength });
const none = new Uint8Array();

async function kind(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'no error',
    (error: unknown) => (error instanceof StoreError ? error.kind : String(error)),
  );
}

async function listed(store: Store): Promise<ListEntry[]> {
  const all: ListEntry[] = [];
  for await (const page of store.list({})) all.push(...page);
  return all;
}

async function contentOf(store: Store, key: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await store.read(key)).body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Opens an object and reads nothing of it. */
async function headByRead(store: Store, key: string): Promise<ObjectHead> {
  const { head, discard } = await store.read(key);
  await discard();
  return head;
}

async function whyOf(store: Store, key: string): Promise<string> {
  return await store.read(key).then(
    () => 'it was read',
    (error: unknown) => (error instanceof StoreError ? error.why : String(error)),
  );
}

/** Another link in the place of one, as `ln -sfn` makes it. */
function rePoint(path: string, text: string): void {
  symlinkSync(text, `${path}.new`);
  renameSync(`${path}.new`, path);
}

describe('links: record', () => {
  it('has a link as an object of no bytes with its text, wherever it leads', async () => {
    const root = tempDir();
    const texts: Readonly<Record<string, string>> = {
      absolute: '/etc/passwd',
      dangling: 'not/there',
      'folder/up': '../../..',
      itself: 'itself',
      odd: 'sp ace\nnew\u{1F600}é=&%',
      'to-folder': 'folder',
    };
    mkdirSync(join(root, 'folder'));
    for (const [key, text] of Object.entries(texts)) symlinkSync(text, join(root, key));
    lutimesSync(join(root, 'odd'), 1_000, 2_000);
    const store = await open('record', root);
    const entries = await listed(store);
    expect(entries.map(({ key }) => key)).toEqual(Object.keys(texts).sort());
    for (const entry of entries) {
      expect(entry).toMatchObject({ size: 0 });
      expect(entry.unusable).toBeUndefined();
      const head = await store.head(entry.key);
      expect(head).toMatchObject({ revision: entry.revision, size: 0, attributes: { link: texts[entry.key] } });
      expect(await contentOf(store, entry.key)).toBe('');
    }
    expect((await store.head('odd'))?.attributes).toEqual({ link: texts['odd'], mtimeMs: 2_000_000 });
    expect(await kind(store.read('to-folder/x'))).toBe('key');
  });

  it('makes a link of any text that a link can have, and never opens where it leads', async () => {
    const root = tempDir();
    const store = await open('record', root);
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), async (text) => {
        const key = `k${n++}`;
        const possible = text.isWellFormed() && !text.includes('\0');
        const made = store.create(key, none, { size: 0, attributes: { link: text, mtimeMs: 5_000 } });
        if (!possible) {
          expect(await kind(made)).toBe('unsupported');
          return;
        }
        expect((await made).attributes).toEqual({ link: text, mtimeMs: 5_000 });
        expect(readlinkSync(join(root, key))).toBe(text);
      }),
      { numRuns: 200 },
    );
    expect(await kind(store.create('long', none, { size: 0, attributes: { link: 'x'.repeat(4_096) } }))).toBe(
      'unsupported',
    );
    expect(await kind(store.create('bytes', bytes('x'), { size: 1, attributes: { link: 'x' } }))).toBe('unsupported');
    expect(existsSync(join(root, '.ferry-tmp')) ? readdirSync(join(root, '.ferry-tmp')) : []).toEqual([]);
  });

  it('swaps the link itself and puts it back, and leaves what it leads to as it is', async () => {
    const root = tempDir();
    writeFileSync(join(root, 'target'), 'of the target');
    symlinkSync('target', join(root, 'link'));
    const { ino } = lstatSync(join(root, 'link'));
    const before = statSync(join(root, 'target'));
    const store = await open('record', root);
    const head = await headByRead(store, 'link');

    const { kept = '', head: marker } = await store.replace('link', head.revision, bytes('marker'), sized('marker'));
    expect(lstatSync(join(root, 'link')).isFile()).toBe(true);
    expect(readFileSync(join(root, 'link'), 'utf8')).toBe('marker');
    expect(await store.headKept('link', kept)).toMatchObject({
      size: 0,
      revision: head.revision,
      attributes: { link: 'target' },
    });
    expect((await listed(store)).map(({ key }) => key)).toEqual(['link', 'target']);

    const back = await store.reinstate('link', marker.revision, kept);
    expect(back.attributes.link).toBe('target');
    expect(lstatSync(join(root, 'link')).ino).toBe(ino);
    const after = statSync(join(root, 'target'));
    expect([after.ino, after.mtimeMs, after.ctimeMs, after.nlink]).toEqual([
      before.ino,
      before.mtimeMs,
      before.ctimeMs,
      1,
    ]);
    await store.remove('link', back.revision);
    expect(existsSync(join(root, 'link'))).toBe(false);
    expect(readFileSync(join(root, 'target'), 'utf8')).toBe('of the target');
  });

  it('goes on with a swap that was cut off after it had hidden the link', async () => {
    const root = tempDir();
    symlinkSync('target', join(root, 'link'));
    const store = await open('record', root);
    const { revision } = await headByRead(store, 'link');
    const token = store.keptToken('link', revision);
    const { kept } = await store.replace('link', revision, bytes('marker'), sized('marker'));
    expect(kept).toBe(token);
    const [folder = ''] = readdirSync(join(root, '.ferry-held'));
    const [name = ''] = readdirSync(join(root, '.ferry-held', folder));
    // As it is in between: no marker yet, and the link under the name that no one else has.
    unlinkSync(join(root, 'link'));
    renameSync(join(root, '.ferry-held', folder, name), join(root, '.ferry-held', folder, `${name}.cut`));
    expect(await store.headKept('link', token)).toMatchObject({ revision, attributes: { link: 'target' } });
    const again = await store.replace('link', revision, bytes('marker'), sized('marker'));
    expect(readFileSync(join(root, 'link'), 'utf8')).toBe('marker');
    await store.reinstate('link', again.head.revision, token);
    expect(readlinkSync(join(root, 'link'))).toBe('target');
    await store.close();
    expect(readdirSync(root)).toEqual(['link']);
  });

  it('does nothing to a link that was re-pointed, nor to a file that took its place', async () => {
    const root = tempDir();
    symlinkSync('one', join(root, 'link'));
    const store = await open('record', root);
    const head = await headByRead(store, 'link');
    rePoint(join(root, 'link'), 'two');
    expect((await store.head('link'))?.revision).not.toBe(head.revision);
    expect(await kind(store.replace('link', head.revision, bytes('m'), sized('m')))).toBe('precondition');
    expect(readlinkSync(join(root, 'link'))).toBe('two');
    unlinkSync(join(root, 'link'));
    writeFileSync(join(root, 'link'), '');
    expect(await kind(store.replace('link', head.revision, bytes('m'), sized('m')))).toBe('precondition');
    expect(await kind(store.read('link', { revision: head.revision }))).toBe('precondition');
  });

  it('ends a body with an error where the link was re-pointed or taken away meanwhile', async () => {
    const root = tempDir();
    const store = await open('record', root);
    for (const spoil of [(path: string) => rePoint(path, 'two'), (path: string) => unlinkSync(path)]) {
      symlinkSync('one', join(root, 'link'));
      const { body } = await store.read('link');
      spoil(join(root, 'link'));
      const reading = (async () => {
        for await (const _ of body) throw new Error('a link has no bytes');
      })();
      expect(await kind(reading)).toBe('changed');
      if (existsSync(root) && readdirSync(root).includes('link')) unlinkSync(join(root, 'link'));
    }
  });

  it('cannot move a link whose text is no valid UTF-8', async () => {
    const root = tempDir();
    execFileSync('python3', ['-c', 'import os, sys; os.symlink(b"\\xff", sys.argv[1])', join(root, 'link')]);
    const store = await open('record', root);
    const why = 'it is a symbolic link whose text is no valid UTF-8';
    expect((await listed(store))[0]?.unusable).toBe(why);
    expect((await store.head('link'))?.unusable).toBe(why);
    expect(await kind(store.read('link'))).toBe('key');
  });

  it('makes nothing behind a link that it made itself, in whatever order they come', async () => {
    for (let round = 0; round < 150; round += 1) {
      const [root, outside] = [tempDir(), tempDir()];
      const store = await open('record', root);
      const below = ['a/b/c/d', 'a/b/e'].map((key) => store.create(key, bytes('x'), sized('x')));
      for (let turn = 0; turn < (round % 30) * 12; turn += 1) await breathe();
      const link = store.create('a', none, { size: 0, attributes: { link: outside } });
      await Promise.allSettled([link, ...below]);
      expect(readdirSync(outside)).toEqual([]);
    }
  });
});

describe('links: follow', () => {
  it('has a link to a file inside as an object with its bytes, mode and time, over other links too', async () => {
    const root = tempDir();
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(join(root, 'a/target'), 'the bytes', { mode: 0o640 });
    symlinkSync('../target', join(root, 'a/b/near'));
    symlinkSync(join(root, 'a/b/near'), join(root, 'far'));
    symlinkSync('a/b', join(root, 'folder'));
    symlinkSync('folder/near', join(root, 'by-folder'));
    const store = await open('follow', root);
    const entries = await listed(store);
    expect(entries.map(({ key }) => key)).toEqual(['a/b/near', 'a/target', 'by-folder', 'far', 'folder']);
    const { mtimeMs } = statSync(join(root, 'a/target'));
    for (const key of ['a/b/near', 'by-folder', 'far']) {
      const head = await store.head(key);
      expect(head).toMatchObject({ size: 9, attributes: { mode: 0o640, mtimeMs } });
      expect(entries.find((entry) => entry.key === key)).toMatchObject({ size: 9, revision: head?.revision });
      expect(await headByRead(store, key)).toEqual(head);
      expect(await contentOf(store, key)).toBe('the bytes');
    }
    expect(await kind(store.read('folder/near'))).toBe('key');
  });

  it('tells why it cannot read one that leads out, to nothing, in a circle, or to no file', async () => {
    const root = tempDir();
    const outside = tempDir();
    writeFileSync(join(outside, 'secret'), 'theirs');
    const held = join(root, '.ferry-held/ab');
    mkdirSync(held, { recursive: true });
    writeFileSync(join(held, 'kept'), 'hidden');
    mkdirSync(join(root, 'dir'));
    execFileSync('mkfifo', [join(root, 'zz-pipe')]);
    const links: Readonly<Record<string, string>> = {
      absolute: '/etc/passwd',
      beside: `${root}-sibling`,
      c1: 'c2',
      c2: 'dir/c3',
      'dir/c3': '../c1',
      dangling: 'not-there',
      'dir/out': outside,
      held: '.ferry-held/ab/kept',
      'over-folder': 'dir/out/secret',
      pipe: 'zz-pipe',
      root: '.',
      up: `..${outside.slice(outside.lastIndexOf('/'))}/secret`,
    };
    mkdirSync(`${root}-sibling`);
    onTestFinished(() => rmdirSync(`${root}-sibling`));
    for (const [key, text] of Object.entries(links)) symlinkSync(text, join(root, key));
    const out = 'it is a symbolic link that leads out of the store';
    const circle = 'it is a symbolic link that leads round in a circle';
    const folder = 'it is a symbolic link to a folder, which ferry does not follow';
    const expected = {
      absolute: out,
      beside: out,
      c1: circle,
      c2: circle,
      dangling: 'it is a symbolic link to nothing',
      'dir/c3': circle,
      'dir/out': out,
      held: "it is a symbolic link into .ferry-held, a folder of ferry's own",
      'over-folder': out,
      pipe: 'it is a symbolic link to a pipe, not to a file',
      root: out,
      up: out,
    };
    const store = await open('follow', root);
    const found = await listed(store);
    const whys = Object.fromEntries(found.map(({ key, unusable }) => [key, unusable]));
    expect(whys).toEqual({ ...expected, 'zz-pipe': 'it is a pipe, not a file' });
    for (const [key, why] of Object.entries(expected)) {
      expect(await whyOf(store, key)).toBe(why);
      expect((await store.head(key))?.unusable).toBe(why);
    }
    symlinkSync('dir', join(root, 'to-folder'));
    expect((await store.head('to-folder'))?.unusable).toBe(folder);
  });

  it('has another revision after the file was written, and after the link was re-pointed to equal bytes', async () => {
    const root = tempDir();
    writeFileSync(join(root, 'one'), 'same');
    writeFileSync(join(root, 'two'), 'same');
    symlinkSync('one', join(root, 'link'));
    const store = await open('follow', root);
    const seen = [(await headByRead(store, 'link')).revision];
    writeFileSync(join(root, 'one'), 'diff');
    seen.push((await headByRead(store, 'link')).revision);
    rePoint(join(root, 'link'), 'two');
    seen.push((await headByRead(store, 'link')).revision);
    rePoint(join(root, 'link'), 'two');
    seen.push((await headByRead(store, 'link')).revision);
    expect(new Set(seen).size).toBe(seen.length);
    expect(await kind(store.read('link', { revision: seen[0] ?? '' }))).toBe('precondition');
  });

  it('ends a body with an error where the link was re-pointed while it was read', async () => {
    const root = tempDir();
    for (const name of ['one', 'two']) writeFileSync(join(root, name), name.repeat(200_000));
    symlinkSync('one', join(root, 'link'));
    const store = await open('follow', root);
    const { body } = await store.read('link');
    const reading = (async () => {
      for await (const _ of body) if (readlinkSync(join(root, 'link')) === 'one') rePoint(join(root, 'link'), 'two');
    })();
    expect(await kind(reading)).toBe('changed');
    expect(await contentOf(store, 'link')).toBe('two'.repeat(200_000));
  });

  it('replaces and removes nothing: a file may be many objects', async () => {
    const root = tempDir();
    writeFileSync(join(root, 'file'), 'x');
    const store = await open('follow', root);
    const { revision = '' } = (await store.head('file')) ?? {};
    expect(await kind(store.replace('file', revision, bytes('m'), sized('m')))).toBe('unsupported');
    expect(await kind(store.remove('file', revision))).toBe('unsupported');
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('x');
  });

  it('reads nothing from outside while a folder on the way is exchanged for a link that leads there', async () => {
    const [root, outside] = [tempDir(), tempDir()];
    mkdirSync(join(root, 'real'));
    writeFileSync(join(root, 'real/file'), 'ours');
    writeFileSync(join(outside, 'file'), 'THEIRS');
    symlinkSync(outside, join(root, 'away'));
    symlinkSync('real/file', join(root, 'link'));
    const places = [join(root, 'real'), join(root, 'away')];
    // As fast as another process can, for as long as the store is asked.
    const child = spawn('python3', ['-u', '-c', EXCHANGE, ...places], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const store = await open('follow', root);
    const told = new Map<string, number>();
    for (let until = Date.now() + 3_000; Date.now() < until; ) {
      for (const one of await seenOf(store, 'link')) told.set(one, (told.get(one) ?? 0) + 1);
    }
    expect([...told.keys()].filter((one) => !['ours', 'changed', 'key', 'absent'].includes(one))).toEqual([]);
    expect(told.get('ours')).toBeGreaterThan(0);
    expect(told.get('changed')).toBeGreaterThan(0);
  });
});

/** Every chunk that a body gives, also before it ends with an error, and the kind of that. */
async function seenOf(store: Store, key: string): Promise<string[]> {
  const seen: string[] = [];
  const reading = (async () => {
    for await (const chunk of (await store.read(key)).body) seen.push(Buffer.from(chunk).toString());
  })();
  const end = await kind(reading);
  return end === 'no error' ? seen : [...seen, end];
}

/** `renameat2` with RENAME_EXCHANGE: at every moment there is one or the other. */
const EXCHANGE = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
one, other = (os.fsencode(path) for path in sys.argv[1:])
n = 0
while True:
    if libc.renameat2(-100, one, -100, other, 2) != 0: sys.exit(os.strerror(ctypes.get_errno()))
    n += 1
    if n == 100: print('on', flush=True)
`;

it('leaves links alone by default', async () => {
  const root = tempDir();
  writeFileSync(join(root, 'file'), 'x');
  linkSync(join(root, 'file'), join(root, 'hard'));
  symlinkSync('file', join(root, 'soft'));
  const store = new FileStore({ name: 'f', path: root });
  await store.open({ create: false });
  expect((await listed(store)).map(({ key, unusable }) => [key, unusable])).toEqual([
    ['file', undefined],
    ['hard', undefined],
    ['soft', 'it is a symbolic link, not a file'],
  ]);
  expect([...store.holds]).toEqual([]);
});
