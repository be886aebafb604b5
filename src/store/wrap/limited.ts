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
import { type Limits, Toll } from './toll.ts';
import { ForwardingVersions } from './versions.ts';

export { TokenBucket } from '../../base/token-bucket.ts';
export type { Limits } from './toll.ts';

/** Keeps a store's use within limits. Returns the store itself where there is none. */
export function limited(inner: Store, limits: Limits): Store {
  const { bytes, requests, gate } = limits;
  const free = bytes === undefined && requests === undefined && gate === undefined;
  return free ? inner : new LimitedStore(inner, new Toll(limits));
}

class LimitedStore extends ForwardingStore {
  readonly #toll: Toll;
  readonly #parts: PartStore | undefined;

  #versions: VersionStore | undefined;

  constructor(inner: Store, toll: Toll) {
    super(inner);
    this.#toll = toll;
    this.#parts = inner.parts && limitedParts(inner.parts, toll);
  }

  override get parts(): PartStore | undefined {
    return this.#parts;
  }

  override get versions(): VersionStore | undefined {
    if (this.inner.versions !== undefined) this.#versions ??= new LimitedVersions(this.inner.versions, this.#toll);
    return this.#versions;
  }

  override get staging(): StagingStore | undefined {
    const { staging } = this.inner;
    return (
      staging && {
        token: (key, revision) => staging.token(key, revision),
        holds: (kept) => staging.holds(kept),
        stage: (key, revision, options) => this.#toll.call(options, () => staging.stage(key, revision, options)),
      }
    );
  }

  override get states(): Store['states'] {
    const { states } = this.inner;
    return states && ((options) => this.#toll.each(states(options), options));
  }

  override get openKept(): Store['openKept'] {
    const open = super.openKept;
    return open && ((name, options) => this.#toll.call(options, () => open(name, options)));
  }

  override list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    return this.#toll.each(this.inner.list(options), options);
  }

  override head(key: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    return this.#toll.call(options, () => this.inner.head(key, options), 'head');
  }

  override read(key: string, options?: ReadOptions): Promise<ObjectReader> {
    return this.#toll.read(options, () => this.inner.read(key, options));
  }

  override create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    return this.#toll.call(options, () => this.inner.create(key, body, options));
  }

  override replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    return this.#toll.call(options, () => this.inner.replace(key, revision, body, options));
  }

  override headKept(key: string, kept: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    return this.#toll.call(options, () => this.inner.headKept(key, kept, options));
  }

  override reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options?: ReinstateOptions,
  ): Promise<ObjectHead> {
    return this.#toll.call(options, () => this.inner.reinstate(key, revision, kept, options));
  }

  override remove(key: string, revision: string, options?: CallOptions): Promise<void> {
    return this.#toll.call(options, () => this.inner.remove(key, revision, options));
  }
}

class LimitedVersions extends ForwardingVersions {
  readonly #toll: Toll;

  constructor(inner: VersionStore, toll: Toll) {
    super(inner);
    this.#toll = toll;
  }

  override list(options: ListOptions): AsyncGenerator<readonly KeyHistory[]> {
    return this.#toll.each(this.inner.list(options), options);
  }

  override of(key: string, options?: CallOptions): Promise<readonly Version[]> {
    return this.#toll.call(options, () => this.inner.of(key, options));
  }

  override head(key: string, version: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    return this.#toll.call(options, () => this.inner.head(key, version, options), 'head');
  }

  override read(key: string, version: string, options?: ReadOptions): Promise<ObjectReader> {
    return this.#toll.read(options, () => this.inner.read(key, version, options));
  }

  override mark(key: string, options?: CallOptions): Promise<void> {
    return this.#toll.call(options, () => this.inner.mark(key, options));
  }

  override remove(key: string, version: string, options?: CallOptions): Promise<void> {
    return this.#toll.call(options, () => this.inner.remove(key, version, options));
  }
}
