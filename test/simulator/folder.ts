import type { PurgeStore } from '../../src/store/purge.ts';
import {
  type Body,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  type Replaced,
  type Store,
  StoreError,
  type StoreErrorKind,
  type WriteOptions,
} from '../../src/store/store.ts';
import { chunks, collected } from './bucket.ts';
import type { Held, Sight, Truth, Write } from './truth.ts';
import type { Process, World } from './world.ts';

/** How long the port leaves a hidden file alone, in milliseconds (docs/safety.md). */
const LATE_MS = 1_000;

interface File extends Held {
  bytes: Uint8Array;
  write: Write | undefined;
  readonly attributes: Record<string, never>;
  readonly inode: number;
  written: number;
  /** Of last change, also of its name. */
  changed: number;
}

/** A folder as a source: no compare-and-swap, so that files are hidden, looked at, and shown again. */
export class SimFolder implements Sight {
  readonly name = 'legacy';
  readonly world: World;
  truth: Truth | undefined;
  readonly files = new Map<string, File>();
  /** By token. */
  readonly held = new Map<string, File>();
  #inodes = 0;

  constructor(world: World) {
    this.world = world;
  }

  /** What is there, as text. */
  shape(): unknown {
    const told = ({ inode, write }: File) => [inode, write?.number];
    // Tokens tell times: the inode is enough.
    return [[...this.files].map(([key, file]) => [key, told(file)]).sort(), [...this.held.values()].map(told)];
  }

  current(key: string): Held | undefined {
    return this.files.get(key);
  }

  all(key: string): readonly Held[] {
    const here = this.files.get(key);
    const hidden = [...this.held].flatMap(([token, file]) => (token.startsWith(`${key}|`) ? [file] : []));
    return here === undefined ? hidden : [here, ...hidden];
  }

  make(bytes: Uint8Array, write: Write | undefined): File {
    this.#inodes += 1;
    const now = this.world.now();
    return { bytes, write, attributes: {}, inode: this.#inodes, written: now, changed: now };
  }

  /** Touches a file's mode: another revision, the same bytes. */
  touch(key: string): void {
    const file = this.files.get(key);
    if (file !== undefined) file.changed = this.world.now();
  }
}

function revisionOf(file: File): string {
  return `${file.inode}-${file.bytes.byteLength}-${file.written}-${file.changed}`;
}

function stateOf(file: File): string {
  return `${file.inode}-${file.bytes.byteLength}-${file.written}`;
}

function tokenOf(key: string, revision: string): string {
  return `${key}|${revision}`;
}

/** The state that a token's revision names: all but the time of the last change. */
function stateIn(token: string): string {
  return token.slice(token.lastIndexOf('|') + 1).replace(/-\d+$/, '');
}

/** The port of one process to a folder. Each system call is one step. */
export class FolderStore implements Store {
  readonly name: string;
  readonly kind = 'file';
  readonly location = 'file:///sim/legacy';
  readonly holds: ReadonlySet<never> = new Set<never>();
  readonly #in: SimFolder;
  readonly #process: Process;

  constructor(folder: SimFolder, process: Process) {
    this.#in = folder;
    this.#process = process;
    this.name = folder.name;
  }

  async open(): Promise<void> {}
  async sweep(): Promise<void> {}
  async close(): Promise<void> {}

  async *list({ after }: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    yield await this.#ask('list', '', () =>
      [...this.#in.files]
        .filter(([key]) => after === undefined || key > after)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, file]) => this.#head(key, file)),
    );
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    return await this.#ask('stat', key, () => {
      const file = this.#in.files.get(key);
      return file && this.#head(key, file);
    });
  }

  async read(key: string, { revision }: ReadOptions = {}): Promise<ObjectReader> {
    return await this.#ask('read', key, () => {
      const file = this.#in.files.get(key);
      if (file === undefined) throw this.#error('absent', 'read', key);
      if (revision !== undefined && revisionOf(file) !== revision) throw this.#error('precondition', 'read', key);
      return { head: this.#head(key, file), body: chunks(file.bytes, undefined), discard: async () => undefined };
    });
  }

  create(key: string, _body: Body, _options: WriteOptions): Promise<ObjectHead> {
    throw this.#error('unsupported', 'create', key);
  }

  async replace(key: string, revision: string, body: Body, _options: WriteOptions): Promise<Replaced> {
    const fresh = this.#in.make(await collected(body), undefined);
    const kept = tokenOf(key, revision);
    const { files, held } = this.#in;
    const isThere = await this.#ask('stat', key, () => {
      const file = files.get(key);
      if (file !== undefined && revisionOf(file) !== revision) throw this.#error('precondition', 'replace', key);
      const hidden = held.get(kept);
      if (file === undefined && (hidden === undefined || stateOf(hidden) !== stateIn(kept)))
        throw this.#error('precondition', 'replace', key);
      return file !== undefined;
    });
    if (isThere) {
      await this.#tell('rename away', key, ['tombstone', 'restore'], () => {
        const file = files.get(key);
        if (file === undefined) throw this.#error('precondition', 'replace', key);
        files.delete(key);
        file.changed = this.#in.world.now();
        held.set(kept, file);
      });
      await this.#tell('look at what was renamed', key, undefined, () => {
        const file = held.get(kept);
        if (file === undefined || stateOf(file) === stateIn(kept)) return;
        if (!files.has(key)) {
          held.delete(kept);
          files.set(key, file);
        }
        throw this.#error('precondition', 'replace', key);
      });
    }
    await this.#tell('link', key, undefined, () => {
      if (files.has(key)) throw this.#error('precondition', 'replace', key);
      files.set(key, fresh);
    });
    const head = await this.head(key);
    if (head === undefined || !head.revision.startsWith(`${stateOf(fresh)}-`))
      throw this.#error('precondition', 'replace', key);
    return { head, kept };
  }

  keptToken(key: string, revision: string): string {
    return tokenOf(key, revision);
  }

  async headKept(key: string, kept: string): Promise<ObjectHead | undefined> {
    return await this.#ask('stat held', key, () => {
      const file = this.#in.held.get(kept);
      if (file === undefined) return undefined;
      const head = this.#head(key, file);
      return stateOf(file) === stateIn(kept) ? { ...head, revision: kept.slice(key.length + 1) } : head;
    });
  }

  async writtenSince(key: string, kept: string): Promise<boolean> {
    return await this.#ask('stat held', key, () => {
      const file = this.#in.held.get(kept);
      return file !== undefined && stateOf(file) !== stateIn(kept);
    });
  }

  async reinstate(key: string, revision: string | undefined, kept: string): Promise<ObjectHead> {
    const { files, held } = this.#in;
    const file = await this.#ask('stat held', key, () => held.get(kept));
    if (file === undefined) throw this.#error('absent', 'reinstate', key);
    const isBack = await this.#ask('stat', key, () => files.get(key) === file);
    if (!isBack && revision !== undefined) await this.#take(key, revision);
    await this.#tell('link back', key, undefined, () => {
      if (files.has(key) && files.get(key) !== file) throw this.#error('precondition', 'reinstate', key);
      files.set(key, file);
    });
    await this.#tell('unlink held', key, undefined, () => void held.delete(kept));
    const head = await this.head(key);
    if (head === undefined) throw this.#error('changed', 'reinstate', key);
    return head;
  }

  /** Takes a file out of its place if it is in this state. The simulated programs open no markers, so that it may go at once. */
  async #take(key: string, revision: string): Promise<void> {
    const { files } = this.#in;
    await this.#tell('take away', key, ['restore', 'tombstone', 'purge'], () => {
      const file = files.get(key);
      if (file === undefined || revisionOf(file) !== revision) throw this.#error('precondition', 'remove', key);
      files.delete(key);
    });
  }

  async remove(key: string, revision: string): Promise<void> {
    await this.#take(key, revision);
  }

  readonly purge: PurgeStore = {
    dropKept: async (key, kept) => {
      const { held, world } = this.#in;
      const file = await this.#ask('stat held', key, () => held.get(kept));
      if (file === undefined) return;
      const young = file.changed + LATE_MS - world.now();
      if (young > 0) await world.clockOf(this.#process).sleep(young);
      await this.#tell('unlink held', key, ['purge', 'restore'], () => {
        const now = held.get(kept);
        if (now !== undefined && stateOf(now) !== stateIn(kept)) throw this.#error('precondition', 'purge', key);
        held.delete(kept);
      });
    },
    dropMarker: async (key, revision) => {
      if ((await this.head(key)) !== undefined) await this.#take(key, revision);
    },
  };

  #head(key: string, file: File): ObjectHead {
    return {
      key,
      size: file.bytes.byteLength,
      revision: revisionOf(file),
      modified: file.written,
      attributes: { mode: 0o644, mtimeMs: file.written },
    };
  }

  #ask<T>(op: string, key: string, effect: () => T): Promise<T> {
    return this.#in.world.call(
      this.#process,
      `${this.name}.${op} ${key}`,
      effect,
      () => this.#error('transient', op, key),
      false,
    );
  }

  #tell<T>(op: string, key: string, steps: readonly string[] | undefined, effect: () => T): Promise<T> {
    const { world, truth } = this.#in;
    if (steps !== undefined && !this.#process.dead) truth?.checkBegun(key, steps, op === 'unlink held' ? 'drop' : op);
    const watched = (): T => {
      const [before, here] = [this.#in.all(key), this.#in.files.get(key)];
      const result = effect();
      truth?.checkDestroyed(key, before, here, truth.known(key)?.step === 'purge' ? 'purge' : op);
      return result;
    };
    return world.call(
      this.#process,
      `${this.name}.${op} ${key}`,
      watched,
      () => this.#error('transient', op, key),
      true,
    );
  }

  #error(kind: StoreErrorKind, op: string, key: string): StoreError {
    return new StoreError({ kind, store: this.name, op, key, why: `simulated ${kind}` });
  }
}
