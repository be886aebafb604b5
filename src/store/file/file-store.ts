import type { Stats } from 'node:fs';
import { link, lstat, mkdir, realpath, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AttributeName } from '../../base/attribute-names.ts';
import type { ProbeStore } from '../probes.ts';
import type { PurgeStore } from '../purge.ts';
import {
  type Body,
  type CallOptions,
  type KeptBytes,
  type KeptReader,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  type Replaced,
  type Store,
  StoreError,
  type WriteOptions,
} from '../store.ts';
import { asStoreError, codeOf } from './errors.ts';
import { factsOf } from './facts.ts';
import { FolderSync, isRealFolder, makeFolders } from './folders.ts';
import { keptFiles } from './held.ts';
import { fileOf } from './keys.ts';
import { listFiles } from './list.ts';
import { ESCAPED, type Naming, PLAIN } from './names.ts';
import { tellsPlaces } from './open.ts';
import { FileProbes } from './probes.ts';
import { FilePurge } from './purge.ts';
import { readObject } from './read.ts';
import { revisionOf, sameState, stateOfRevision } from './revision.ts';
import { Scratch } from './scratch.ts';
import { inTurn, keptToken, revisionOfToken, Swap, statsOf } from './swap.ts';
import { LATE_MS, type PutOver } from './taken-away.ts';
import type { Links, View } from './view.ts';
import { Xattrs } from './xattrs.ts';

export interface FileStoreOptions {
  readonly name: string;
  readonly path: string;
  readonly keys?: 'refuse' | 'escape';
  readonly links?: Links;
  readonly xattrs?: 'ignore' | 'carry';
  /** How long a file that was hidden or taken away waits for programs that had it open, in milliseconds; a second where left out. */
  readonly lateMs?: number;
}

/**
 * A directory tree as a store: the key `a/b` is the file ROOT/a/b, or as `keys: escape` writes it. It holds no attributes but mode and
 * time of last write, the text of links with `links: record`, and extended attributes with `xattrs: carry`.
 */
export class FileStore implements Store {
  readonly name: string;
  readonly kind = 'file';
  readonly location: string;
  readonly holds: ReadonlySet<AttributeName>;
  readonly probes: ProbeStore;
  readonly purge: PurgeStore;
  readonly #syncing = new FolderSync();
  readonly #naming: Naming;
  readonly #lateMs: number;
  /** Symbolic links above the root are resolved at `open`; below it no folder is reached by one. */
  #view: View;
  #scratch: Scratch;
  #swap: Swap;
  #emptied = new Set<string>();

  constructor(options: FileStoreOptions) {
    const { name, links = 'refuse', xattrs } = options;
    this.name = name;
    this.#lateMs = options.lateMs ?? LATE_MS;
    this.#naming = options.keys === 'escape' ? ESCAPED : PLAIN;
    this.#view = { root: resolve(options.path), links, xattrs: xattrs === 'carry' ? new Xattrs() : undefined };
    // The same folder under another naming holds other keys: the ledger must see that it is another place.
    this.location = pathToFileURL(this.#root).href + (options.keys === 'escape' ? '?keys=escape' : '');
    const kept = [links === 'record' ? 'link' : undefined, xattrs === 'carry' ? 'xattrs' : undefined] as const;
    this.holds = new Set(kept.filter((attribute) => attribute !== undefined));
    this.#scratch = new Scratch(name, this.#view, this.#syncing, this.#naming, this.#lateMs);
    this.#swap = new Swap(name, this.#root, this.#scratch, this.#syncing);
    const remove = (key: string, revision: string) => this.#remove(key, revision, null);
    this.purge = new FilePurge(
      this,
      () => ({ swap: this.#swap, syncing: this.#syncing, lateMs: this.#lateMs, remove }),
      this.#emptied,
    );
    this.probes = new FileProbes(this, () => ({ root: this.#root, scratch: this.#scratch }));
  }

  get #root(): string {
    return this.#view.root;
  }

  async open({ create }: { readonly create: boolean }): Promise<void> {
    await this.#do('open', undefined, async () => {
      if (create) await mkdir(this.#root, { recursive: true });
      const isFolder = await stat(this.#root).then(
        (stats) => stats.isDirectory(),
        (error: unknown) => {
          if (codeOf(error) === 'ENOENT') return undefined;
          throw error;
        },
      );
      if (isFolder !== true) {
        const why = isFolder === undefined ? `there is no folder ${this.#root}` : `${this.#root} is no folder`;
        throw new StoreError({ kind: 'missing', store: this.name, op: 'open', why });
      }
      this.#view = { ...this.#view, root: await realpath(this.#root) };
      this.#scratch = new Scratch(this.name, this.#view, this.#syncing, this.#naming, this.#lateMs);
      this.#swap = new Swap(this.name, this.#root, this.#scratch, this.#syncing);
      await this.#checkMeans();
    });
  }

  /** @throws StoreError, FerryError where this machine has no means for what the plan asks. */
  async #checkMeans(): Promise<void> {
    await this.#view.xattrs?.check(this.name);
    const { links, root } = this.#view;
    if (links === 'refuse') return;
    // POSIX leaves it open whether link(2) follows a symbolic link; Linux does not, macOS does, and a swap would lose the link there.
    if (process.platform === 'linux' && (links === 'record' || (await tellsPlaces(root)))) return;
    const why = `"links: ${links}" takes Linux, with /proc: there link(2) leaves links alone, and it is told where an open file lies`;
    throw new StoreError({ kind: 'unsupported', store: this.name, op: 'open', why });
  }

  async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    try {
      yield* listFiles(this.#view, options, this.#naming);
    } catch (error) {
      // Folders below that vanish are left out by the listing; this one is the store itself.
      if (codeOf(error) === 'ENOENT')
        throw new StoreError({
          kind: 'missing',
          store: this.name,
          op: 'list',
          why: `there is no folder ${this.#root}`,
        });
      throw asStoreError(error, { store: this.name, op: 'list' });
    }
  }

  async *keptBytes({ signal }: CallOptions = {}): AsyncGenerator<KeptBytes> {
    try {
      yield* keptFiles(this.#root, signal);
    } catch (error) {
      throw asStoreError(error, { store: this.name, op: 'list kept bytes' });
    }
  }

  async openKept(name: string, options: CallOptions = {}): Promise<KeptReader | undefined> {
    return await this.#do('read kept', undefined, async () => {
      const held = await this.#swap.heldNamed(name);
      if (held === undefined) return undefined;
      const { ino, size, mtimeMs } = held.stats;
      const at = { store: this.name, op: 'read kept', key: name };
      const reader = await readObject(this.#view, at, held.file, options);
      // Renaming it has moved the time of last change, which had been that of the last write unless someone touched the file.
      return {
        ...reader,
        kept: `${name}/${revisionOf(held.stats)}`,
        likely: `${ino}-${size}-${mtimeMs}-${mtimeMs}`,
      };
    });
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    return await this.#do('head', key, async () => {
      const file = fileOf(this.name, this.#root, key, this.#naming);
      if (!(await isRealFolder(this.name, key, file))) return undefined;
      const facts = await factsOf(this.#view, { store: this.name, op: 'head', key }, file);
      return facts === undefined ? undefined : { key, ...facts };
    });
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectReader> {
    return await this.#do('read', key, async () => {
      const file = fileOf(this.name, this.#root, key, this.#naming);
      if (!(await isRealFolder(this.name, key, file))) throw this.#absent('read', key);
      return await readObject(this.#view, { store: this.name, op: 'read', key }, file, options);
    });
  }

  async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    return await this.#do('create', key, async () => {
      const file = fileOf(this.name, this.#root, key, this.#naming);
      const fresh = await this.#scratch.write(key, body, options);
      try {
        await this.#folderOf(key, file);
        await this.#linkNew(fresh, file, key);
        await this.#syncing.sync(dirname(file));
        await this.#syncing.made(this.#root, dirname(file));
      } finally {
        await unlink(fresh);
      }
      return await this.#mustHead(key, options);
    });
  }

  async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    return await this.#do('replace', key, async () => {
      this.#mustNotFollow('replace', key);
      const file = fileOf(this.name, this.#root, key, this.#naming);
      if (!(await isRealFolder(this.name, key, file))) throw this.#gone('replace', key);
      const fresh = await this.#scratch.write(key, body, options);
      let kept: string;
      let put: Stats;
      try {
        put = await lstat(fresh);
        kept = await inTurn(file, () => this.#swap.replace(key, file, revision, fresh));
      } finally {
        await unlink(fresh);
      }
      const head = await this.#mustHead(key, options);
      // Whoever takes this head for that of the new bytes would take someone else's write for them.
      if (sameState(put, stateOfRevision(head.revision))) return { head, kept };
      const why = 'someone wrote over the new bytes at once; the old ones are kept';
      throw new StoreError({ kind: 'precondition', store: this.name, op: 'replace', key, why });
    });
  }

  keptToken(key: string, revision: string): string {
    return keptToken(key, revision);
  }

  async headKept(key: string, kept: string): Promise<ObjectHead | undefined> {
    return await this.#do('head kept', key, async () => {
      const held = await this.#swap.held(kept);
      if (held === undefined) return undefined;
      const facts = await factsOf(this.#view, { store: this.name, op: 'head kept', key }, held.file);
      if (facts === undefined) return undefined;
      const revision = revisionOfToken(kept);
      const unchanged = sameState(held.stats, stateOfRevision(revision));
      return unchanged ? { key, ...facts, revision } : { key, ...facts };
    });
  }

  async writtenSince(key: string, kept: string): Promise<boolean> {
    return await this.#do('head kept', key, async () => {
      const held = await this.#swap.held(kept);
      return held !== undefined && !sameState(held.stats, stateOfRevision(revisionOfToken(kept)));
    });
  }

  async reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options: CallOptions = {},
  ): Promise<ObjectHead> {
    return await this.#do('reinstate', key, async () => {
      const file = fileOf(this.name, this.#root, key, this.#naming);
      if (!(await isRealFolder(this.name, key, file))) throw this.#gone('reinstate', key);
      await inTurn(file, () => this.#swap.reinstate(key, file, revision, kept));
      this.#emptied.add(dirname(this.#swap.heldFile(kept)));
      await this.#scratch.dropAside(this.#over);
      return await this.#mustHead(key, options);
    });
  }

  async remove(key: string, revision: string): Promise<void> {
    await this.#remove(key, revision);
  }

  /** @param instead `null` where programs may have the file open. */
  async #remove(key: string, revision: string, instead?: null): Promise<void> {
    await this.#do('remove', key, async () => {
      this.#mustNotFollow('remove', key);
      const file = fileOf(this.name, this.#root, key, this.#naming);
      if (!(await isRealFolder(this.name, key, file))) throw this.#gone('remove', key);
      await inTurn(file, () => this.#swap.remove('remove', key, file, revision, instead));
    });
  }

  async sweep(): Promise<void> {
    await this.#do('sweep', undefined, async () => await this.#scratch.sweep());
  }

  async close(): Promise<void> {
    await this.#do('close', undefined, async () => {
      await this.#scratch.dropAside(this.#over, { wait: true });
      await this.#scratch.removeIfEmpty();
      if (this.#emptied.size > 0) await this.#swap.removeEmpty([...this.#emptied]);
    });
  }

  /** Puts a file over the one of that state, which is kept. */
  readonly #over: PutOver = async (key, file, now, fresh) => {
    await inTurn(file, () => this.#swap.replace(key, file, revisionOf(now), fresh));
  };

  /** Makes the folder of a new file. @throws StoreError `key` where a file or a link is in the way. */
  async #folderOf(key: string, file: string): Promise<void> {
    if (await isRealFolder(this.name, key, file)) return;
    await makeFolders({ store: this.name, key }, this.#root, dirname(file), this.#syncing);
    await isRealFolder(this.name, key, file);
  }

  /** `link` fails where something is, whoever else is writing: the one call that never overwrites. */
  async #linkNew(fresh: string, file: string, key: string): Promise<void> {
    try {
      await link(fresh, file);
    } catch (error) {
      const at = { store: this.name, op: 'create', key, cause: error };
      switch (codeOf(error)) {
        case 'EEXIST': {
          const isFolder = (await statsOf(file))?.isDirectory() === true;
          if (!isFolder) throw new StoreError({ ...at, kind: 'exists', why: 'there is a file already' });
          throw new StoreError({
            ...at,
            kind: 'key',
            why: 'there is a folder of that name: a file system cannot hold a key beside keys below it',
          });
        }
        case 'EPERM':
        case 'ENOTSUP':
        case 'ENOSYS':
          throw new StoreError({
            ...at,
            kind: 'unsupported',
            why: 'the file system has no hard links, without which nothing can be made there for sure without overwriting',
          });
        case 'EXDEV':
          throw new StoreError({
            ...at,
            kind: 'unsupported',
            why: 'another file system is mounted inside the store; make that a store of its own',
          });
        default:
          throw error;
      }
    }
  }

  async #mustHead(key: string, options: CallOptions): Promise<ObjectHead> {
    options.signal?.throwIfAborted();
    const head = await this.head(key);
    if (head === undefined)
      throw new StoreError({
        kind: 'changed',
        store: this.name,
        op: 'head',
        key,
        why: 'it was removed in that moment',
      });
    return head;
  }

  /** One file may be many objects where links are followed: who hides it would change them all. */
  #mustNotFollow(op: string, key: string): void {
    if (this.#view.links !== 'follow') return;
    const why = 'nothing is replaced or removed where links are followed, since other objects may be links to it';
    throw new StoreError({ kind: 'unsupported', store: this.name, op, key, why });
  }

  #absent(op: string, key: string): StoreError {
    return new StoreError({ kind: 'absent', store: this.name, op, key, why: 'there is no such file' });
  }

  #gone(op: string, key: string): StoreError {
    return new StoreError({ kind: 'precondition', store: this.name, op, key, why: 'there is no object any more' });
  }

  async #do<T>(op: string, key: string | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asStoreError(error, { store: this.name, op, ...(key === undefined ? {} : { key }) });
    }
  }
}
