import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { compareUtf8 } from '../../base/order.ts';
import type { ListEntry, ListOptions } from '../store.ts';
import { codeOf } from './errors.ts';
import { HELD, SCRATCH } from './keys.ts';
import { NameList } from './name-list.ts';
import { revisionOf } from './revision.ts';

const PAGE = 1_000;

/** What Node puts in the place of bytes that are no UTF-8. */
const REPLACEMENT = '\uFFFD';

/**
 * All files below a root in UTF-8 byte order of their keys, a page at a time. Held in memory are only the names in the folders on the
 * way to the current file.
 */
export async function* listFiles(root: string, options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
  let page: ListEntry[] = [];
  for await (const batch of walk(root, '', options)) {
    options.signal?.throwIfAborted();
    page = page.length === 0 ? batch : page.concat(batch);
    if (page.length >= PAGE) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

/** The files of one folder and those below; `at` is `""` or ends in a slash. */
async function* walk(root: string, at: string, options: ListOptions): AsyncGenerator<ListEntry[]> {
  const names = await namesIn(root, at, options);
  let files: string[] = [];
  for (const name of names.sorted()) {
    if (!name.endsWith('/')) {
      files.push(name);
      if (files.length < PAGE) continue;
    }
    if (files.length > 0) yield await entriesOf(root, at, files);
    files = [];
    if (!name.endsWith('/')) continue;
    try {
      yield* walk(root, at + name, options);
    } catch (error) {
      // A folder that is gone by now had no files to lose, unless its name is one that cannot be asked for.
      if (codeOf(error) !== 'ENOENT') throw error;
      if (name.includes(REPLACEMENT)) yield [unusable(at + name, 'the folder name is no valid UTF-8')];
    }
  }
  if (files.length > 0) yield await entriesOf(root, at, files);
}

/** Names in a folder, those of folders with a slash behind, so that they sort as the keys below them do. */
async function namesIn(root: string, at: string, options: ListOptions): Promise<NameList> {
  const names = new NameList();
  const folder = await opendir(root + (at === '' ? '' : `/${at.slice(0, -1)}`), { bufferSize: 256 });
  for await (const entry of folder) {
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
    if (at === '' && (entry.name === SCRATCH || entry.name === HELD)) continue;
    if (isWanted(at + name, options)) names.add(name);
  }
  return names;
}

function isWanted(key: string, { prefix = '', after }: ListOptions): boolean {
  const isFolder = key.endsWith('/');
  if (!key.startsWith(prefix) && !(isFolder && prefix.startsWith(key))) return false;
  if (after === undefined || compareUtf8(key, after) > 0) return true;
  return isFolder && after.startsWith(key);
}

async function entriesOf(root: string, at: string, names: readonly string[]): Promise<ListEntry[]> {
  const entries = await Promise.all(names.map((name) => entryOf(root, at + name)));
  return entries.filter((entry) => entry !== undefined);
}

async function entryOf(root: string, key: string): Promise<ListEntry | undefined> {
  let stats: Stats;
  try {
    stats = await lstat(`${root}/${key}`);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return key.includes(REPLACEMENT) ? unusable(key, 'the file name is no valid UTF-8') : undefined;
  }
  if (!stats.isFile()) return unusable(key, `it is ${kindOf(stats)}, not a file`);
  return { key, size: stats.size, revision: revisionOf(stats), modified: stats.mtimeMs };
}

function unusable(key: string, why: string): ListEntry {
  return { key, size: 0, revision: '', modified: 0, unusable: why };
}

function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isSocket()) return 'a socket';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isDirectory() ? 'a folder' : 'a device';
}
