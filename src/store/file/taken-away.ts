import type { Stats } from 'node:fs';
import { link, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { StoreError } from '../store.ts';
import { codeOf } from './errors.ts';
import type { FolderSync } from './folders.ts';
import { fileOf } from './keys.ts';
import type { Naming } from './names.ts';
import { type FileState, sameState } from './revision.ts';
import { statsOf } from './swap.ts';

const State = { ino: z.number(), size: z.number(), mtimeMs: z.number() };
const Note = z.object({ key: z.string(), ...State, instead: z.object(State).nullable().optional() });

/** How long a file that was hidden or taken away waits for programs that had it open, in milliseconds. */
export const LATE_MS = 1_000;

/** Puts `fresh` over the file in its present state, which is kept; fails with `precondition` where it has another by then. */
export type PutOver = (key: string, file: string, now: Stats, fresh: string) => Promise<void>;

/** A file that was taken away and waits. */
interface Aside {
  readonly folder: string;
  readonly key: string;
  readonly file: string;
  readonly expected: FileState;
  /** What was to take its place; `null` for nothing. */
  readonly instead: FileState | null;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Files that were taken out of their places to be dropped, each in a folder of its own in the scratch, with a note of whose it is. */
export class TakenAway {
  readonly #store: string;
  readonly #root: string;
  readonly #naming: Naming;
  readonly #syncing: FolderSync;
  readonly #lateMs: number;
  readonly #newName: () => Promise<string>;
  readonly #aside: Aside[] = [];

  constructor(scratch: {
    readonly store: string;
    readonly root: string;
    readonly naming: Naming;
    readonly syncing: FolderSync;
    /** How long a file waits, in milliseconds. */
    readonly lateMs: number;
    /** A path in the scratch that nothing has. */
    readonly newName: () => Promise<string>;
  }) {
    this.#store = scratch.store;
    this.#root = scratch.root;
    this.#naming = scratch.naming;
    this.#syncing = scratch.syncing;
    this.#lateMs = scratch.lateMs;
    this.#newName = scratch.newName;
  }

  /**
   * Takes the file of a key out of its place and drops it if it is still in `expected` state; otherwise it goes back. There is no
   * system call that removes a file only if it is unchanged, so it is taken away first and looked at then.
   *
   * @param instead what takes its place; `null` for nothing. The file then stays aside for a while, since a program that had it open may
   * still write it: see `drop`. Left out, it is dropped at once: for files that no one else knows.
   * @returns whether it was the expected one and is gone.
   */
  async take(key: string, file: string, expected: FileState, instead?: FileState | null): Promise<boolean> {
    const aside = await this.#newName();
    await mkdir(aside, { mode: 0o700 });
    // Says whose file lies here, in case this process dies before it is back in its place.
    await writeFile(join(aside, 'note.json'), JSON.stringify({ key, ...expected, instead }), { flush: true });
    await this.#syncing.sync(aside);
    try {
      await rename(file, join(aside, 'object'));
    } catch (error) {
      await rm(aside, { recursive: true });
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
    const waits = instead !== undefined && sameState(await lstat(join(aside, 'object')), expected);
    if (waits) this.#aside.push({ folder: aside, key, file, expected, instead, since: Date.now() });
    const isExpected = waits || (await this.#settle(aside, file, expected));
    await this.#syncing.sync(dirname(file));
    return isExpected;
  }

  /**
   * Drops what was taken away long enough ago that programs have closed what they had open. What such a program has written since goes
   * over what took its place, as it would have done there, unless someone has written that too: then it stays aside.
   *
   * @param options `wait` for all.
   */
  async drop(over: PutOver, { wait = false }: { readonly wait?: boolean } = {}): Promise<void> {
    for (;;) {
      const first = this.#aside[0];
      if (first === undefined) return;
      const left = first.since + this.#lateMs - Date.now();
      if (left > 0 && !wait) return;
      if (left > 0) await delay(left);
      // Others may be here too; nobody takes one that is taken.
      if (this.#aside[0] !== first) continue;
      this.#aside.shift();
      await this.#dropOne(first, over);
    }
  }

  async #dropOne({ folder, key, file, expected, instead }: Aside, over: PutOver): Promise<void> {
    const object = join(folder, 'object');
    if (!sameState(await lstat(object), expected)) {
      const now = await statsOf(file);
      if (now !== undefined && !isState(now, instead)) return;
      try {
        await (now === undefined ? link(object, file) : over(key, file, now, object));
      } catch (error) {
        if (codeOf(error) === 'EEXIST' || (error instanceof StoreError && error.kind === 'precondition')) return;
        throw error;
      }
      await this.#syncing.sync(dirname(file));
    }
    await rm(folder, { recursive: true });
  }

  /** Drops what lies aside if it is the expected one; else puts it back, or leaves it aside where something newer is in its place. */
  async #settle(aside: string, file: string, expected: FileState): Promise<boolean> {
    const object = join(aside, 'object');
    const isExpected = sameState(await lstat(object), expected);
    if (!isExpected) {
      try {
        await link(object, file);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
        // Something newer is in its place already. What lies aside was written by someone all the same: it stays.
        return false;
      }
    }
    await rm(aside, { recursive: true });
    return isExpected;
  }

  /** Brings to its end what a process left that is no more. */
  async recover(path: string): Promise<void> {
    const isThere = await lstat(join(path, 'object')).then(
      () => true,
      () => false,
    );
    if (!isThere) return await rm(path, { recursive: true });
    const { key, instead, ...expected } = Note.parse(JSON.parse(await readFile(join(path, 'note.json'), 'utf8')));
    const file = fileOf(this.#store, this.#root, key, this.#naming);
    if (instead !== undefined) {
      const state = await lstat(join(path, 'object'));
      const here = await statsOf(file);
      // It waits anew, and so does one that was written: what is to become of it is for `drop` to find out.
      if (sameState(state, expected) || (here !== undefined && isState(here, instead))) {
        this.#aside.push({ folder: path, key, file, expected, instead, since: Date.now() });
        return;
      }
    }
    await this.#settle(path, file, expected);
    await this.#syncing.sync(dirname(file));
  }
}

function isState(now: FileState, expected: FileState | null): boolean {
  return expected !== null && sameState(now, expected);
}
