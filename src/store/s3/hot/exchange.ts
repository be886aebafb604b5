import type { Dispatcher, Pool } from 'undici';
import { onAbort } from '../../../base/on-abort.ts';
import type { Answer } from './answers.ts';

/** The bytes of an answer. One that is not read to its end has to be destroyed, so that its connection does not stay with it. */
export interface AnswerBody extends AsyncIterable<Uint8Array> {
  destroy(): unknown;
}

export interface Sent {
  readonly method: Dispatcher.HttpMethod;
  /** With the query. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | undefined;
}

/** An answer of at most this many bytes is given when it is whole. */
const WHOLE = 256 * 1024;

/** What waits to be read of a longer one before its connection is told to wait. Bytes. */
const AHEAD = 512 * 1024;

/**
 * One request and its answer. Promises and streams for each cost more than the request itself, so that this is made for bodies that are
 * read once, in order, by one reader.
 *
 * @throws what the connection failed with; the signal's reason where it was aborted.
 */
export function exchange(
  pool: Pool,
  { method, path, headers, body }: Sent,
  signal: AbortSignal | undefined,
): Promise<Answer & { readonly body: AnswerBody }> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    // undici closes a connection after each HEAD, for servers that send a body with the answer, unless it is told not to.
    const reset = method === 'HEAD' ? { reset: false } : {};
    pool.dispatch({ method, path, headers, body: body ?? null, ...reset }, new Exchange(resolve, reject, signal));
  });
}

type Settle = (answer: Answer & { readonly body: AnswerBody }) => void;

class Exchange implements Dispatcher.DispatchHandler, AnswerBody {
  readonly #resolve: Settle;
  readonly #reject: (error: unknown) => void;
  readonly #release: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #answer: Answer | undefined;
  /** Given to who asked, so that what comes is for the reader. */
  #given = false;
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  #ended = false;
  #error: unknown;
  /** The reader, where it waits. */
  #wake: (() => void) | undefined;

  constructor(resolve: Settle, reject: (error: unknown) => void, signal: AbortSignal | undefined) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#release = signal && onAbort(signal, (reason) => this.#abort(reason));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It was aborted while it waited for a connection.
    if (this.#ended) controller.abort(asError(this.#error));
  }

  onResponseStart(_: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200) return;
    this.#answer = { status, headers: joined(headers) };
    if (!(Number(headers['content-length'] ?? Number.NaN) <= WHOLE)) this.#give();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#waiting += chunk.byteLength;
    if (this.#waiting > AHEAD) {
      this.#give();
      controller.pause();
    }
    this.#wake?.();
  }

  onResponseEnd(): void {
    this.#end(undefined);
  }

  onResponseError(_: unknown, error: Error): void {
    this.#end(error);
  }

  destroy(): void {
    if (!this.#ended) this.#abort(new Error('nobody reads the answer'));
    this.#chunks = [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#waiting -= chunk.byteLength;
          if (this.#controller?.paused === true && this.#waiting < AHEAD / 2) this.#controller.resume();
          yield chunk;
          continue;
        }
        if (this.#error !== undefined) throw this.#error;
        if (this.#ended) return;
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
        this.#wake = undefined;
      }
    } finally {
      this.destroy();
    }
  }

  #abort(reason: unknown): void {
    this.#end(reason ?? new Error('aborted'));
    this.#controller?.abort(asError(reason));
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#release?.();
    if (this.#answer === undefined) this.#reject(error ?? new Error('the server ended without an answer'));
    else this.#give();
    this.#wake?.();
  }

  #give(): void {
    if (this.#given || this.#answer === undefined) return;
    this.#given = true;
    this.#resolve({ ...this.#answer, body: this });
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** A header that came more than once has the same meaning as one with all values (RFC 9110, 5.3). */
function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | undefined> {
  for (const name in headers) {
    if (!Array.isArray(headers[name])) continue;
    const pairs = Object.entries(headers);
    return Object.fromEntries(pairs.map(([one, value]) => [one, Array.isArray(value) ? value.join(', ') : value]));
  }
  return headers as Record<string, string | undefined>;
}
