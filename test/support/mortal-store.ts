import type { PurgeStore } from '../../src/store/purge.ts';
import type { Body, CallOptions, ObjectHead, Replaced, Store, WriteOptions } from '../../src/store/store.ts';
import { ForwardingStore } from '../../src/store/wrap/forwarding.ts';

/** Tells after each write that reached the store, before anyone hears of it: the moment at which a crash hurts most. */
export class MortalStore extends ForwardingStore {
  readonly #effect: () => void;

  constructor(inner: Store, effect: () => void) {
    super(inner);
    this.#effect = effect;
  }

  override async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    return this.#told(await this.inner.create(key, body, options));
  }

  override async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    return this.#told(await this.inner.replace(key, revision, body, options));
  }

  override async reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options?: CallOptions,
  ): Promise<ObjectHead> {
    return this.#told(await this.inner.reinstate(key, revision, kept, options));
  }

  override get purge(): PurgeStore {
    const { purge } = this.inner;
    return {
      dropKept: async (key, kept, options) => this.#told(await purge.dropKept(key, kept, options)),
      dropMarker: async (key, revision, options) => this.#told(await purge.dropMarker(key, revision, options)),
    };
  }

  #told<T>(result: T): T {
    this.#effect();
    return result;
  }
}
