import { Readable } from 'node:stream';
import { type ObjectReader, StoreError } from '../store.ts';
import { asStoreError } from './errors.ts';
import type { AnswerBody } from './hot/exchange.ts';

interface At {
  readonly store: string;
  readonly op: string;
  readonly key: string;
}

/** A GetObject body as chunks; an answer that ends before its announced length is an error, not a short object. */
export function readerBody(
  stream: AnswerBody,
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
  stream: AnswerBody,
  size: number,
  at: At,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let seen = 0;
  try {
    for await (const chunk of stream) {
      signal?.throwIfAborted();
      seen += chunk.byteLength;
      // One without an end would else be read without end.
      if (seen > size) break;
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
  if (seen > size)
    throw new StoreError({ ...at, kind: 'cut', why: `the answer has more than the ${size} bytes that it announced` });
  if (seen !== size)
    throw new StoreError({ ...at, kind: 'cut', why: `the answer ended after ${seen} of ${size} bytes` });
}

/**
 * A body of chunks as the stream that the SDK sends. A body that breaks, or has not the bytes announced, must end the request: an error
 * in the stream would not reach it through the SDK's checksum stream, so `broke` is called, which aborts it, and the stream falls
 * silent. The server has then got less than its Content-Length and stores nothing.
 */
export function uploadStream(
  body: AsyncIterable<Uint8Array>,
  size: number,
  at: At,
  broke: (error: unknown) => void,
): Readable {
  return Readable.from(exactly(body, size, at, broke), { objectMode: false, highWaterMark: 256 * 1024 });
}

/** S3 takes no chunk below 8 KiB but the last (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html). */
const SMALLEST_CHUNK = 64 * 1024;

async function* exactly(
  body: AsyncIterable<Uint8Array>,
  size: number,
  at: At,
  broke: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  let seen = 0;
  let held: Uint8Array[] = [];
  let waiting = 0;
  try {
    for await (const chunk of body) {
      seen += chunk.byteLength;
      if (seen > size)
        throw new StoreError({ ...at, kind: 'cut', why: `the body has more than the ${size} bytes announced` });
      // The last chunk goes only once the body has come to its end without an error: the server might else take it for whole.
      if (waiting >= SMALLEST_CHUNK) {
        yield joined(held);
        held = [];
        waiting = 0;
      }
      held.push(chunk);
      waiting += chunk.byteLength;
    }
    if (seen < size)
      throw new StoreError({ ...at, kind: 'cut', why: `the body has ${seen} bytes where ${size} were announced` });
    if (waiting > 0) yield joined(held);
  } catch (error) {
    broke(error);
    await new Promise(() => undefined);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}
