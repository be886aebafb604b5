import type { Clock } from '../../base/clock.ts';
import type {
  Body,
  CallOptions,
  ListEntry,
  ListOptions,
  ObjectHead,
  ObjectReader,
  PartStore,
  ReadOptions,
  ReinstateOptions,
  Replaced,
  StagingStore,
  Store,
  WriteOptions,
} from '../store.ts';
import type { KeyHistory, Version, VersionStore } from '../versions.ts';
import { ForwardingStore } from './forwarding.ts';
import { limitedParts } from './limited-parts.ts';
import { ForwardingVersions } from './versions.ts';

/** A token bucket: `perSecond` tokens flow in, a second's worth can be saved up. Takers are served in turn. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #clock: Clock;
  /** The moment at which all tokens given out so far have flowed in, in milliseconds. */
  #paidUntil: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#paidUntil = clock.now() - 1_000;
  }

  /** Resolves when `tokens` have flowed in, after those of everyone who came before. */
  async take(tokens: number, signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const start = Math.max(this.#paidUntil, now - 1_000);
    this.#paidUntil = start + (tokens / this.#perSecond) * 1_000;
    const wait = this.#paidUntil - now;
    if (wait > 0) await this.#clock.sleep(wait, signal);
  }
}

export interface Limits {
  /** Paid by bodies that are read from the store. */
  readonly bytes: TokenBucket | undefined;
  /** Paid by each request. */
  readonly requests: TokenBucket | undefined;
}

/** Keeps a store's use within limits. Returns the store itself where there is none. */
export function limited(inner: Store, limits: Limits): Store {
  return limits.bytes === undefined && limits.requests === undefined ? inner : new LimitedStore(inner, limits);
}

class LimitedStore extends ForwardingStore {
  readonly #limits: Limits;
  readonly #parts: PartStore | undefined;

  #versions: VersionStore | undefined;

  constructor(inner: Store, limits: Limits) {
    super(inner);
    this.#limits = limits;
    this.#parts = inner.parts && limitedParts(inner.parts, (options) => this.#request(options));
  }

  override get parts(): PartStore | undefined {
    return this.#parts;
  }

  override get versions(): VersionStore | undefined {
    if (this.inner.versions !== undefined) this.#versions ??= new LimitedVersions(this.inner.versions, this.#limits);
    return this.#versions;
  }

  override get staging(): StagingStore | undefined {
    const { staging } = this.inner;
    return (
      staging && {
        token: (key, revision) => staging.token(key, revision),
        holds: (kept) => staging.holds(kept),
        stage: async (key, revision, options) => {
          await this.#request(options);
          return await staging.stage(key, revision, options);
        },
      }
    );
  }

  override get states(): Store['states'] {
    const { states } = this.inner;
    return states && ((options) => this.#each(states(options), options));
  }

  override async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    yield* this.#each(this.inner.list(options), options);
  }

  override async head(key: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    await this.#request(options);
    return await this.inner.head(key, options);
  }

  override async read(key: string, options?: ReadOptions): Promise<ObjectReader> {
    await this.#request(options);
    const reader = await this.inner.read(key, options);
    const { bytes } = this.#limits;
    return bytes === undefined ? reader : { ...reader, body: paced(reader.body, bytes, options?.signal) };
  }

  override async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    await this.#request(options);
    return await this.inner.create(key, body, options);
  }

  override async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    await this.#request(options);
    return await this.inner.replace(key, revision, body, options);
  }

  override async headKept(key: string, kept: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    await this.#request(options);
    return await this.inner.headKept(key, kept, options);
  }

  override async reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options?: ReinstateOptions,
  ): Promise<ObjectHead> {
    await this.#request(options);
    return await this.inner.reinstate(key, revision, kept, options);
  }

  override async remove(key: string, revision: string, options?: CallOptions): Promise<void> {
    await this.#request(options);
    await this.inner.remove(key, revision, options);
  }

  /** A page is a request. */
  async *#each<T>(pages: AsyncIterable<T>, options: CallOptions): AsyncGenerator<T> {
    await this.#request(options);
    for await (const page of pages) {
      yield page;
      await this.#request(options);
    }
  }

  async #request(options: CallOptions | undefined): Promise<void> {
    await this.#limits.requests?.take(1, options?.signal);
  }
}

class LimitedVersions extends ForwardingVersions {
  readonly #limits: Limits;

  constructor(inner: VersionStore, limits: Limits) {
    super(inner);
    this.#limits = limits;
  }

  override async *list(options: ListOptions): AsyncGenerator<readonly KeyHistory[]> {
    await this.#request(options);
    for await (const page of this.inner.list(options)) {
      yield page;
      await this.#request(options);
    }
  }

  override async of(key: string, options?: CallOptions): Promise<readonly Version[]> {
    await this.#request(options);
    return await this.inner.of(key, options);
  }

  override async head(key: string, version: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    await this.#request(options);
    return await this.inner.head(key, version, options);
  }

  override async read(key: string, version: string, options?: ReadOptions): Promise<ObjectReader> {
    await this.#request(options);
    const reader = await this.inner.read(key, version, options);
    const { bytes } = this.#limits;
    return bytes === undefined ? reader : { ...reader, body: paced(reader.body, bytes, options?.signal) };
  }

  override async mark(key: string, options?: CallOptions): Promise<void> {
    await this.#request(options);
    await this.inner.mark(key, options);
  }

  override async remove(key: string, version: string, options?: CallOptions): Promise<void> {
    await this.#request(options);
    await this.inner.remove(key, version, options);
  }

  async #request(options: CallOptions | undefined): Promise<void> {
    await this.#limits.requests?.take(1, options?.signal);
  }
}

async function* paced(
  body: AsyncIterable<Uint8Array>,
  bucket: TokenBucket,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    await bucket.take(chunk.byteLength, signal);
    yield chunk;
  }
}
