import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileStore } from '../../src/store/file/file-store.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { tempDir } from '../support/temp.ts';
import { conformance } from './conformance.ts';

async function open(path = tempDir()): Promise<FileStore> {
  const store = new FileStore({ name: 'f', path });
  await store.open({ create: true });
  return store;
}

conformance('file', {
  make: () => open(),
  keys: [
    'a',
    'b/c/d',
    '.hidden',
    '..x',
    'é',
    'e\u0301',
    '\u{1F600}',
    '\n',
    ' ',
    '+',
    '%2F',
    'back\\slash',
    'quote"',
    '-rf',
    '*',
    `n${'x'.repeat(250)}`,
    '$HOME',
    '\u0001',
  ],
  refused: [
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/./b',
    'a/../b',
    '../a',
    'nul\0',
    '\uD800',
    'x'.repeat(256),
    '.ferry-tmp/x',
    '.ferry-held/x',
    '.ferry-held',
    `${'y/'.repeat(2_100)}z`,
  ],
  keeps: true,
  attributes: false,
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const write = (text: string) => ({ size: bytes(text).byteLength });

async function kind(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'no error',
    (error: unknown) => (error instanceof StoreError ? error.kind : String(error)),
  );
}

async function entries(store: Store) {
  const all = [];
  for await (const page of store.list({})) all.push(...page);
  return all;
}

describe('a file store', () => {
  it('refuses a key beside keys below it, whichever came first', async () => {
    const store = await open();
    await store.create('a', bytes('x'), write('x'));
    expect(await kind(store.create('a/b', bytes('x'), write('x')))).toBe('key');
    await store.create('c/d', bytes('x'), write('x'));
    expect(await kind(store.create('c', bytes('x'), write('x')))).toBe('key');
    expect((await entries(store)).map((entry) => entry.key)).toEqual(['a', 'c/d']);
  });

  it('never leaves its folder by a symbolic link', async () => {
    const root = tempDir();
    const outside = tempDir();
    writeFileSync(join(outside, 'secret'), 'theirs');
    mkdirSync(join(outside, 'sub'));
    symlinkSync(outside, join(root, 'folder'));
    symlinkSync(join(outside, 'secret'), join(root, 'file'));
    symlinkSync(join(outside, 'not-there'), join(root, 'dangling'));
    const store = await open(root);
    const all: Promise<unknown>[] = [
      store.read('folder/secret'),
      store.create('folder/new', bytes('x'), write('x')),
      store.create('folder/deep/new', bytes('x'), write('x')),
      store.create('folder/sub/deep/new', bytes('x'), write('x')),
      store.replace('folder/secret', 'r', bytes('x'), write('x')),
      store.reinstate('folder/secret', undefined, 'k/r'),
      store.remove('folder/secret', 'r'),
      store.head('folder/secret'),
      store.read('file'),
    ];
    expect(await Promise.all(all.map(kind))).toEqual(all.map(() => 'key'));
    expect(await kind(store.create('file', bytes('x'), write('x')))).toBe('exists');
    expect(await kind(store.create('dangling', bytes('x'), write('x')))).toBe('exists');
    expect(await kind(store.replace('file', 'r', bytes('x'), write('x')))).toBe('precondition');
    expect(readdirSync(outside, { recursive: true })).toEqual(['secret', 'sub']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('theirs');
    const listed = await entries(store);
    expect(listed.map((entry) => [entry.key, entry.unusable])).toEqual([
      ['dangling', 'it is a symbolic link, not a file'],
      ['file', 'it is a symbolic link, not a file'],
      ['folder', 'it is a symbolic link, not a file'],
    ]);
  });

  it('lists what is no file, and names that are no UTF-8, as unusable', async () => {
    const root = tempDir();
    execFileSync('mkfifo', [join(root, 'pipe')]);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff])]), 'x');
    mkdirSync(Buffer.concat([Buffer.from(`${root}/dir-`), Buffer.from([0xfe])]));
    const listed = await entries(await open(root));
    expect(listed.map((entry) => entry.unusable)).toEqual([
      'the file name is no valid UTF-8',
      'the folder name is no valid UTF-8',
      'it is a pipe, not a file',
    ]);
  });

  it('needs its folder, and makes it only when told to', async () => {
    const path = join(tempDir(), 'not/there');
    expect(await kind(new FileStore({ name: 'f', path }).open({ create: false }))).toBe('missing');
    await new FileStore({ name: 'f', path }).open({ create: true });
    expect(statSync(path).isDirectory()).toBe(true);
    const file = join(path, 'file');
    writeFileSync(file, '');
    expect(await kind(new FileStore({ name: 'f', path: file }).open({ create: false }))).toBe('missing');
  });

  it('knows nothing of keys below a file, nor of folders', async () => {
    const root = tempDir();
    mkdirSync(join(root, 'dir'));
    writeFileSync(join(root, 'file'), 'x');
    const store = await open(root);
    for (const key of ['file/x', 'dir']) {
      expect(await store.head(key)).toBeUndefined();
      expect(await kind(store.read(key))).toBe('absent');
      expect(await kind(store.replace(key, 'r', bytes('x'), write('x')))).toBe('precondition');
    }
  });

  it('swaps files older than 1970, too', async () => {
    const root = tempDir();
    const file = join(root, 'k');
    writeFileSync(file, 'old');
    execFileSync('touch', ['-d', '1960-02-03 04:05:06.789', file]);
    const store = await open(root);
    const revision = (await store.head('k'))?.revision ?? '';
    const { head, kept } = await store.replace('k', revision, bytes('m'), write('m'));
    expect(await store.headKept('k', kept ?? '')).toMatchObject({ revision });
    const back = await store.reinstate('k', head.revision, kept ?? '');
    await store.remove('k', back.revision);
    expect(await store.head('k')).toBeUndefined();
  });

  it('keeps old bytes where only the owner comes, as they may have been in such a folder', async () => {
    const root = tempDir();
    const store = await open(root);
    const { revision } = await store.create('k', bytes('x'), write('x'));
    await store.replace('k', revision, bytes('m'), write('m'));
    expect(statSync(join(root, '.ferry-held')).mode & 0o777).toBe(0o700);
  });

  it('leaves no scratch behind', async () => {
    const root = tempDir();
    const store = await open(root);
    const { revision } = await store.create('a/b', bytes('x'), write('x'));
    await kind(store.create('a/b', bytes('y'), write('y')));
    const { head, kept } = await store.replace('a/b', revision, bytes('m'), write('m'));
    await store.reinstate('a/b', head.revision, kept ?? '');
    await store.close();
    expect(readdirSync(root)).toEqual(['a']);
  });

  it('sees a write of the same size in place right after a read', async () => {
    const root = tempDir();
    const file = join(root, 'k');
    const store = await open(root);
    for (let n = 0; n < 20; n += 1) {
      writeFileSync(file, `text ${n % 10}`);
      const { head, body } = await store.read('k');
      for await (const _ of body);
      writeFileSync(file, `TEXT ${n % 10}`);
      expect((await store.head('k'))?.revision).not.toBe(head.revision);
    }
  });

  it('tells that a file was written while it was read', async () => {
    const root = tempDir();
    const file = join(root, 'k');
    writeFileSync(file, Buffer.alloc(2_000_000, 1));
    const store = await open(root);
    const inPlace = await store.read('k');
    const byRename = await store.read('k');
    const consume = async (reader: typeof inPlace, meddle: () => void): Promise<void> => {
      let first = true;
      for await (const _ of reader.body) {
        if (first) meddle();
        first = false;
      }
    };
    expect(await kind(consume(inPlace, () => writeFileSync(file, Buffer.alloc(2_000_000, 2))))).toBe('changed');
    writeFileSync(join(root, 'fresh'), Buffer.alloc(2_000_000, 3));
    expect(await kind(consume(byRename, () => renameSync(join(root, 'fresh'), file)))).toBe('changed');
  });
});

describe('a swap that was cut off', () => {
  async function tombstoned(root: string) {
    const store = await open(root);
    const { revision } = await store.create('d/k', bytes('old'), write('old'));
    const token = store.keptToken('d/k', revision);
    const name = token.split('/')[0] ?? '';
    const held = join(root, '.ferry-held', name.slice(0, 2), name.slice(2));
    return { store, revision, token, held };
  }

  it('after the old bytes were hidden goes on where it was', async () => {
    const root = tempDir();
    const { store, revision, token, held } = await tombstoned(root);
    mkdirSync(dirname(held), { recursive: true });
    renameSync(join(root, 'd/k'), held);
    expect(await store.head('d/k')).toBeUndefined();
    expect(await store.headKept('d/k', token)).toMatchObject({ revision });
    const replaced = await store.replace('d/k', revision, bytes('marker'), write('marker'));
    expect(replaced.kept).toBe(token);
    expect(readFileSync(join(root, 'd/k'), 'utf8')).toBe('marker');
    expect(readFileSync(held, 'utf8')).toBe('old');
  });

  it('before the hidden bytes had their lasting name goes on, and back again, too', async () => {
    const root = tempDir();
    const { store, revision, token, held } = await tombstoned(root);
    mkdirSync(dirname(held), { recursive: true });
    renameSync(join(root, 'd/k'), `${held}.some-other-run`);
    writeFileSync(`${held}.stray`, 'of someone who wrote in the gap');
    expect(await store.headKept('d/k', token)).toMatchObject({ revision, size: 3 });
    const { head, kept } = await store.replace('d/k', revision, bytes('marker'), write('marker'));
    await store.reinstate('d/k', head.revision, kept ?? '');
    expect(readFileSync(join(root, 'd/k'), 'utf8')).toBe('old');
    expect(readdirSync(dirname(held))).toHaveLength(1);
  });

  it('and whose hidden bytes were written since is refused', async () => {
    const root = tempDir();
    const { store, revision, token, held } = await tombstoned(root);
    mkdirSync(dirname(held), { recursive: true });
    renameSync(join(root, 'd/k'), held);
    utimesSync(held, 1, 1);
    writeFileSync(held, 'NEW');
    expect((await store.headKept('d/k', token))?.revision).not.toBe(revision);
    expect(await kind(store.replace('d/k', revision, bytes('marker'), write('marker')))).toBe('precondition');
    expect(readFileSync(held, 'utf8')).toBe('NEW');
  });

  it('does not touch an object that someone wrote in the gap', async () => {
    const root = tempDir();
    const { store, revision, held } = await tombstoned(root);
    mkdirSync(dirname(held), { recursive: true });
    renameSync(join(root, 'd/k'), held);
    writeFileSync(join(root, 'd/k'), 'theirs');
    expect(await kind(store.replace('d/k', revision, bytes('marker'), write('marker')))).toBe('precondition');
    expect(readFileSync(join(root, 'd/k'), 'utf8')).toBe('theirs');
    expect(readFileSync(held, 'utf8')).toBe('old');
  });

  it('between its lasting name and its random one leaves nothing of either when it is undone', async () => {
    const root = tempDir();
    const { store, revision, token, held } = await tombstoned(root);
    const { head } = await store.replace('d/k', revision, bytes('marker'), write('marker'));
    linkSync(held, `${held}.8401768d`);
    await store.reinstate('d/k', head.revision, token);
    await store.close();
    expect(readFileSync(join(root, 'd/k'), 'utf8')).toBe('old');
    expect(readdirSync(root)).toEqual(['d']);
  });

  it('back again, between taking the marker away and linking the old bytes', async () => {
    const root = tempDir();
    const { store, revision, token } = await tombstoned(root);
    await store.replace('d/k', revision, bytes('marker'), write('marker'));
    renameSync(join(root, 'd/k'), join(root, 'gone'));
    const head = await store.reinstate('d/k', undefined, token);
    expect(head.size).toBe(3);
    expect(readFileSync(join(root, 'd/k'), 'utf8')).toBe('old');
  });

  it('back again, between linking the old bytes and unlinking their kept name', async () => {
    const root = tempDir();
    const { store, revision, token, held } = await tombstoned(root);
    await store.replace('d/k', revision, bytes('marker'), write('marker'));
    renameSync(join(root, 'd/k'), join(root, 'gone'));
    linkSync(held, join(root, 'd/k'));
    // Both names are of one file: what is left to do is to drop one.
    expect((await store.reinstate('d/k', undefined, token)).size).toBe(3);
    expect(readFileSync(join(root, 'd/k'), 'utf8')).toBe('old');
    expect(await store.headKept('d/k', token)).toBeUndefined();
  });
});

describe('a write over new bytes at once', () => {
  it.each(['by rename', 'in place'])(
    '%s is never taken for them',
    async (how) => {
      const root = tempDir();
      const store = await open(join(root, 'store'));
      const file = join(root, 'store/d/k');
      let raced = 0;
      for (let turn = 0; turn < 20; turn += 1) {
        rmSync(file, { force: true });
        const { revision } = await store.create('d/k', bytes('old'), write('old'));
        const { ino } = lstatSync(file);
        let over = false;
        const watch = (): void => {
          const now = lstatSync(file, { throwIfNoEntry: false })?.ino;
          if (now === undefined || now === ino) {
            if (!over) setImmediate(watch);
            return;
          }
          writeFileSync(how === 'in place' ? file : join(root, 'fresh'), 'written by someone');
          if (how === 'by rename') renameSync(join(root, 'fresh'), file);
        };
        watch();
        const replaced = await kind(
          store.replace('d/k', revision, bytes('marker'), write('marker')).then(({ head }) => {
            expect(head.size).toBe('marker'.length);
          }),
        );
        over = true;
        if (replaced === 'precondition') raced += 1;
        if (existsSync(file) && lstatSync(file).size !== 6)
          expect(readFileSync(file, 'utf8')).toBe('written by someone');
      }
      expect(raced).toBeGreaterThan(0);
    },
    60_000,
  );
});

describe('a file that was taken away, and a program that has it open', () => {
  it('that writes it after a crash: its write goes over what took its place', async () => {
    const root = tempDir();
    const store = await open(root);
    const { revision } = await store.create('k', bytes('old'), write('old'));
    const { head, kept } = await store.replace('k', revision, bytes('marker'), write('marker'));
    const program = openSync(join(root, 'k'), 'r+');
    await store.reinstate('k', head.revision, kept ?? '');
    // As if the process had died here: what it left has the name of one that is no more.
    const [name = ''] = readdirSync(join(root, '.ferry-tmp'));
    const dead = execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).trim();
    renameSync(join(root, '.ferry-tmp', name), join(root, '.ferry-tmp', `${dead}-x-y`));
    const next = await open(root);
    await next.sweep();
    writeSync(program, 'late!!', 0);
    closeSync(program);
    await next.close();
    expect(readFileSync(join(root, 'k'), 'utf8')).toBe('late!!');
    expect(readdirSync(root).sort()).toEqual(['.ferry-held', 'k']);
  });
});

describe('a purge, and a program that has the file open', () => {
  async function hidden() {
    const root = tempDir();
    const store = await open(root);
    const { revision } = await store.create('k', bytes('old'), write('old'));
    const program = openSync(join(root, 'k'), 'r+');
    const { head, kept = '' } = await store.replace('k', revision, bytes('marker'), write('marker'));
    return { root, store, program, head, kept };
  }

  it('that writes what was only just hidden: it stays', async () => {
    const { store, program, kept } = await hidden();
    const dropping = kind(store.purge.dropKept('k', kept));
    writeSync(program, 'late', 0);
    closeSync(program);
    expect(await dropping).toBe('precondition');
    expect(await store.writtenSince('k', kept)).toBe(true);
  });

  it('that writes the marker when it was removed: its write is the object', async () => {
    const { root, store, program, head, kept } = await hidden();
    closeSync(program);
    await store.purge.dropKept('k', kept);
    const other = openSync(join(root, 'k'), 'r+');
    await store.purge.dropMarker('k', head.revision);
    expect(await store.head('k')).toBeUndefined();
    writeSync(other, 'late!!', 0);
    closeSync(other);
    await store.close();
    expect(readFileSync(join(root, 'k'), 'utf8')).toBe('late!!');
    expect(readdirSync(root)).toEqual(['k']);
  });
});

describe('a sweep', () => {
  /** A process id that is surely not in use: of a child that has ended. */
  const deadPid = (): string => execFileSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).trim();

  it('removes what dead writers left and nothing of living ones', async () => {
    const root = tempDir();
    mkdirSync(join(root, '.ferry-tmp'));
    writeFileSync(join(root, '.ferry-tmp', `${deadPid()}-x`), 'half');
    writeFileSync(join(root, '.ferry-tmp', `${process.ppid}-y`), 'half');
    await (await open(root)).sweep();
    expect(readdirSync(join(root, '.ferry-tmp'))).toEqual([`${process.ppid}-y`]);
  });

  it('leaves alone what this very process is writing', async () => {
    const root = tempDir();
    const store = await open(root);
    async function* swept(): AsyncGenerator<Uint8Array> {
      yield bytes('ab');
      await (await open(root)).sweep();
      yield bytes('cd');
    }
    await store.create('k', swept(), { size: 4 });
    expect(readFileSync(join(root, 'k'), 'utf8')).toBe('abcd');
  });

  it('puts back what a dead process had set aside and that was not what it expected', async () => {
    const root = tempDir();
    const aside = join(root, '.ferry-tmp', `${deadPid()}-z`);
    mkdirSync(aside, { recursive: true });
    mkdirSync(join(root, 'd'));
    writeFileSync(join(aside, 'object'), 'theirs');
    writeFileSync(join(aside, 'note.json'), JSON.stringify({ key: 'd/k', ino: 1, size: 2, mtimeMs: 3 }));
    await (await open(root)).sweep();
    expect(readFileSync(join(root, 'd/k'), 'utf8')).toBe('theirs');
  });

  it('drops the marker that a dead process had set aside', async () => {
    const root = tempDir();
    const aside = join(root, '.ferry-tmp', `${deadPid()}-z`);
    mkdirSync(aside, { recursive: true });
    writeFileSync(join(aside, 'object'), 'marker');
    const { ino, size, mtimeMs } = lstatSync(join(aside, 'object'));
    writeFileSync(join(aside, 'note.json'), JSON.stringify({ key: 'k', ino, size, mtimeMs }));
    await (await open(root)).sweep();
    expect(readdirSync(root)).toEqual([]);
  });
});
