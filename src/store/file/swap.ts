import { hash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { link, lstat, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreError } from '../store.ts';
import { codeOf } from './errors.ts';
import { type FolderSync, makeFolders } from './folders.ts';
import { HELD } from './keys.ts';
import { revisionOf, sameState, stateOfRevision } from './revision.ts';
import type { Scratch } from './scratch.ts';

/**
 * Compare-and-swap on a file system that has none.
 *
 * `replace` takes these steps; whatever is cut off, no byte that anyone wrote is lost:
 * 1. the key's file has the expected revision, or nothing is done;
 * 2. rename it to ROOT/.ferry-held/…: from here on the key is absent and the old bytes are kept;
 * 3. look at what was renamed. Someone may have written between 1 and 2: then it goes back and nothing has happened;
 * 4. link the new file to the key, which fails if someone made a file there meanwhile: theirs stays, the old bytes stay kept.
 * Cut off between 2 and 4, `replace` called again finds the key absent and the kept bytes unchanged, and goes on at 4.
 *
 * `reinstate` takes the marker away (see `Scratch.takeAway`), links the kept file to the key and unlinks its kept name.
 */
export class Swap {
  readonly #store: string;
  readonly #root: string;
  readonly #scratch: Scratch;
  readonly #syncing: FolderSync;

  constructor(store: string, root: string, scratch: Scratch, syncing: FolderSync) {
    this.#store = store;
    this.#root = root;
    this.#scratch = scratch;
    this.#syncing = syncing;
  }

  /** `new` is a finished file in scratch. @returns the token under which the old bytes are kept. */
  async replace(key: string, file: string, revision: string, fresh: string): Promise<string> {
    const kept = keptToken(key, revision);
    const held = this.heldFile(kept);
    const before = await statsOf(file);
    if (before === undefined) await this.#mustBeKept(key, held, revision);
    else await this.#hide(key, file, held, revision, before);
    try {
      await link(fresh, file);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      throw this.#precondition(
        'replace',
        key,
        `someone wrote a new object in that moment; the old bytes are kept in ${held}`,
      );
    }
    await this.#syncing.sync(dirname(file));
    return kept;
  }

  async reinstate(key: string, file: string, revision: string | undefined, kept: string): Promise<void> {
    const held = this.heldFile(kept);
    if ((await statsOf(held)) === undefined) {
      const why = `there is nothing in ${held}`;
      throw new StoreError({ kind: 'absent', store: this.#store, op: 'reinstate', key, why });
    }
    if (revision !== undefined) await this.remove('reinstate', key, file, revision);
    try {
      await link(held, file);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      throw this.#precondition('reinstate', key, 'someone wrote a new object in that moment');
    }
    await this.#syncing.sync(dirname(file));
    await unlink(held);
    await this.#syncing.sync(dirname(held));
  }

  async remove(op: string, key: string, file: string, revision: string): Promise<void> {
    const before = await statsOf(file);
    if (before === undefined || revisionOf(before) !== revision)
      throw this.#precondition(op, key, 'it is another object by now');
    if (await this.#scratch.takeAway(key, file, stateOfRevision(revision))) return;
    throw this.#precondition(op, key, 'someone wrote it in that moment');
  }

  heldFile(kept: string): string {
    const name = kept.split('/')[0] ?? '';
    return join(this.#root, HELD, name.slice(0, 2), name.slice(2));
  }

  /** Removes the folders of kept bytes that are empty by now. */
  async removeEmpty(folders: readonly string[]): Promise<void> {
    for (const folder of [...folders, join(this.#root, HELD)]) {
      await rmdir(folder).catch((error: unknown) => {
        if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
      });
    }
  }

  async #hide(key: string, file: string, held: string, revision: string, before: Stats): Promise<void> {
    if (revisionOf(before) !== revision) throw this.#precondition('replace', key, 'it is another object by now');
    await makeFolders({ store: this.#store, key }, this.#root, dirname(held), this.#syncing);
    // A rename would write over it. The name holds the revision, so nothing but this very state of the key can be there.
    if ((await statsOf(held)) !== undefined) throw this.#precondition('replace', key, `${held} is in the way`);
    await rename(file, held);
    await Promise.all([this.#syncing.sync(dirname(file)), this.#syncing.sync(dirname(held))]);
    const hidden = await lstat(held);
    if (sameState(hidden, before)) return;
    await this.#putBack(file, held);
    throw this.#precondition('replace', key, 'someone wrote it in that moment');
  }

  async #putBack(file: string, held: string): Promise<void> {
    try {
      await link(held, file);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      // Newer still. What was hidden stays kept; nothing is dropped that someone wrote.
      return;
    }
    await this.#syncing.sync(dirname(file));
    await unlink(held);
  }

  async #mustBeKept(key: string, held: string, revision: string): Promise<void> {
    const hidden = await statsOf(held);
    if (hidden !== undefined && sameState(hidden, stateOfRevision(revision))) return;
    throw this.#precondition('replace', key, 'there is no object any more');
  }

  #precondition(op: string, key: string, why: string): StoreError {
    return new StoreError({ kind: 'precondition', store: this.#store, op, key, why });
  }
}

/** Names one state of one key: a digest of both for the file's name, and the revision to tell later whether the bytes are as they were. */
export function keptToken(key: string, revision: string): string {
  return `${hash('sha256', `${key}\n${revision}`, 'hex')}/${revision}`;
}

export function revisionOfToken(kept: string): string {
  return kept.slice(kept.indexOf('/') + 1);
}

/** A file's state, or `undefined` where there is none. */
export async function statsOf(file: string): Promise<Stats | undefined> {
  try {
    return await lstat(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
