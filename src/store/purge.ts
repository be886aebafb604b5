import type { CallOptions } from './store.ts';

/** One state of a key, by the id that the server gave it. */
export interface Doomed {
  readonly key: string;
  readonly version: string;
}

/**
 * Removal for good, each thing by its own exact name: never by a prefix, never "whatever is there now". Every method may be called
 * again, and is fine with what is gone already.
 */
export interface PurgeStore {
  /**
   * Removes bytes that a tombstone keeps.
   *
   * @throws StoreError `precondition` where they are not the bytes that were hidden; `locked` where a lock forbids it.
   */
  dropKept(key: string, kept: string, options?: CallOptions): Promise<void>;

  /**
   * Removes the object if it still has `revision`. `asIs` is for a server that was not shown to honour a condition: the object is looked at
   * and then deleted without one, and what someone writes between the two is lost with it.
   *
   * @throws StoreError `precondition` where it is another object; `locked`.
   */
  dropMarker(key: string, revision: string, options?: CallOptions & { readonly asIs?: boolean }): Promise<void>;

  /** Removes one version or delete marker, many at once in one request where it can. Only of stores with histories. @throws StoreError `locked`. */
  dropVersion?(doomed: Doomed, options?: CallOptions): Promise<void>;
}
