import type { CallOptions, ListOptions, ObjectHead, ObjectReader, ReadOptions } from '../store.ts';
import type { KeyHistory, Version, VersionStore } from '../versions.ts';

/** Hands every call to the histories of another store; a wrapper overrides what it changes. */
export class ForwardingVersions implements VersionStore {
  readonly state: 'enabled' | 'suspended';
  protected readonly inner: VersionStore;

  constructor(inner: VersionStore) {
    this.inner = inner;
    this.state = inner.state;
  }

  list(options: ListOptions): AsyncIterable<readonly KeyHistory[]> {
    return this.inner.list(options);
  }

  of(key: string, options?: CallOptions): Promise<readonly Version[]> {
    return this.inner.of(key, options);
  }

  head(key: string, version: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    return this.inner.head(key, version, options);
  }

  read(key: string, version: string, options?: ReadOptions): Promise<ObjectReader> {
    return this.inner.read(key, version, options);
  }

  mark(key: string, options?: CallOptions): Promise<void> {
    return this.inner.mark(key, options);
  }

  remove(key: string, version: string, options?: CallOptions): Promise<void> {
    return this.inner.remove(key, version, options);
  }
}
