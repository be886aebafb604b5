import { hash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { link, lstat, mkdir, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StoreError } from '../store.ts';
import { codeOf } from './errors.ts';
import { type FolderSync, makeFolders } from './folders.ts';
import { HELD } from './own.ts';
import { type FileState, revisionOf, sameState, stateOfRevision } from './revision.ts';
import type { Scratch } from './scratch.ts';

/**
 * Compare-and-swap on a file system that has none.
 *
 * `replace` takes these steps; whatever is cut off, no byte that anyone wrote is lost:
 * 1. the key's file has the expected revision, or nothing is done;
 * 2. rename it to ROOT/.ferry-held/NAME.RANDOM: from here on the key is absent and the old bytes are kept. A rename writes over what
 *    is there, and two may do this at once (the second would take the first one's marker): hence a name that nobody else has;
 * 3. look at what was renamed. Someone may have written between 1 and 2: then it goes back and nothing has happened;
 * 4. link it to its lasting name ROOT/.ferry-held/NAME, which never writes over anything, and drop the random name;
 * 5. link the new file to the key, which fails if someone made a file there meanwhile: theirs stays, the old bytes stay kept.
 * Cut off between 2 and 5, `replace` called again finds the key absent and the kept bytes, under either name, unchanged, and goes on
 * at 5.
 *
 * A program that had the file open before 2 goes on writing into the kept one: `writtenSince` of the store tells.
 *
 * `reinstate` takes the marker away (see `TakenAway`), links the kept file to the key and unlinks its kept name. Cut off
 * before the last, both names are of one file, and `reinstate` called again only unlinks.
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
    if (before === undefined) await this.#mustBeKept(key, kept);
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
    const held = await this.held(kept);
    if (held === undefined) {
      const why = `there is nothing in ${this.heldFile(kept)}`;
      throw new StoreError({ kind: 'absent', store: this.#store, op: 'reinstate', key, why });
    }
    const here = await statsOf(file);
    const isBack = here?.ino === held.stats.ino && here.dev === held.stats.dev;
    if (!isBack) await this.#linkBack(key, file, revision, held);
    await this.#syncing.sync(dirname(file));
    await unlink(held.file);
    await this.#dropTwins(kept, held.stats);
    await this.#syncing.sync(dirname(held.file));
  }

  /** A `replace` that was cut off between its lasting name and its random one has left both; the file itself is back at its key. */
  async #dropTwins(kept: string, { ino, dev }: Stats): Promise<void> {
    const file = this.heldFile(kept);
    for (const name of await namesIn(dirname(file))) {
      if (!name.startsWith(`${basename(file)}.`)) continue;
      const twin = join(dirname(file), name);
      const stats = await statsOf(twin);
      if (stats?.ino === ino && stats.dev === dev) await unlink(twin);
    }
  }

  async #linkBack(key: string, file: string, revision: string | undefined, held: Held): Promise<void> {
    if (revision !== undefined) await this.remove('reinstate', key, file, revision, held.stats);
    try {
      await link(held.file, file);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      throw this.#precondition('reinstate', key, 'there is another object by now');
    }
  }

  /** @param instead what comes into its place, as `TakenAway.take` has it. */
  async remove(op: string, key: string, file: string, revision: string, instead?: FileState | null): Promise<void> {
    const before = await statsOf(file);
    if (before === undefined || revisionOf(before) !== revision)
      throw this.#precondition(op, key, 'it is another object by now');
    if (await this.#scratch.takeAway(key, file, stateOfRevision(revision), instead)) return;
    throw this.#precondition(op, key, 'someone wrote it in that moment');
  }

  /**
   * The kept file and its state, also where `replace` was cut off before it had its lasting name, and where a program that had it open
   * has written it since.
   */
  async held(kept: string): Promise<Held | undefined> {
    const file = this.heldFile(kept);
    const stats = await statsOf(file);
    if (stats !== undefined) return { file, stats };
    const expected = stateOfRevision(revisionOfToken(kept));
    let written: Held | undefined;
    for (const name of await namesIn(dirname(file))) {
      if (!name.startsWith(`${basename(file)}.`)) continue;
      const other = join(dirname(file), name);
      const state = await statsOf(other);
      if (state === undefined || state.ino !== expected.ino) continue;
      if (sameState(state, expected)) return { file: other, stats: state };
      written = { file: other, stats: state };
    }
    return written;
  }

  /** The kept file that has this digest in its name, lasting or not, whatever state it is in. */
  async heldNamed(name: string): Promise<Held | undefined> {
    const file = this.heldFile(name);
    const beside = (await namesIn(dirname(file))).filter((other) => other.startsWith(`${basename(file)}.`)).sort();
    for (const other of [file, ...beside.map((one) => join(dirname(file), one))]) {
      const stats = await statsOf(other);
      if (stats !== undefined) return { file: other, stats };
    }
    return undefined;
  }

  /** The lasting name of kept bytes. */
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
    this.#mustComeBack(key, before);
    await this.#makeHeld();
    await makeFolders({ store: this.#store, key }, this.#root, dirname(held), this.#syncing);
    const mine = `${held}.${randomUUID()}`;
    // Making folders may have taken its time: look again, so that hardly ever something newer is taken away only to be put back.
    const still = await statsOf(file);
    if (still === undefined || revisionOf(still) !== revision) {
      throw this.#precondition('replace', key, 'it is another object by now');
    }
    try {
      await rename(file, mine);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      throw this.#precondition('replace', key, 'someone took it away in that moment');
    }
    const hidden = await lstat(mine);
    if (!sameState(hidden, before)) {
      await this.#putBack(file, mine, hidden);
      throw this.#precondition('replace', key, 'someone wrote it in that moment');
    }
    // The random name is found too, only more slowly: it stays where a second name is not allowed (proc(5), protected_hardlinks).
    if (await linked(mine, held).catch(() => false)) await unlink(mine);
    await Promise.all([this.#syncing.sync(dirname(file)), this.#syncing.sync(dirname(held))]);
  }

  /**
   * Linux gives a symbolic link a second name for its owner alone (proc(5), protected_hardlinks), and `reinstate` needs one: what could
   * not come back is not hidden.
   */
  #mustComeBack(key: string, stats: Stats): void {
    const me = process.geteuid?.();
    if (!stats.isSymbolicLink() || me === undefined || me === 0 || me === stats.uid) return;
    const why = `it is a symbolic link of user ${stats.uid}, which only that user or root could put back`;
    throw new StoreError({ kind: 'denied', store: this.#store, op: 'replace', key, why });
  }

  /** For the owner alone: a file may have come out of a folder that only few may enter. */
  async #makeHeld(): Promise<void> {
    try {
      await mkdir(join(this.#root, HELD), { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return;
      throw error;
    }
    await this.#syncing.sync(this.#root);
  }

  async #putBack(file: string, mine: string, hidden: Stats): Promise<void> {
    // A folder cannot be linked; a rename of one fails where a file or a folder with something in it is.
    if (hidden.isDirectory()) await rename(mine, file);
    // Where something newer still is, what was hidden stays; nothing is dropped that someone wrote.
    else if (await linked(mine, file)) await unlink(mine);
    await this.#syncing.sync(dirname(file));
  }

  async #mustBeKept(key: string, kept: string): Promise<void> {
    const held = await this.held(kept);
    if (held !== undefined && sameState(held.stats, stateOfRevision(revisionOfToken(kept)))) return;
    throw this.#precondition('replace', key, 'there is no object any more');
  }

  #precondition(op: string, key: string, why: string): StoreError {
    return new StoreError({ kind: 'precondition', store: this.#store, op, key, why });
  }
}

export interface Held {
  readonly file: string;
  readonly stats: Stats;
}

const turns = new Map<string, Promise<unknown>>();

/** One swap of one file at a time in this process: two at once would take each other's marker for a moment. */
export async function inTurn<T>(file: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(file) ?? Promise.resolve()).then(work, work);
  turns.set(file, turn);
  try {
    return await turn;
  } finally {
    if (turns.get(file) === turn) turns.delete(file);
  }
}

/** Names one state of one key: a digest of both for the file's name, and the revision to tell later whether the bytes are as they were. */
export function keptToken(key: string, revision: string): string {
  return `${hash('sha256', `${key}\n${revision}`, 'hex')}/${revision}`;
}

export function revisionOfToken(kept: string): string {
  return kept.slice(kept.indexOf('/') + 1);
}

/** Gives a file a second name where nothing has it. @returns false where something has. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** A file's state, or `undefined` where there is none, also where a part of the way to it is a file. */
export async function statsOf(file: string): Promise<Stats | undefined> {
  try {
    return await lstat(file);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}
