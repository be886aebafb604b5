import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath } from 'node:fs/promises';
import { StoreError } from '../store.ts';
import { codeOf } from './errors.ts';
import { followedRevision, targetOf } from './links.ts';
import { revisionOf } from './revision.ts';
import { statsOf } from './swap.ts';
import type { At, View } from './view.ts';

/** An object's file, open, and the link that led to it where links are followed. */
export interface Opened {
  readonly handle: FileHandle;
  readonly link: { readonly path: string; readonly target: string } | undefined;
}

/** The state of an open object at one moment. */
export interface Look {
  /** Of the file whose bytes are read. */
  readonly stats: Stats;
  readonly revision: string;
  /** The newest of its times and its link's, in milliseconds since 1970. */
  readonly touched: number;
}

/**
 * Opens the file of a key. A link is followed only where the view says so, and then what was opened is known to lie inside the store's
 * folder before a byte of it is read: the kernel itself is asked where the open file is, so that no link or folder that is changed
 * between the check and the opening can lead out.
 *
 * @throws StoreError `absent`; `key` where the link leads to nothing that may be read; `changed` where someone re-pointed it.
 */
export async function openObject(view: View, at: At, path: string): Promise<Opened> {
  const isLink = view.links === 'follow' && (await statsOf(path))?.isSymbolicLink() === true;
  if (!isLink) return { handle: await openFile(view, at, path), link: undefined };
  const target = await targetOf(view.root, path);
  if (target === undefined) throw new StoreError({ ...at, kind: 'absent', why: 'there is no such file' });
  if ('unusable' in target) throw new StoreError({ ...at, kind: 'key', why: target.unusable });
  const handle = await openFile(view, at, target.path);
  try {
    if ((await placeOf(handle)) !== target.path) throw rePointed(at);
    return { handle, link: { path, target: target.path } };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Where an open file lies by now, as the kernel knows it (proc(5), /proc/pid/fd). */
async function placeOf(handle: FileHandle): Promise<string> {
  return await readlink(`/proc/self/fd/${handle.fd}`);
}

/** Whether the system tells where an open file lies, without which no link can be followed safely. */
export async function tellsPlaces(root: string): Promise<boolean> {
  const handle = await open(root, 'r');
  try {
    return await placeOf(handle).then(
      (place) => place === root,
      () => false,
    );
  } finally {
    await handle.close();
  }
}

async function openFile(view: View, at: At, path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    // Where links are objects, one that is met here came in this moment.
    if (codeOf(error) === 'ELOOP' && view.links !== 'refuse') throw rePointed(at);
    if (codeOf(error) !== 'ENOTDIR') throw error;
    throw new StoreError({ ...at, kind: 'absent', why: 'a part of its path is a file', cause: error });
  }
}

/** @throws StoreError `changed` where its link leads elsewhere by now. */
export async function look(at: At, { handle, link }: Opened): Promise<Look> {
  const stats = await handle.stat();
  const touched = Math.max(stats.mtimeMs, stats.ctimeMs);
  if (link === undefined) return { stats, revision: revisionOf(stats), touched };
  const own = await orRePointed(at, lstat(link.path));
  if ((await orRePointed(at, realpath(link.path))) !== link.target) throw rePointed(at);
  const revision = followedRevision(stats, own);
  return { stats, revision, touched: Math.max(touched, own.mtimeMs, own.ctimeMs) };
}

async function orRePointed<T>(at: At, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error) ?? '')) throw rePointed(at);
    throw error;
  }
}

export function rePointed(at: At): StoreError {
  return new StoreError({ ...at, kind: 'changed', why: 'a link on the way to it was changed in that moment' });
}
