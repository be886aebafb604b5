import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import type { KeptBytes } from '../store.ts';
import { codeOf } from './errors.ts';
import { NameList } from './name-list.ts';
import { HELD, SCRATCH } from './own.ts';

/** After so many names others get their turn. */
const BREATH = 4_096;

/**
 * Everything that lies in ferry's own folders of a root: bytes that tombstones hide, in order of their tokens, then what writers have in
 * the making or dead ones left. Held in memory are only the names in the folders on the way.
 */
export async function* keptFiles(root: string, signal?: AbortSignal): AsyncGenerator<KeptBytes> {
  let last: Found | undefined;
  for await (const found of filesBelow(root, HELD, signal)) {
    const token = tokenIn(found.place);
    // A swap that was cut off leaves two names of one file, the lasting one first.
    const isTwin = last !== undefined && token === tokenIn(last.place) && found.stats.ino === last.stats.ino;
    if (!isTwin) yield { token: token ?? found.place, size: found.stats.size };
    last = found;
  }
  for await (const { place, stats } of filesBelow(root, SCRATCH, signal)) {
    // What it notes is the key of a file that lies beside it.
    if (!place.endsWith('/note.json')) yield { token: place, size: stats.size };
  }
}

/** `.ferry-held/XX/YYYY…`, where a dot and a random name may follow: see `Swap`. */
const HELD_NAME = /^\.ferry-held\/([0-9a-f]{2})\/([0-9a-f]{62})(\.[0-9a-f-]{36})?$/;

function tokenIn(place: string): string | undefined {
  const [, folder, name] = HELD_NAME.exec(place) ?? [];
  return folder === undefined || name === undefined ? undefined : folder + name;
}

interface Found {
  /** Below the root. */
  readonly place: string;
  readonly stats: Stats;
}

/** All that is no folder, in byte order of the names in each folder; none where there is no such folder. Links are not followed. */
async function* filesBelow(root: string, place: string, signal: AbortSignal | undefined): AsyncGenerator<Found> {
  const names = await namesIn(`${root}/${place}`);
  for (const name of names?.sorted() ?? []) {
    signal?.throwIfAborted();
    const at = `${place}/${name}`;
    const stats = await statsOf(`${root}/${at}`);
    if (stats?.isDirectory() === true) yield* filesBelow(root, at, signal);
    else if (stats !== undefined) yield { place: at, stats };
  }
}

async function namesIn(folder: string): Promise<NameList | undefined> {
  const names = new NameList();
  try {
    const dir = await opendir(folder, { bufferSize: 256 });
    try {
      for (let entry = dir.readSync(), n = 1; entry !== null; entry = dir.readSync(), n += 1) {
        if (n % BREATH === 0) await breathe();
        names.add(entry.name);
      }
    } finally {
      dir.closeSync();
    }
    return names;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** `undefined` for what went away meanwhile: a restore brings files back while this looks. */
async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
