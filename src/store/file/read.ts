import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type ObjectReader, type ReadOptions, StoreError } from '../store.ts';
import { asStoreError, codeOf } from './errors.ts';
import { attributesOf, revisionOf } from './revision.ts';

/**
 * Kernels stamp files with a clock that ticks every 1 to 10 ms. A write within one tick of the last one leaves the same times, so a
 * file is read only once its times are older than this: any later write then shows.
 */
const SETTLED_MS = 50;

/** A clock that is further ahead than this is wrong, not fresh; waiting for it would be waiting for nothing. */
const LONGEST_WAIT_MS = 2_000;

const CHUNK = 256 * 1024;

/** Opens a file so that its head and its bytes belong together; the body ends with an error if someone wrote meanwhile. */
export async function readFile(store: string, key: string, file: string, options: ReadOptions): Promise<ObjectReader> {
  const at = { store, op: 'read', key };
  const handle = await openOrAbsent(at, file);
  try {
    const stats = await settled(handle, options.signal);
    if (stats.isDirectory()) throw new StoreError({ ...at, kind: 'absent', why: 'there is a folder of that name' });
    if (!stats.isFile())
      throw new StoreError({ ...at, kind: 'key', why: 'there is something else than a file of that name' });
    const head = {
      key,
      size: stats.size,
      revision: revisionOf(stats),
      modified: stats.mtimeMs,
      attributes: attributesOf(stats),
    };
    if (options.revision !== undefined && head.revision !== options.revision) {
      throw new StoreError({ ...at, kind: 'precondition', why: 'it is another file by now' });
    }
    const discard = async (): Promise<void> => await handle.close();
    return { head, body: bodyOf(handle, stats, at, options), discard };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openOrAbsent(
  at: { readonly store: string; readonly op: string; readonly key: string },
  file: string,
): Promise<FileHandle> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) !== 'ENOTDIR') throw error;
    throw new StoreError({ ...at, kind: 'absent', why: 'a part of its path is a file', cause: error });
  }
}

async function settled(handle: FileHandle, signal: AbortSignal | undefined): Promise<Stats> {
  for (;;) {
    const stats = await handle.stat();
    const wait = Math.ceil(Math.max(stats.mtimeMs, stats.ctimeMs) + SETTLED_MS - Date.now());
    if (wait <= 0 || wait > LONGEST_WAIT_MS) return stats;
    await delay(wait, undefined, signal ? { signal } : {});
  }
}

async function* bodyOf(
  handle: FileHandle,
  before: Stats,
  at: { readonly store: string; readonly op: string; readonly key: string },
  { range, signal }: ReadOptions,
): AsyncGenerator<Uint8Array> {
  const end = Math.min(before.size, range?.end ?? before.size);
  try {
    let position = range?.start ?? 0;
    while (position < end) {
      signal?.throwIfAborted();
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK, end - position));
      const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
    if (position < end || revisionOf(await handle.stat()) !== revisionOf(before)) {
      throw new StoreError({ ...at, kind: 'changed', why: 'the file was written while it was read' });
    }
  } catch (error) {
    throw asStoreError(error, at);
  } finally {
    await handle.close();
  }
}
