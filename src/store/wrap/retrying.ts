import { ATTEMPTS, pause, type RetryPolicy, retry } from '../../base/retry.ts';
import {
  type CallOptions,
  type KeptBytes,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  type Store,
  StoreError,
} from '../store.ts';
import type { KeyHistory, StateListOptions, StatePage, Version, VersionStore } from '../versions.ts';
import { ForwardingStore } from './forwarding.ts';
import { ForwardingVersions } from './versions.ts';

/**
 * Tries again what only reads and what has no effect to be found twice. Writes are not tried again here: a step that writes has to
 * look at what its lost answer may have done, so the engine takes the whole step again.
 */
export function retrying(inner: Store, policy: RetryPolicy): Store {
  return new RetryingStore(inner, policy);
}

class RetryingStore extends ForwardingStore {
  readonly #policy: RetryPolicy;

  #versions: VersionStore | undefined;

  constructor(inner: Store, policy: RetryPolicy) {
    super(inner);
    this.#policy = policy;
  }

  override get versions(): VersionStore | undefined {
    if (this.inner.versions !== undefined) this.#versions ??= new RetryingVersions(this.inner.versions, this.#policy);
    return this.#versions;
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

  override list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    return relisted((rest) => this.inner.list(rest), options, this.#policy);
  }

  override get states(): Store['states'] {
    const { states } = this.inner;
    return states && ((options) => statesAgain(states, options, this.#policy));
  }

  /** Tokens come in order: those that were given before are passed over. */
  override get keptBytes(): Store['keptBytes'] {
    const given = super.keptBytes;
    // What reads files fails for reasons that do not pass.
    if (given === undefined || this.kind !== 's3') return given;
    const policy = this.#policy;
    return async function* (options: CallOptions = {}): AsyncGenerator<KeptBytes> {
      let last = '';
      for await (const kept of begunAgain(() => given(options), options, policy)) {
        if (kept.token <= last) continue;
        yield kept;
        last = kept.token;
      }
    };
  }

  override get openKept(): Store['openKept'] {
    const open = super.openKept;
    return open && ((name, options = {}) => this.#retry(() => open(name, options), options.signal));
  }

  #retry<T>(task: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return retry(task, withSignal(this.#policy, signal));
  }
}

/** Removing by an id has the same end however often it is done, so that is tried again too; a delete marker more would stay. */
class RetryingVersions extends ForwardingVersions {
  readonly #policy: RetryPolicy;

  constructor(inner: VersionStore, policy: RetryPolicy) {
    super(inner);
    this.#policy = policy;
  }

  override list(options: ListOptions): AsyncGenerator<readonly KeyHistory[]> {
    return relisted((rest) => this.inner.list(rest), options, this.#policy);
  }

  override of(key: string, options: CallOptions = {}): Promise<readonly Version[]> {
    return retry(() => this.inner.of(key, options), withSignal(this.#policy, options.signal));
  }

  override head(key: string, version: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    return retry(() => this.inner.head(key, version, options), withSignal(this.#policy, options.signal));
  }

  override read(key: string, version: string, options: ReadOptions = {}): Promise<ObjectReader> {
    return retry(() => this.inner.read(key, version, options), withSignal(this.#policy, options.signal));
  }

  override remove(key: string, version: string, options: CallOptions = {}): Promise<void> {
    return retry(() => this.inner.remove(key, version, options), withSignal(this.#policy, options.signal));
  }
}

/** A listing that breaks is begun again after the last key that it gave. */
async function* relisted<T extends { readonly key: string }>(
  list: (options: ListOptions) => AsyncIterable<readonly T[]>,
  options: ListOptions,
  policy: RetryPolicy,
): AsyncGenerator<readonly T[]> {
  let after = options.after;
  const pages = () => list(after === undefined ? options : { ...options, after });
  for await (const page of begunAgain(pages, options, policy)) {
    yield page;
    after = page.at(-1)?.key ?? after;
  }
}

async function* statesAgain(
  states: NonNullable<Store['states']>,
  options: StateListOptions,
  policy: RetryPolicy,
): AsyncGenerator<StatePage> {
  let from = options.from;
  for await (const page of begunAgain(
    () => states(from === undefined ? options : { ...options, from }),
    options,
    policy,
  )) {
    yield page;
    from = page.next;
    // What the server said to be the last page is.
    if (from === undefined) return;
  }
}

/** What `pages` gives, and where it breaks what it gives when it is asked again: the rest. */
export async function* begunAgain<T>(
  pages: () => AsyncIterable<T>,
  { signal }: CallOptions,
  policy: RetryPolicy,
): AsyncGenerator<T> {
  let failures = 0;
  for (;;) {
    try {
      for await (const page of pages()) {
        failures = 0;
        yield page;
      }
      return;
    } catch (error) {
      failures += 1;
      const told = error instanceof StoreError && error.passing;
      if (!told || failures >= (policy.attempts ?? ATTEMPTS) || signal?.aborted === true) throw error;
      await pause(failures, withSignal(policy, signal), error);
    }
  }
}

function withSignal(policy: RetryPolicy, signal: AbortSignal | undefined): RetryPolicy {
  return signal === undefined ? policy : { ...policy, signal };
}
