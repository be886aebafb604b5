import type { Attributes, CallOptions, ObjectHead, Store } from './store.ts';

/** What a server allows for the parts of one object: data about it, not a branch in a step. Sizes in bytes. */
export interface PartLimits {
  /** All parts but the last have at least this many bytes … */
  readonly smallest: number;
  /** … and none has more than this. */
  readonly largest: number;
  /** Parts an object. */
  readonly most: number;
}

export interface Part {
  /** From 1. */
  readonly number: number;
  readonly size: number;
  /** How the server names what it got; opaque. */
  readonly tag: string;
}

export interface Upload {
  readonly key: string;
  readonly id: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly begun: number;
}

/**
 * Large objects part by part. Nothing is at the key before `complete`, and a crash leaves the upload with the parts that arrived: it
 * can be gone on with or aborted. Every method may be called again; a part that is put again takes the place of the one before.
 */
export interface PartStore {
  readonly limits: PartLimits;
  /** @returns the upload's id. What the object carries beside its bytes is set here, or it would be lost. */
  begin(key: string, options: BeginOptions): Promise<string>;
  /** Puts one part, whose SHA-256 (hex) the server checks. */
  put(
    key: string,
    upload: string,
    number: number,
    bytes: Uint8Array,
    options: CallOptions & { readonly sha256: string },
  ): Promise<Part>;
  /** What the server has of an upload; `undefined` when it knows no such upload. */
  list(key: string, upload: string, options?: CallOptions): Promise<readonly DigestedPart[] | undefined>;
  /**
   * Makes an object of the parts: where none is, or over the one of revision `over`. @throws StoreError `exists` as `create` does,
   * `precondition` as `replace` does; `absent` when the upload is gone.
   */
  complete(
    key: string,
    upload: string,
    parts: readonly DigestedPart[],
    options?: CallOptions & { readonly over?: string; readonly overNull?: string },
  ): Promise<ObjectHead>;
  /** Drops an upload and what arrived of it; fine when it is gone already. */
  abort(key: string, upload: string, options?: CallOptions): Promise<void>;
  /** Unfinished uploads of exactly this key. */
  uploads(key: string, options?: CallOptions): Promise<readonly Upload[]>;
  /**
   * Unfinished uploads of all keys that begin with `prefix`, by key, page by page. Not every server shows all of them: MinIO shows
   * none by a prefix that is no key, and without a prefix only those begun since it was started.
   */
  readonly all?: ((options: UploadListOptions) => AsyncIterable<readonly Upload[]>) | undefined;
  /** Where the server can take parts out of other stores by itself. */
  readonly copies?: PartCopies | undefined;
}

export interface UploadListOptions extends CallOptions {
  readonly prefix: string;
  /** Asks the server for all uploads of the bucket, and gives those of the prefix: for a server that shows none by a prefix. */
  readonly unprefixed?: boolean;
  /** Only what comes after this upload: a listing goes on where it was. */
  readonly after?: Pick<Upload, 'key' | 'id'>;
}

export interface BeginOptions extends CallOptions {
  readonly attributes?: Attributes;
  /** `false`: the server need keep no SHA-256 of the parts. Left out, each part has one. */
  readonly digests?: boolean;
}

/** A part with its SHA-256 as hex, where the upload was begun with digests and the server tells it. */
export interface DigestedPart extends Part {
  readonly sha256?: string;
}

/** The bytes of a part that lie in another store. */
export interface PartSource {
  readonly store: Store;
  readonly key: string;
  /** The only state of the object that may be copied. */
  readonly revision: string;
  /** Bytes of the part. */
  readonly size: number;
  /** Left out: the whole object. */
  readonly range?: { readonly start: number; readonly end: number };
}

/** Parts that the server copies itself, so that their bytes do not pass through ferry. */
export interface PartCopies {
  /** Whether the server gives a SHA-256 of the parts that it copies: believed until it was seen not to. */
  readonly digests: boolean;
  /** Whether the server can read that store with this one's rights, as far as can be told without asking it. */
  able(source: Store): boolean;
  /**
   * Has the server copy one part. May be called again; a part that is put again takes the place of the one before.
   *
   * @param options `digests` as the upload was begun; then the part has its SHA-256.
   * @throws StoreError `precondition` where the source is of another revision; `absent` where it, or the upload, is gone;
   * `unsupported` where the upload has digests and the server gives none (`digests` is then `false`).
   */
  put(
    key: string,
    upload: string,
    number: number,
    source: PartSource,
    options: CallOptions & { readonly digests: boolean },
  ): Promise<DigestedPart>;
}
