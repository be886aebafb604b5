import { createHash, randomUUID } from 'node:crypto';
import { lstat, lutimes, mkdir, open, readdir, rmdir, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Body, StoreError, type WriteOptions } from '../store.ts';
import { codeOf } from './errors.ts';
import type { FolderSync } from './folders.ts';
import type { Naming } from './names.ts';
import { SCRATCH } from './own.ts';
import type { FileState } from './revision.ts';
import { LATE_MS, type PutOver, TakenAway } from './taken-away.ts';
import type { View } from './view.ts';

/**
 * Tells what this process writes now from what an earlier one of the same process id left: in a container every process is number 1.
 */
const RUN = randomUUID().slice(0, 8);

/** What Linux allows for the text of a link (limits.h: PATH_MAX with its closing NUL). */
const LONGEST_LINK = 4_095;

/**
 * ROOT/.ferry-tmp: files that are being written, and files that were set aside to look at them before they are dropped. Its names
 * begin with the writer's process id, so that what a dead writer left can be told from what a living one needs.
 */
export class Scratch {
  readonly #store: string;
  readonly #view: View;
  readonly #dir: string;
  readonly #taken: TakenAway;

  /** @param lateMs as `FileStoreOptions` has it. */
  constructor(store: string, view: View, syncing: FolderSync, naming: Naming, lateMs = LATE_MS) {
    const { root } = view;
    this.#store = store;
    this.#view = view;
    this.#dir = join(root, SCRATCH);
    this.#taken = new TakenAway({ store, root, naming, syncing, lateMs, newName: () => this.#newName() });
  }

  /** Writes a body to a file of its own, to the disk, and gives its path. Nothing is left behind when it throws. */
  async write(key: string, body: Body, options: WriteOptions): Promise<string> {
    const text = this.#view.links === 'record' ? options.attributes?.link : undefined;
    if (text !== undefined) return await this.#writeLink(key, text, options);
    const file = await this.#newName();
    const handle = await open(file, 'wx', 0o666);
    try {
      await this.#fill(handle, key, body, options);
      await this.#dress(handle, key, options);
      await handle.sync();
    } catch (error) {
      await handle.close();
      await unlink(file);
      throw error;
    }
    await handle.close();
    return file;
  }

  /**
   * A link with that text, which is never followed: it may lead anywhere. A link has nothing that could be synced by itself; syncing
   * the folder that it is put into brings it to the disk.
   *
   * @throws StoreError `unsupported` for what no link can be.
   */
  async #writeLink(key: string, text: string, { size, attributes }: WriteOptions): Promise<string> {
    const refuse = (why: string) => new StoreError({ kind: 'unsupported', store: this.#store, op: 'write', key, why });
    if (size !== 0) throw refuse(`a symbolic link has no bytes, and the object has ${size}`);
    if (text === '' || text.includes('\0') || !text.isWellFormed() || Buffer.byteLength(text) > LONGEST_LINK)
      throw refuse('no symbolic link can have the text that this one had');
    const file = await this.#newName();
    await symlink(text, file);
    try {
      const { mtimeMs } = attributes ?? {};
      if (mtimeMs !== undefined && mtimeMs <= Date.now()) await lutimes(file, new Date(), mtimeMs / 1_000);
    } catch (error) {
      await unlink(file);
      throw error;
    }
    return file;
  }

  async #fill(handle: Awaited<ReturnType<typeof open>>, key: string, body: Body, options: WriteOptions): Promise<void> {
    const hash = options.sha256 === undefined ? undefined : createHash('sha256');
    let size = 0;
    for await (const chunk of body instanceof Uint8Array ? [body] : body) {
      options.signal?.throwIfAborted();
      hash?.update(chunk);
      size += chunk.byteLength;
      for (let at = 0; at < chunk.byteLength; ) {
        at += (await handle.write(chunk, at, chunk.byteLength - at)).bytesWritten;
      }
    }
    if (size !== options.size) {
      const why = `the body has ${size} bytes where ${options.size} were announced`;
      throw new StoreError({ kind: 'cut', store: this.#store, op: 'write', key, why });
    }
    if (hash !== undefined && hash.digest('hex') !== options.sha256) {
      const why = 'the body has another SHA-256 than announced';
      throw new StoreError({ kind: 'digest', store: this.#store, op: 'write', key, why });
    }
  }

  /** The mode and time of the file that it is a copy of. The owner may always read it: a copy that cannot be read proves nothing. */
  async #dress(
    handle: Awaited<ReturnType<typeof open>>,
    key: string,
    { attributes = {} }: WriteOptions,
  ): Promise<void> {
    const { mode, mtimeMs, xattrs } = attributes;
    // First, while the file may still be written.
    if (xattrs !== undefined)
      await this.#view.xattrs?.write({ store: this.#store, op: 'write', key }, handle.fd, xattrs);
    if (mode !== undefined) await handle.chmod((mode & 0o777) | 0o400);
    // A time that is still to come would make a file look unsettled for as long.
    if (mtimeMs !== undefined && mtimeMs <= Date.now()) await handle.utimes(new Date(), mtimeMs / 1_000);
  }

  /** See `TakenAway`. */
  takeAway(key: string, file: string, expected: FileState, instead?: FileState | null): Promise<boolean> {
    return this.#taken.take(key, file, expected, instead);
  }

  /** See `TakenAway`. */
  dropAside(over: PutOver, options: { readonly wait?: boolean } = {}): Promise<void> {
    return this.#taken.drop(over, options);
  }

  /** An empty folder for trials, which the caller removes. */
  async folder(): Promise<string> {
    const folder = await this.#newName();
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  /** Removes what dead writers left, and puts back what they had only set aside. */
  async sweep(): Promise<void> {
    for (const name of await this.#names()) {
      const [pid, run] = name.split('-');
      if (Number(pid) === process.pid ? run === RUN : isAlive(Number(pid))) continue;
      await this.#recover(join(this.#dir, name));
    }
    await this.removeIfEmpty();
  }

  async removeIfEmpty(): Promise<void> {
    try {
      await rmdir(this.#dir);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST', 'EROFS'].includes(codeOf(error) ?? '')) throw error;
    }
  }

  async #recover(path: string): Promise<void> {
    if ((await lstat(path)).isDirectory()) await this.#taken.recover(path);
    else await unlink(path);
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#dir);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  async #newName(): Promise<string> {
    await mkdir(this.#dir, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    return join(this.#dir, `${process.pid}-${RUN}-${randomUUID()}`);
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
