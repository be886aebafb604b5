import { unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PurgeStore } from '../purge.ts';
import { type Store, StoreError } from '../store.ts';
import { asStoreError } from './errors.ts';
import type { FolderSync } from './folders.ts';
import { sameState, stateOfRevision } from './revision.ts';
import { revisionOfToken, type Swap } from './swap.ts';

interface View {
  readonly swap: Swap;
  readonly syncing: FolderSync;
  /** How long a file that was hidden is left alone, in milliseconds. */
  readonly lateMs: number;
  /** Removes a file that programs may have open. */
  readonly remove: (key: string, revision: string) => Promise<void>;
}

/** What a file store removes for good: files below .ferry-held by their exact names, and a marker that is still as it was put. */
export class FilePurge implements PurgeStore {
  readonly #store: Store;
  readonly #view: () => View;
  readonly #emptied: Set<string>;

  /** `emptied` takes the folders that may be empty now, for when the store is closed. */
  constructor(store: Store, view: () => View, emptied: Set<string>) {
    this.#store = store;
    this.#view = view;
    this.#emptied = emptied;
  }

  async dropKept(key: string, kept: string): Promise<void> {
    const { swap, syncing, lateMs } = this.#view();
    const at = { store: this.#store.name, op: 'purge', key };
    try {
      let waitedMs = 0;
      // A swap that was cut off may have left the file under two names.
      for (let held = await swap.held(kept); held !== undefined; held = await swap.held(kept)) {
        // Whoever had the file open when it was hidden may have written it since.
        if (!sameState(held.stats, stateOfRevision(revisionOfToken(kept)))) {
          throw new StoreError({ ...at, kind: 'precondition', why: `${held.file} was written after it was hidden` });
        }
        // Just hidden, by a run that was killed: programs are given the time to end what they had begun, and then it is looked at again.
        // A file's time has parts of milliseconds and may be after the clock's; a clock that was set back must not hold this up for long.
        const young = Math.min(held.stats.ctimeMs + lateMs - Date.now(), lateMs);
        if (young > 0 && waitedMs < lateMs) {
          await delay(young);
          waitedMs += young;
          continue;
        }
        await unlink(held.file);
        await syncing.sync(dirname(held.file));
        this.#emptied.add(dirname(held.file));
      }
    } catch (error) {
      throw asStoreError(error, at);
    }
  }

  async dropMarker(key: string, revision: string): Promise<void> {
    if ((await this.#store.head(key)) === undefined) return;
    await this.#view().remove(key, revision);
  }
}
