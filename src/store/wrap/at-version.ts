import {
  type CallOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  type Store,
  StoreError,
} from '../store.ts';
import { ForwardingStore } from './forwarding.ts';

/** A store in which one key is seen as it was in one version: what reads an object then reads that. Only for reading. */
export function atVersion(store: Store, version: string): Store {
  return new AtVersion(store, version);
}

class AtVersion extends ForwardingStore {
  readonly #version: string;

  constructor(inner: Store, version: string) {
    super(inner);
    this.#version = version;
  }

  /** A server that copied by key would take the newest version. */
  override get copySource(): undefined {
    return undefined;
  }

  override head(key: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    return this.#of(key).head(key, this.#version, options);
  }

  override read(key: string, options?: ReadOptions): Promise<ObjectReader> {
    return this.#of(key).read(key, this.#version, options);
  }

  #of(key: string) {
    const { versions } = this.inner;
    if (versions === undefined) {
      throw new StoreError({
        kind: 'unsupported',
        store: this.name,
        op: 'read version',
        key,
        why: 'it keeps no versions',
      });
    }
    return versions;
  }
}
