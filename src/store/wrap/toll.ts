import type { Gate, Pass } from '../../base/gate.ts';
import type { TokenBucket } from '../../base/token-bucket.ts';
import { type CallOptions, type ObjectReader, type ReadOptions, StoreError } from '../store.ts';

export interface Limits {
  /** Paid by bodies that are read from the store. */
  readonly bytes: TokenBucket | undefined;
  /** Paid by each request. */
  readonly requests: TokenBucket | undefined;
  /** How many requests are under way at once; left out: as many as come. */
  readonly gate?: Gate | undefined;
}

/** What each request to a store passes: room at the gate first, then its token, so that none is spent on waiting. */
export class Toll {
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** One request. `kind` names those whose answers take about as long as each other's. */
  async call<T>(options: CallOptions | undefined, task: () => Promise<T>, kind?: string): Promise<T> {
    const pass = await this.#enter(options);
    try {
      return await answered(pass, task, kind);
    } finally {
      pass?.leave();
    }
  }

  /** A request whose answer has a body: it is under way until that was read or discarded. */
  async read(options: ReadOptions | undefined, open: () => Promise<ObjectReader>): Promise<ObjectReader> {
    const pass = await this.#enter(options);
    const leave = (): void => pass?.leave();
    try {
      const reader = await answered(pass, open, 'read');
      const { bytes } = this.#limits;
      if (bytes === undefined && pass === undefined) return reader;
      return {
        head: reader.head,
        body: paced(reader.body, bytes, options?.signal, leave),
        discard: async () => {
          try {
            await reader.discard();
          } finally {
            leave();
          }
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** A page is a request; one more is paid than there are pages, as only the answer tells that there is none. */
  async *each<T>(pages: AsyncIterable<T>, options: CallOptions | undefined): AsyncGenerator<T> {
    const iterator = pages[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const { done, value } = await this.call(options, () => iterator.next());
        ended = done === true;
        if (ended) return;
        yield value as T;
      }
    } catch (error) {
      // What threw has ended by itself.
      ended = true;
      throw error;
    } finally {
      if (!ended) await iterator.return?.();
    }
  }

  async #enter(options: CallOptions | undefined): Promise<Pass | undefined> {
    const { gate, requests } = this.#limits;
    const pass = await gate?.enter(options?.signal);
    try {
      await requests?.take(1, options?.signal);
    } catch (error) {
      pass?.leave();
      throw error;
    }
    pass?.sent();
    return pass;
  }
}

async function answered<T>(pass: Pass | undefined, task: () => Promise<T>, kind: string | undefined): Promise<T> {
  try {
    const result = await task();
    pass?.answered('done', kind);
    return result;
  } catch (error) {
    pass?.answered(outcomeOf(error));
    throw error;
  }
}

/** That something is not there, or another by now, is an answer like any other. */
function outcomeOf(error: unknown): 'done' | 'throttled' | 'failed' {
  if (!(error instanceof StoreError)) return 'failed';
  if (error.kind === 'throttled') return 'throttled';
  return ['absent', 'exists', 'precondition'].includes(error.kind) ? 'done' : 'failed';
}

/** A body at the pace of a bucket, in pieces small enough that no ten seconds get much more than their share. */
async function* paced(
  body: AsyncIterable<Uint8Array>,
  bucket: TokenBucket | undefined,
  signal: AbortSignal | undefined,
  ended: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) {
      if (bucket === undefined) yield chunk;
      else yield* pieces(chunk, bucket, signal);
    }
  } finally {
    ended();
  }
}

async function* pieces(
  chunk: Uint8Array,
  bucket: TokenBucket,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < chunk.byteLength; ) {
    const end = Math.min(chunk.byteLength, at + (bucket.slice ?? chunk.byteLength));
    await bucket.take(end - at, signal);
    yield end - at === chunk.byteLength ? chunk : chunk.subarray(at, end);
    at = end;
  }
}
