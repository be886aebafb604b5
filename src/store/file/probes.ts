import { link, mkdir, open, readdir, rm, rmdir, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatBytes } from '../../plan/units.ts';
import { judgeSkew, type ProbeStore, type Shown, type Trial } from '../probes.ts';
import type { CallOptions, Store } from '../store.ts';
import { asStoreError, codeOf } from './errors.ts';
import type { Scratch } from './scratch.ts';

interface Place {
  readonly root: string;
  readonly scratch: Scratch;
}

/** What a read waits until it trusts the time of a file (docs/stores.md), and a little more. Milliseconds. */
const SETTLED_MS = 60;

/** System calls that show what a file system does, each in a folder below `.ferry-tmp`, which no listing shows. */
export class FileProbes implements ProbeStore {
  readonly trials: ReadonlyMap<string, Trial>;
  readonly #store: Store;
  readonly #place: () => Place;

  constructor(store: Store, place: () => Place) {
    this.#store = store;
    this.#place = place;
    const inFolder = (trial: (folder: string) => Promise<Shown>): Trial => {
      return async () => await this.#inFolder(trial);
    };
    this.trials = new Map<string, Trial>([
      ['hard-links', inFolder(hardLinks)],
      ['fsync', inFolder(fsync)],
      ['keeps-case', inFolder((folder) => keepsApart(folder, 'ferry', 'FERRY', 'in case'))],
      ['keeps-unicode-forms', inFolder((folder) => keepsApart(folder, '\u00e9', 'e\u0301', 'in Unicode form'))],
      ['file-times', inFolder(fileTimes)],
      ['clock', inFolder(clock)],
      ['room', async () => await this.#do('room', () => room(this.#place().root))],
    ]);
  }

  async tidy(key: string, options: CallOptions = {}): Promise<void> {
    const head = await this.#store.head(key, options);
    if (head !== undefined) await this.#store.remove(key, head.revision, options);
  }

  async makeRoot(): Promise<() => Promise<void>> {
    const { root } = this.#place();
    const first = await this.#do('make the folder', async () => {
      return await mkdir(root, { recursive: true }).catch((error: unknown) => {
        // Something else is there: opening the store tells what.
        if (codeOf(error) !== 'EEXIST') throw error;
      });
    });
    return async () => {
      if (first === undefined) return;
      for (let folder = root; folder.length >= first.length; folder = dirname(folder)) {
        const isGone = await rmdir(folder).then(
          () => true,
          () => false,
        );
        if (!isGone) return;
      }
    };
  }

  async #inFolder(trial: (folder: string) => Promise<Shown>): Promise<Shown> {
    return await this.#do('try', async () => {
      const folder = await this.#place().scratch.folder();
      try {
        return await trial(folder);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  async #do<T>(op: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asStoreError(error, { store: this.#store.name, op });
    }
  }
}

async function hardLinks(folder: string): Promise<Shown> {
  await writeFile(join(folder, 'one'), 'x');
  try {
    await link(join(folder, 'one'), join(folder, 'two'));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { result: 'no', detail: `link: ${codeOf(error)}` };
  }
  const again = await link(join(folder, 'one'), join(folder, 'two')).catch((error: unknown) => codeOf(error));
  return again === 'EEXIST'
    ? { result: 'yes', detail: 'a link is made, and never over another file' }
    : { result: 'no', detail: 'a link was made over another file' };
}

async function fsync(folder: string): Promise<Shown> {
  for (const [path, flags] of [
    [join(folder, 'file'), 'w'],
    [folder, 'r'],
  ] as const) {
    const handle = await open(path, flags);
    try {
      await handle.sync();
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      return { result: 'no', detail: `fsync of a ${flags === 'w' ? 'file' : 'folder'}: ${codeOf(error)}` };
    } finally {
      await handle.close();
    }
  }
  return { result: 'yes', detail: 'files and folders can be brought to the disk' };
}

async function keepsApart(folder: string, one: string, other: string, how: string): Promise<Shown> {
  await writeFile(join(folder, one), 'one');
  const flag = await writeFile(join(folder, other), 'other', { flag: 'wx' }).catch((error: unknown) => codeOf(error));
  const names = await readdir(folder);
  return flag === undefined && names.includes(one) && names.includes(other)
    ? { result: 'yes', detail: `two names that differ ${how} alone are two files` }
    : { result: 'no', detail: `two names that differ ${how} alone are one file, or one comes back changed` };
}

/** Three writes with waits between them: none may leave the time of last write where it was. */
async function fileTimes(folder: string): Promise<Shown> {
  const file = join(folder, 'file');
  const times: number[] = [];
  for (let n = 0; n < 4; n += 1) {
    if (n > 0) await delay(SETTLED_MS);
    await writeFile(file, String(n));
    times.push((await stat(file)).mtimeMs);
  }
  return new Set(times).size === times.length
    ? { result: 'yes', detail: `writes ${SETTLED_MS} ms apart have different times` }
    : { result: 'no', detail: `writes ${SETTLED_MS} ms apart can have one time` };
}

async function clock(folder: string): Promise<Shown> {
  const file = join(folder, 'file');
  const before = Date.now();
  await writeFile(file, 'x');
  const middle = (before + Date.now()) / 2;
  return judgeSkew("the file system's clock", (await stat(file)).mtimeMs - middle);
}

async function room(root: string): Promise<Shown> {
  const { bavail, bsize, ffree, files } = await statfs(root);
  // A file system that counts no files has no limit on them.
  if (files > 0 && ffree === 0) return { result: 'no', detail: 'no file can be made any more' };
  const free = bavail * bsize;
  return { result: free > 0 ? 'yes' : 'no', detail: `${formatBytes(free)} free` };
}
