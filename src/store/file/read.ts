import { lstat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type ObjectReader, type ReadOptions, StoreError } from '../store.ts';
import { asStoreError, codeOf } from './errors.ts';
import { recordedFacts, textOf } from './links.ts';
import { type Look, look, type Opened, openObject, rePointed } from './open.ts';
import { attributesOf, revisionOf } from './revision.ts';
import { statsOf } from './swap.ts';
import type { At, View } from './view.ts';

/**
 * Kernels stamp files with a clock that ticks every 1 to 10 ms. A write within one tick of the last one leaves the same times, so a
 * file is read only once its times are older than this: any later write then shows.
 */
const SETTLED_MS = 50;

/** A clock that is further ahead than this is wrong, not fresh; waiting for it would be waiting for nothing. */
const LONGEST_WAIT_MS = 2_000;

const CHUNK = 256 * 1024;

/** Opens an object so that its head and its bytes belong together; the body ends with an error if someone wrote meanwhile. */
export async function readObject(view: View, at: At, file: string, options: ReadOptions): Promise<ObjectReader> {
  if (view.links === 'record' && (await statsOf(file))?.isSymbolicLink() === true)
    return await readLink(at, file, options);
  const opened = await openObject(view, at, file);
  const { handle } = opened;
  try {
    const before = await settled(() => look(at, opened), options.signal);
    const { stats, revision } = before;
    if (stats.isDirectory()) throw new StoreError({ ...at, kind: 'absent', why: 'there is a folder of that name' });
    if (!stats.isFile())
      throw new StoreError({ ...at, kind: 'key', why: 'there is something else than a file of that name' });
    mustBe(at, revision, options);
    const attributes = attributesOf(stats, await view.xattrs?.read(at, handle.fd));
    const head = { key: at.key, size: stats.size, revision, modified: stats.mtimeMs, attributes };
    const discard = async (): Promise<void> => await handle.close();
    return { head, body: bodyOf(opened, before, at, options), discard };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A recorded link: nothing is opened and nothing followed. Its text cannot change, but another link can take its place. */
async function readLink(at: At, file: string, options: ReadOptions): Promise<ObjectReader> {
  const own = async () => {
    const stats = await lstat(file);
    return { stats, revision: revisionOf(stats), touched: Math.max(stats.mtimeMs, stats.ctimeMs) };
  };
  const { stats, revision } = await settled(own, options.signal);
  mustBe(at, revision, options);
  const text = stats.isSymbolicLink() ? await textOf(file) : undefined;
  const unmoved = async () => {
    if ((await own()).revision !== revision) throw rePointed(at);
  };
  await unmoved();
  if (!stats.isSymbolicLink()) throw rePointed(at);
  if (text === undefined) throw new StoreError({ ...at, kind: 'key', why: 'the text of the link is no valid UTF-8' });
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      await unmoved();
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? rePointed(at) : asStoreError(error, at);
    }
    return { done: true, value: undefined };
  };
  const body = { [Symbol.asyncIterator]: () => ({ next }) };
  return { head: { key: at.key, ...recordedFacts(stats, text) }, body, discard: async () => {} };
}

function mustBe(at: At, revision: string, options: ReadOptions): void {
  if (options.revision === undefined || revision === options.revision) return;
  throw new StoreError({ ...at, kind: 'precondition', why: 'it is another file by now' });
}

async function settled<L extends Look>(looking: () => Promise<L>, signal: AbortSignal | undefined): Promise<L> {
  for (;;) {
    const seen = await looking();
    const wait = Math.ceil(seen.touched + SETTLED_MS - Date.now());
    if (wait <= 0 || wait > LONGEST_WAIT_MS) return seen;
    await delay(wait, undefined, signal ? { signal } : {});
  }
}

async function* bodyOf(
  opened: Opened,
  before: Look,
  at: At,
  { range, signal }: ReadOptions,
): AsyncGenerator<Uint8Array> {
  const { handle } = opened;
  const { size } = before.stats;
  const end = Math.min(size, range?.end ?? size);
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
    if (position < end || (await look(at, opened)).revision !== before.revision) {
      throw new StoreError({ ...at, kind: 'changed', why: 'the file was written while it was read' });
    }
  } catch (error) {
    throw asStoreError(error, at);
  } finally {
    await handle.close();
  }
}
