import type { CallOptions, ListEntry, ListOptions, ObjectHead, ObjectReader, ReadOptions } from './store.ts';

/** One state in the history of a key: bytes, or a delete marker that hides the states before it. */
export interface Version {
  /** The server's id; `null`, as text, for what was written while versioning was not enabled. */
  readonly version: string;
  readonly marker: boolean;
  /** Bytes; 0 for a marker. */
  readonly size: number;
  /** As `ObjectHead.revision`; empty for a marker. */
  readonly revision: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly modified: number;
}

/** A key and what its history holds. Size, revision and time are of the newest state. */
export interface KeyHistory extends ListEntry {
  readonly version: string;
  /** Whether the newest state is a delete marker: no plain listing shows the key. */
  readonly deleted: boolean;
  readonly versions: number;
  readonly markers: number;
  /** Of all versions together. */
  readonly bytes: number;
}

/** One state of one key in a listing of all states. */
export interface KeyVersion extends Version {
  readonly key: string;
  /** Whether it is the newest state of its key. */
  readonly latest: boolean;
}

/** A page of states, those of a key beside each other, and where the listing goes on after it. */
export interface StatePage {
  readonly states: readonly KeyVersion[];
  /** `undefined` after the last page. */
  readonly next: StateCursor | undefined;
}

/** Where a listing of states goes on: after that state of that key, or after the key. */
export interface StateCursor {
  readonly key: string;
  readonly version?: string;
}

export interface StateListOptions extends CallOptions {
  readonly prefix?: string;
  /** `next` of a page that came before: a listing goes on where it was. */
  readonly from?: StateCursor;
}

/**
 * Where a store keeps the whole history of a key (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html). The rules of the
 * `Store` port hold: errors are `StoreError`, every method may be called again.
 */
export interface VersionStore {
  /** `suspended`: old versions stay, but a write takes the place of the version `null`. */
  readonly state: 'enabled' | 'suspended';

  /** All keys that have any history, deleted ones too, in the order of `Store.list`, page by page. */
  list(options: ListOptions): AsyncIterable<readonly KeyHistory[]>;

  /** The history of one key, oldest first; empty where there is none. */
  of(key: string, options?: CallOptions): Promise<readonly Version[]>;

  /** Facts of one version; `undefined` where it is not there, or a marker. */
  head(key: string, version: string, options?: CallOptions): Promise<ObjectHead | undefined>;

  /** Opens one version, as `Store.read` does. @throws StoreError `absent`. */
  read(key: string, version: string, options?: ReadOptions): Promise<ObjectReader>;

  /**
   * Deletes the object as an application would: a delete marker hides it, no bytes go. Some servers add none where nothing is to be
   * hidden. Only where versioning is enabled: suspended, a marker takes the place of the version `null`. @throws StoreError `unsupported`.
   */
  mark(key: string, options?: CallOptions): Promise<void>;

  /** Removes one version or marker for good; fine when it is gone already. */
  remove(key: string, version: string, options?: CallOptions): Promise<void>;
}
