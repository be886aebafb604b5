import type { AttributeName } from '../base/attribute-names.ts';
import type { ObjectLock } from './object-lock.ts';
import type { PartStore } from './parts.ts';
import type { ProbeStore } from './probes.ts';
import type { PurgeStore } from './purge.ts';
import type { StateListOptions, StatePage, VersionStore } from './versions.ts';

export type {
  BeginOptions,
  DigestedPart,
  Part,
  PartCopies,
  PartLimits,
  PartSource,
  PartStore,
  Upload,
  UploadListOptions,
} from './parts.ts';
export { StoreError, type StoreErrorInit, type StoreErrorKind } from './store-error.ts';

/**
 * The port to a place that holds objects, and its contract. Adapters: `file`, `s3`, `memory`. Retry, rate limits, the
 * egress guard and fault injection wrap a `Store`; an adapter knows none of them and tries each request once.
 *
 * ## What holds for every adapter
 * - **Keys** are opaque, well-formed strings: equal only if their UTF-8 bytes are. A key that the store cannot hold is
 *   refused with `StoreError` of kind `key` before anything is touched. Nothing outside the store's own folder or prefix
 *   is ever read or written, whatever the key.
 * - **Revisions** are opaque strings that name one state of one key. Two equal revisions of a key mean that nobody wrote
 *   bytes between them; after any write of other bytes the revision differs. They are comparable only within one store.
 * - **Writes are atomic**: a reader sees the old object, none, or the whole new one. `create`, `replace` and `reinstate`
 *   have reached the disk (or were acknowledged by the server) before they resolve.
 * - **A crash** at any await leaves either the state before or the state after, and perhaps scratch that no listing shows;
 *   `sweep` removes scratch. `replace` may be cut between hiding the old bytes and showing the new: the key is then absent
 *   in `head`, its bytes are whole under the `kept` token that `keptToken` foretells, and `replace` called again completes.
 * - **Retry**: every method may be called again after any error. A conditional write whose answer was lost finds its own
 *   effect on the second call and fails with `exists` or `precondition`; the caller compares and decides.
 * - **Errors** are `StoreError`; `kind` tells whether trying again can help. Nothing is swallowed.
 * - **Streams** are pulled, never pushed: at most a few chunks are held. Abort ends everything promptly by rejecting.
 */
export interface Store {
  /** The name in the plan. */
  readonly name: string;
  readonly kind: StoreKind;
  /** For people and logs, without secrets: `file:///srv/legacy`, `s3://host:9000/bucket/prefix`. */
  readonly location: string;
  /** Where the store takes large objects in parts; `create` then takes only what fits into one request. */
  readonly parts?: PartStore | undefined;
  /** Removal for good; only `purge` uses it. */
  readonly purge: PurgeStore;
  /** Where the store keeps histories; known from `open` on. */
  readonly versions?: VersionStore | undefined;
  /** Where old bytes can be put aside before a `replace` that would keep none of them. */
  readonly staging?: StagingStore | undefined;
  /** What its server showed of itself; `undefined` for a store without one, and before the first answer. */
  readonly observed?: Observed | undefined;
  /** What shows what the store does beyond the rest of this port; for `doctor`. */
  readonly probes?: ProbeStore | undefined;
  /**
   * What a store on the same server needs to copy out of this one by itself, where this adapter can be copied from. Only the adapter
   * that gave it knows what it is (`PartCopies.able`); who wraps a store hands it on as it is.
   */
  readonly copySource?: object | undefined;
  /**
   * The attributes that objects keep there, as far as the store is sure; complete once it is open. A server may still refuse or drop
   * one: what came of it, `head` tells.
   */
  readonly holds: ReadonlySet<AttributeName>;
  /** Which of the attributes that it holds would be lost of an object, because together they are too large for it. */
  readonly tooLarge?: ((attributes: Attributes) => readonly AttributeName[]) | undefined;
  /** Attributes that objects may carry there although the store could not find out whether it holds them; known once it is open. */
  readonly mayHold?: ReadonlySet<AttributeName> | undefined;

  /**
   * Every state of every key, also what newer ones hide: the newest state of a key need not come first. Known from `open` on; absent
   * where the store surely keeps no histories. What lies below ferry's own names is listed too.
   */
  readonly states?: ((options: StateListOptions) => AsyncIterable<StatePage>) | undefined;
  /**
   * What tombstones of whatever ledger have hidden in a place of its own, and what dead writers left: bytes that no other listing
   * shows. Those of `replace` come in order of `token`. Absent where the store has no such place.
   */
  readonly keptBytes?: ((options?: CallOptions) => AsyncIterable<KeptBytes>) | undefined;

  /**
   * Opens kept bytes by the 64 hex digits that `keptBytes` lists, for who has lost the rest of their token; `undefined` where there are
   * none. They are whatever they are by now: only their digest tells whether anyone wrote them since. Absent where `keptBytes` is.
   */
  readonly openKept?: ((name: string, options?: CallOptions) => Promise<KeptReader | undefined>) | undefined;

  /** Checks that the store is there and may be used: a folder that exists, a bucket that answers. `create` makes a missing folder. */
  open(options: { readonly create: boolean; readonly signal?: AbortSignal }): Promise<void>;

  /**
   * All objects whose key starts with `prefix` and sorts after `after`, in UTF-8 byte order where the server keeps it, page by
   * page. A page can be empty and not the last. Ferry's own scratch and kept bytes are not listed; tombstones are, as objects.
   * An entry that the store has but that cannot be an object (a link, a socket, a name that is no UTF-8) is listed with `unusable`.
   */
  list(options: ListOptions): AsyncIterable<readonly ListEntry[]>;

  /** One object's facts, or `undefined` where there is none. */
  head(key: string, options?: CallOptions): Promise<ObjectHead | undefined>;

  /**
   * Opens one object for reading; `head` is of the very bytes that the body gives. The body throws `changed` when the object was
   * written while it was read, and `cut` when it ends early. Whoever opens a body reads it to its end or calls `discard`.
   *
   * @throws StoreError `absent` where there is no such object; `precondition` where it is not of the revision asked for.
   */
  read(key: string, options?: ReadOptions): Promise<ObjectReader>;

  /**
   * Writes an object where none is. Never overwrites, whoever else writes at the same moment.
   *
   * @throws StoreError `exists` where something is; `digest` when the store found other bytes than `sha256` says.
   */
  create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead>;

  /**
   * Compare-and-swap: puts new bytes where the object still has `revision`. Where the store can keep the old bytes, they stay
   * under `kept` until purged.
   *
   * @throws StoreError `precondition` when the object is another one by now; nothing has changed then.
   */
  replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced>;

  /** The token under which `replace` would keep the bytes of this revision; `undefined` where the store keeps none. */
  keptToken(key: string, revision: string): string | undefined;

  /** Facts of kept bytes, or `undefined` when there are none under that token. The revision is the one before `replace`, if unchanged. */
  headKept(key: string, kept: string, options?: CallOptions): Promise<ObjectHead | undefined>;

  /**
   * Whether kept bytes were written although they are kept: a program that had the file open can still do so. Left out where kept bytes
   * cannot change. Who destroys them, or goes by what they were, asks first.
   */
  readonly writtenSince?: ((key: string, kept: string) => Promise<boolean>) | undefined;

  /**
   * Undoes a `replace`: the kept bytes become the object again, provided that the object there now has `revision` (or is absent,
   * where `revision` is `undefined`).
   *
   * @throws StoreError `precondition` when the object there is another one; `absent` when nothing is kept under the token; `digest`
   * when what is kept has another SHA-256 than the options say (not every store looks).
   */
  reinstate(key: string, revision: string | undefined, kept: string, options?: ReinstateOptions): Promise<ObjectHead>;

  /** Removes the object if it still has `revision`; for probes. @throws StoreError `precondition` when it is another one. */
  remove(key: string, revision: string, options?: CallOptions): Promise<void>;

  /** Removes scratch of dead writers of this state directory. Never touches objects or kept bytes. */
  sweep(): Promise<void>;

  close(): Promise<void>;
}

export type StoreKind = 'file' | 's3' | 'memory';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface ReinstateOptions extends CallOptions {
  /** Hex SHA-256 that the bytes must have; left out, they are taken as they are. */
  readonly sha256?: string;
}

/** What of an object is to be put aside. */
export interface StageOptions extends CallOptions {
  /** Bytes of the object. */
  readonly size: number;
  /** Hex SHA-256 of its bytes. */
  readonly sha256: string;
  /** What it carries beside its bytes. */
  readonly attributes: Attributes;
  /** Whether the store's own word for the SHA-256 of what it holds is enough; else the bytes are read again. */
  readonly attested: boolean;
}

/** Copies of objects under keys of ferry's own, which no plain listing shows. */
export interface StagingStore {
  /** The token under which `stage` puts this state of the object. */
  token(key: string, revision: string): string;
  /** Whether a token is of this kind. */
  holds(kept: string): boolean;
  /**
   * Puts a copy of this state aside and proves that it has the SHA-256. May be called again; finds its own effect. A crash may leave
   * the copy, or an upload of it: `PurgeStore.dropKept` removes either.
   *
   * @returns the copy's facts, with what it carries.
   * @throws StoreError `precondition` where the object is another one; `absent` where there is none.
   */
  stage(key: string, revision: string, options: StageOptions): Promise<ObjectHead>;
}

export interface ReadOptions extends CallOptions {
  /** Only the bytes from `start` up to and without `end`. The head is still of the whole object. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Only this state of the object. */
  readonly revision?: string;
}

export interface ListOptions extends CallOptions {
  readonly prefix?: string;
  /** Only keys that sort after this one: a listing goes on where it was. */
  readonly after?: string;
}

export interface ListEntry {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly revision: string;
  /** Last write as the store tells it, in milliseconds since 1970. */
  readonly modified: number;
  /** Why this entry cannot be read as an object; then size and revision mean nothing. */
  readonly unusable?: string;
}

export interface ObjectHead extends ListEntry {
  /** SHA-256 of the whole object as hex, only where the store itself computed or checked it. */
  readonly sha256?: string;
  /** For an object made of parts, where the store keeps it: SHA-256 over the parts' digests as hex, a dash, their number. */
  readonly composite?: string;
  /** How the store says that it encrypts the object at rest: `SSE-S3`, `SSE-KMS`, `SSE-C`. */
  readonly encrypted?: string;
  /** Id of this state, only where the store keeps histories. */
  readonly version?: string;
  readonly attributes: Attributes;
}

/** Bytes that lie where no object can. */
export interface KeptBytes {
  /**
   * What its name tells of the token under which `replace` kept it: 64 hex digits. Any other text is where it lies below the store's
   * root: it was not kept by a `replace` that came to its end.
   */
  readonly token: string;
  /** Only where the store can tell. */
  readonly key?: string;
  /** Bytes. */
  readonly size: number;
}

/** Kept bytes and what was found of them. */
export interface KeptReader extends ObjectReader {
  /** A token that stands for them from now on. */
  readonly kept: string;
  /**
   * The revision that the object most likely had before it was hidden: it surely had it, and these are surely bytes of that key, where
   * SHA-256 over key, LF and revision is the name.
   */
  readonly likely: string;
}

/** What an object carries beside its bytes. Names after the S3 API's PutObject. */
export interface Attributes {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly contentDisposition?: string;
  readonly cacheControl?: string;
  /** The text of the Expires header as it stands; it need not be a date. */
  readonly expires?: string;
  /** User metadata: lower-case names without the `x-amz-meta-` prefix. Values stand as the server gave them, RFC 2047 words included. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly websiteRedirect?: string;
  /** Absent for STANDARD. */
  readonly storageClass?: string;
  /** Retention and legal hold. A retention that has passed may still be told; it is not written. */
  readonly objectLock?: ObjectLock;
  /** A token that stood in Content-Encoding by mistake and was left out of `contentEncoding`. Never written. */
  readonly strippedEncoding?: string;
  /** The text of a symbolic link, of a store that records them; the object has no bytes. It is never followed. */
  readonly link?: string;
  /** Extended attributes of a file, values as base64 (RFC 4648, 4): only those whose names begin with `user.`. Absent where there is none. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Permission bits, and time of last write in milliseconds since 1970: of files alone, and no part of the object's data. */
  readonly mode?: number;
  readonly mtimeMs?: number;
}

/** Whole bytes, or a source of chunks that can be read once. */
export type Body = Uint8Array | AsyncIterable<Uint8Array>;

export interface ObjectReader {
  readonly head: ObjectHead;
  readonly body: AsyncIterable<Uint8Array>;
  /** Releases the connection or file of a body that will not be read to its end. */
  discard(): Promise<void>;
}

export interface WriteOptions extends CallOptions {
  /** Bytes that the body holds. */
  readonly size: number;
  /** Hex SHA-256 of the body where it is known before: the store then refuses other bytes. */
  readonly sha256?: string;
  readonly attributes?: Attributes;
  /** Revision of an older state, `null`, that the write may destroy: in a bucket whose versioning is suspended it would take its place. */
  readonly overNull?: string;
  /** `replace` leaves it to the server alone to see that the revision is stale, and does not look first: to try the server. */
  readonly serverChecks?: boolean;
  /**
   * `replace` looks whether the revision is stale, but tells the server no condition: for servers that honour none, where who calls can
   * find out afterwards what came between. Stores that need no server take no notice.
   */
  readonly unconditional?: boolean;
}

export interface Replaced {
  readonly head: ObjectHead;
  /** Where the old bytes are; absent when the store overwrote them. */
  readonly kept?: string;
}

/** What was seen of a store's server when it was opened: facts to hold a plan's declarations against. */
export interface Observed {
  readonly host: string;
  readonly addresses: readonly string[];
  /** Of the bucket, as the server told it. */
  readonly region: string | undefined;
  /** `sha256/BASE64` of the key of its certificate (RFC 7469); `undefined` without TLS. */
  readonly pin: string | undefined;
}
