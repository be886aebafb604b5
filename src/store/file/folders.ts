import { lstat, mkdir, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './errors.ts';
import { badKey } from './keys.ts';

/** Brings folders to the disk, so that a name in them survives a crash. Those who ask for one folder at once share an fsync. */
export class FolderSync {
  readonly #running = new Map<string, { readonly now: Promise<void>; next: Promise<void> | undefined }>();

  /** Resolves when all names that were in the folder at the time of the call are on disk. */
  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    // The one under way may have begun before the caller's change: wait for the one after it.
    running.next ??= running.now.then(
      () => this.#start(folder),
      () => this.#start(folder),
    );
    return running.next;
  }

  #start(folder: string): Promise<void> {
    const now = fsync(folder).finally(() => {
      if (this.#running.get(folder)?.now === now) this.#running.delete(folder);
    });
    this.#running.set(folder, { now, next: undefined });
    return now;
  }
}

async function fsync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes sure that a file's folder is the real one: no part of the path is a symbolic link that could lead out of the store. Someone
 * who may write to the store could still swap a folder after the check; ferry trusts its stores that far.
 *
 * @returns false where the folder does not exist.
 * @throws StoreError `key` for a path through a link.
 */
export async function isRealFolder(store: string, key: string, file: string): Promise<boolean> {
  const folder = dirname(file);
  try {
    if ((await realpath(folder)) === folder) return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
  throw badKey(store, key, THROUGH_LINK);
}

/**
 * Makes a folder and those above it, below `root`; each new name is on disk when it resolves. Goes from the root downwards, so that
 * nothing is made behind a symbolic link.
 *
 * @throws StoreError `key` where a link is in the way.
 */
export async function makeFolders(
  at: { readonly store: string; readonly key: string },
  root: string,
  folder: string,
  syncing: FolderSync,
): Promise<void> {
  if (folder === root) return;
  const stats = await lstat(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (stats?.isSymbolicLink() === true) throw badKey(at.store, at.key, THROUGH_LINK);
  if (stats !== undefined) return;
  await makeFolders(at, root, dirname(folder), syncing);
  await mkdir(folder).catch((error: unknown) => {
    // Another writer was faster.
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  await syncing.sync(dirname(folder));
}

const THROUGH_LINK = 'its path passes through a symbolic link';
