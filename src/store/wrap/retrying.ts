import { ATTEMPTS, pause, type RetryPolicy, retry } from '../../base/retry.ts';
import {
  type CallOptions,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  type Store,
  StoreError,
} from '../store.ts';
import { ForwardingStore } from './forwarding.ts';

/**
 * Tries again what only reads and what has no effect to be found twice. Writes are not tried again here: a step that writes has to
 * look at what its lost answer may have done, so the engine takes the whole step again.
 */
export function retrying(inner: Store, policy: RetryPolicy): Store {
  return new RetryingStore(inner, policy);
}

class RetryingStore extends ForwardingStore {
  readonly #policy: RetryPolicy;

  constructor(inner: Store, policy: RetryPolicy) {
    super(inner);
    this.#policy = policy;
  }

  override open(options: { readonly create: boolean; readonly signal?: AbortSignal }): Promise<void> {
    return this.#retry(() => this.inner.open(options), options.signal);
  }

  override head(key: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    return this.#retry(() => this.inner.head(key, options), options.signal);
  }

  override headKept(key: string, kept: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    return this.#retry(() => this.inner.headKept(key, kept, options), options.signal);
  }

  /** Only the opening: what breaks later has already been seen by the reader. */
  override read(key: string, options: ReadOptions = {}): Promise<ObjectReader> {
    return this.#retry(() => this.inner.read(key, options), options.signal);
  }

  /** A listing that breaks is begun again after the last key that it gave. */
  override async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    let after = options.after;
    let failures = 0;
    for (;;) {
      try {
        for await (const page of this.inner.list(after === undefined ? options : { ...options, after })) {
          failures = 0;
          yield page;
          after = page.at(-1)?.key ?? after;
        }
        return;
      } catch (error) {
        failures += 1;
        const told = error instanceof StoreError && error.passing;
        if (!told || failures >= (this.#policy.attempts ?? ATTEMPTS) || options.signal?.aborted === true) throw error;
        await pause(failures, this.#with(options.signal), error);
      }
    }
  }

  #retry<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return retry(task, this.#with(signal));
  }

  #with(signal: AbortSignal | undefined): RetryPolicy {
    return signal === undefined ? this.#policy : { ...this.#policy, signal };
  }
}
