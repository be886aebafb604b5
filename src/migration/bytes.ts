import { createHash, type Hash } from 'node:crypto';
import type { CallOptions, ObjectHead, Store } from '../store/store.ts';

/** What a whole read of an object told. */
export interface ReadDigest {
  readonly head: ObjectHead;
  readonly sha256: string;
  readonly size: number;
}

/** Reads an object to its end and hashes it. @throws StoreError as `read` does. */
export async function digestOfObject(store: Store, key: string, options: CallOptions): Promise<ReadDigest> {
  const { head, body } = await store.read(key, options);
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of body) {
    hash.update(chunk);
    size += chunk.byteLength;
  }
  return { head, sha256: hash.digest('hex'), size };
}

/** Passes a body on while hashing what goes by. */
export async function* hashing(body: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}

/** A small body as one array. */
export async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/** Reads a body into a buffer of its size. @returns whether it has that size. */
export async function fill(buffer: Uint8Array, body: AsyncIterable<Uint8Array>): Promise<boolean> {
  let at = 0;
  for await (const chunk of body) {
    if (at + chunk.byteLength > buffer.byteLength) return false;
    buffer.set(chunk, at);
    at += chunk.byteLength;
  }
  return at === buffer.byteLength;
}
