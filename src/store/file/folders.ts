import { lstat, mkdir, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './errors.ts';
import { badKey } from './keys.ts';

/** Brings folders to the disk, so that a name in them survives a crash. Those who ask for one folder at once share an fsync. */
export class FolderSync {
  readonly #running = new Map<string, { readonly now: Promise<void>; next: Promise<void> | undefined }>();
  /** Folders whose own name is not on disk yet. */
  readonly #making = new Map<string, Promise<void>>();

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

  /** Makes one folder and brings its name to the disk; who asks for the same one meanwhile waits for the same. */
  make(folder: string): Promise<void> {
    const making = this.#making.get(folder) ?? this.#make(folder).finally(() => this.#making.delete(folder));
    this.#making.set(folder, making);
    return making;
  }

  /** Resolves when the names of a folder and of those above it are on disk, as far as this process makes them. */
  async made(root: string, folder: string): Promise<void> {
    for (let at = folder; at.length > root.length; at = dirname(at)) await this.#making.get(at);
  }

  async #make(folder: string): Promise<void> {
    await mkdir(folder).catch((error: unknown) => {
      // Another writer was faster.
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    await this.sync(dirname(folder));
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
  if (stats === undefined) {
    await makeFolders(at, root, dirname(folder), syncing);
    await syncing.make(folder);
    // Another writer may have put a link there instead, which the next folder must not be made behind.
    if (!(await lstat(folder)).isSymbolicLink()) return;
    throw badKey(at.store, at.key, THROUGH_LINK);
  }
  // It is there, but the way to it may lead through a link further up.
  if (stats.isSymbolicLink() || (await realpath(folder)) !== folder) throw badKey(at.store, at.key, THROUGH_LINK);
}

const THROUGH_LINK = 'its path passes through a symbolic link';
