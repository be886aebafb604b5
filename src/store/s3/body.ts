import { Readable } from 'node:stream';
import { type ObjectReader, StoreError } from '../store.ts';
import { asStoreError } from './errors.ts';

interface At {
  readonly store: string;
  readonly op: string;
  readonly key: string;
}

/** A GetObject body as chunks; an answer that ends before its announced length is an error, not a short object. */
export function readerBody(
  stream: Readable,
  size: number,
  at: At,
  signal: AbortSignal | undefined,
): Pick<ObjectReader, 'body' | 'discard'> {
  const discard = async (): Promise<void> => {
    stream.destroy();
  };
  return { body: counted(stream, size, at, signal), discard };
}

async function* counted(
  stream: Readable,
  size: number,
  at: At,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let seen = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      signal?.throwIfAborted();
      seen += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    const told = asStoreError(error, at);
    if (told instanceof StoreError) throw told;
    throw new StoreError({
      ...at,
      kind: 'cut',
      why: `the answer broke off after ${seen} of ${size} bytes`,
      cause: error,
    });
  }
  if (seen !== size)
    throw new StoreError({ ...at, kind: 'cut', why: `the answer ended after ${seen} of ${size} bytes` });
}

/** A body of chunks as the stream that the SDK sends. Too few or too many bytes end it with an error, and so the upload. */
export function uploadStream(body: AsyncIterable<Uint8Array>, size: number, at: At): Readable {
  return Readable.from(exactly(body, size, at), { objectMode: false, highWaterMark: 256 * 1024 });
}

async function* exactly(body: AsyncIterable<Uint8Array>, size: number, at: At): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of body) {
    seen += chunk.byteLength;
    if (seen > size)
      throw new StoreError({ ...at, kind: 'cut', why: `the body has more than the ${size} bytes announced` });
    yield chunk;
  }
  if (seen < size)
    throw new StoreError({ ...at, kind: 'cut', why: `the body has ${seen} bytes where ${size} were announced` });
}
