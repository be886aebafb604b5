import type { PurgeStore } from '../../store/purge.ts';
import type {
  Body,
  CallOptions,
  ObjectHead,
  PartStore,
  ReinstateOptions,
  Replaced,
  StagingStore,
  Store,
  WriteOptions,
} from '../../store/store.ts';
import type { VersionStore } from '../../store/versions.ts';
import { ForwardingStore } from '../../store/wrap/forwarding.ts';
import { ForwardingVersions } from '../../store/wrap/versions.ts';

/** What stands between a step and what others would see of it. */
export interface Fence {
  /** Throws where the shard is lost, or so little of its lease is left that it could be before the effect. */
  check(): void;
  /** Resolves when what is known of this key is in the control store. Does not wait where it is there already. */
  saved(store: string, key: string): Promise<void>;
}

/**
 * Lets nothing be written by who has lost the shard, and nothing be hidden or removed before its intent is where the next owner finds it.
 * The innermost wrapper of a store: no waiting for a limit comes between the look at the lease and the request.
 */
export function fenced(inner: Store, fence: Fence): Store {
  return new FencedStore(inner, fence);
}

class FencedStore extends ForwardingStore {
  readonly #fence: Fence;
  #parts: PartStore | undefined;
  #versions: VersionStore | undefined;

  constructor(inner: Store, fence: Fence) {
    super(inner);
    this.#fence = fence;
  }

  override get parts(): PartStore | undefined {
    const { parts } = this.inner;
    if (parts !== undefined) this.#parts ??= this.#fencedParts(parts);
    return this.#parts;
  }

  override get versions(): VersionStore | undefined {
    const { versions } = this.inner;
    if (versions !== undefined)
      this.#versions ??= new FencedVersions(versions, async (key, effect) => await this.#after(key, effect));
    return this.#versions;
  }

  override get purge(): PurgeStore {
    const { purge } = this.inner;
    const { dropVersion } = purge;
    return {
      dropKept: (key, kept, options) => this.#after(key, () => purge.dropKept(key, kept, options)),
      dropMarker: (key, revision, options) => this.#after(key, () => purge.dropMarker(key, revision, options)),
      ...(dropVersion === undefined
        ? {}
        : {
            dropVersion: (doomed, options) => this.#after(doomed.key, () => dropVersion.call(purge, doomed, options)),
          }),
    };
  }

  override get staging(): StagingStore | undefined {
    const { staging } = this.inner;
    return (
      staging && {
        token: (key, revision) => staging.token(key, revision),
        holds: (kept) => staging.holds(kept),
        stage: (key, revision, options) => this.#after(key, () => staging.stage(key, revision, options)),
      }
    );
  }

  /** What is there already is never overwritten, so that a copy needs no intent: made again it finds itself. */
  override async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    this.#fence.check();
    return await this.inner.create(key, body, options);
  }

  override replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    return this.#after(key, () => this.inner.replace(key, revision, body, options));
  }

  override reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options?: ReinstateOptions,
  ): Promise<ObjectHead> {
    return this.#after(key, () => this.inner.reinstate(key, revision, kept, options));
  }

  override async remove(key: string, revision: string, options?: CallOptions): Promise<void> {
    this.#fence.check();
    await this.inner.remove(key, revision, options);
  }

  /** Scratch of others is not this worker's to judge. */
  override async sweep(): Promise<void> {}

  async #after<T>(key: string, effect: () => Promise<T>): Promise<T> {
    this.#fence.check();
    await this.#fence.saved(this.name, key);
    this.#fence.check();
    return await effect();
  }

  #fencedParts(inner: PartStore): PartStore {
    const { all, copies } = inner;
    const check = (): void => this.#fence.check();
    return {
      limits: inner.limits,
      // The next owner has to know of it, or its parts would lie there for ever.
      begin: (key, options) => this.#after(key, () => inner.begin(key, options)),
      put: async (...call) => {
        check();
        return await inner.put(...call);
      },
      list: (...call) => inner.list(...call),
      complete: async (...call) => {
        check();
        return await inner.complete(...call);
      },
      abort: async (...call) => {
        check();
        await inner.abort(...call);
      },
      uploads: (...call) => inner.uploads(...call),
      all: all && ((options) => all.call(inner, options)),
      copies: copies && {
        get digests() {
          return copies.digests;
        },
        able: (source) => copies.able(source),
        put: async (...call) => {
          check();
          return await copies.put(...call);
        },
      },
    };
  }
}

class FencedVersions extends ForwardingVersions {
  readonly #after: (key: string, effect: () => Promise<void>) => Promise<void>;

  constructor(inner: VersionStore, after: (key: string, effect: () => Promise<void>) => Promise<void>) {
    super(inner);
    this.#after = after;
  }

  override mark(key: string, options?: CallOptions): Promise<void> {
    return this.#after(key, () => this.inner.mark(key, options));
  }

  override remove(key: string, version: string, options?: CallOptions): Promise<void> {
    return this.#after(key, () => this.inner.remove(key, version, options));
  }
}
