import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import { compareUtf8 } from '../../base/order.ts';
import type { ListEntry, ListOptions } from '../store.ts';
import { codeOf } from './errors.ts';
import { kindOf, linkFacts } from './links.ts';
import { NameList } from './name-list.ts';
import { type Naming, PLAIN } from './names.ts';
import { HELD, SCRATCH } from './own.ts';
import { revisionOf } from './revision.ts';
import type { View } from './view.ts';

const PAGE = 1_000;

/** Files that are looked at together: enough to keep a slow file system busy, few enough that what they leave dies young. */
const AT_ONCE = 128;

/** After so many names others get their turn. */
const BREATH = 4_096;

/** What Node puts in the place of bytes that are no UTF-8. */
const REPLACEMENT = '\uFFFD';

/**
 * All files below a root in UTF-8 byte order of their keys, a page at a time. Held in memory are only the names in the folders on the
 * way to the current file.
 */
export async function* listFiles(
  view: Pick<View, 'root' | 'links'>,
  options: ListOptions,
  naming: Naming = PLAIN,
): AsyncGenerator<readonly ListEntry[]> {
  let page: ListEntry[] = [];
  for await (const batch of walk({ path: view.root, key: '', naming, view }, options)) {
    options.signal?.throwIfAborted();
    page = page.length === 0 ? batch : page.concat(batch);
    if (page.length >= PAGE) {
      yield page;
      page = [];
    }
  }
  if (page.length > 0) yield page;
}

interface Folder {
  readonly path: string;
  /** What all keys in it begin with: `""` at the root. */
  readonly key: string;
  readonly naming: Naming;
  readonly view: Pick<View, 'root' | 'links'>;
}

/** The files of one folder and those below. */
async function* walk(at: Folder, options: ListOptions): AsyncGenerator<ListEntry[]> {
  const { names, strange } = await namesIn(at, options);
  let files: string[] = [];
  for (const part of names.sorted()) {
    const isFolder = at.naming.isFolder(part);
    // Of two that look alike, one is the key and one only resembles it.
    const odd = strange.delete(part);
    if (!isFolder && !odd) {
      files.push(part);
      if (files.length < AT_ONCE) continue;
    }
    if (files.length > 0) yield await entriesOf(at, files);
    files = [];
    if (odd) yield [unusable(at.key + part, 'no key has this name where keys are escaped')];
    if (!isFolder || odd) continue;
    try {
      yield* walk({ ...at, path: `${at.path}/${at.naming.name(part, at.key === '')}`, key: at.key + part }, options);
    } catch (error) {
      // A folder that is gone by now had no files to lose, unless its name is one that cannot be asked for.
      if (codeOf(error) !== 'ENOENT') throw error;
      if (part.includes(REPLACEMENT)) yield [unusable(at.key + part, 'the folder name is no valid UTF-8')];
    }
  }
  if (files.length > 0) yield await entriesOf(at, files);
}

/**
 * What the names in a folder add to keys, those of folders as the keys below them begin, so that they sort as those do; and which of
 * them stand for names that no key has.
 */
async function namesIn(at: Folder, options: ListOptions): Promise<{ names: NameList; strange: Set<string> }> {
  const names = new NameList();
  const strange = new Set<string>();
  const folder = await opendir(at.path, { bufferSize: 256 });
  try {
    // Read without a promise an entry: in a folder of a million they would be most of what is held.
    for (let entry = folder.readSync(), n = 1; entry !== null; entry = folder.readSync(), n += 1) {
      if (n % BREATH === 0) await breathe();
      if (at.key === '' && (entry.name === SCRATCH || entry.name === HELD)) continue;
      const part = at.naming.part(entry.name, entry.isDirectory(), at.key === '');
      // Not the name itself: that may be another key's.
      const shown = part ?? entry.name.replaceAll('%', REPLACEMENT);
      if (!isWanted(at.key + shown, part !== undefined && at.naming.isFolder(part), options)) continue;
      if (part === undefined) strange.add(shown);
      names.add(shown);
    }
  } finally {
    folder.closeSync();
  }
  return { names, strange };
}

function isWanted(key: string, isFolder: boolean, { prefix = '', after }: ListOptions): boolean {
  if (!key.startsWith(prefix) && !(isFolder && prefix.startsWith(key))) return false;
  if (after === undefined || compareUtf8(key, after) > 0) return true;
  return isFolder && after.startsWith(key);
}

async function entriesOf(at: Folder, parts: readonly string[]): Promise<ListEntry[]> {
  const entries = await Promise.all(parts.map((part) => entryOf(at, part)));
  return entries.filter((entry) => entry !== undefined);
}

async function entryOf(at: Folder, part: string): Promise<ListEntry | undefined> {
  const key = at.key + part;
  const path = `${at.path}/${at.naming.name(part, at.key === '')}`;
  let stats: Stats;
  try {
    stats = await lstat(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return key.includes(REPLACEMENT) ? unusable(key, 'the file name is no valid UTF-8') : undefined;
  }
  const { root, links } = at.view;
  if (stats.isSymbolicLink() && links !== 'refuse') {
    const facts = await linkFacts(root, path, stats, links);
    // The link is gone, or something else is in its place by now.
    if (facts === undefined) return await entryOf(at, part);
    const { attributes: _, ...entry } = facts;
    return { key, ...entry };
  }
  if (!stats.isFile()) return unusable(key, `it is ${kindOf(stats)}, not a file`);
  return { key, size: stats.size, revision: revisionOf(stats), modified: stats.mtimeMs };
}

function unusable(key: string, why: string): ListEntry {
  return { key, size: 0, revision: '', modified: 0, unusable: why };
}
