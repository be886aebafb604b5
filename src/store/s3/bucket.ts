import type { S3Client } from '@aws-sdk/client-s3';
import type { S3StoreSpec } from '../../plan/types.ts';
import { StoreError, type StoreErrorKind } from '../store.ts';
import type { Encryption } from './encryption.ts';
import { asStoreError } from './errors.ts';
import { decodeListed, fullKey, REPLACEMENT } from './keys.ts';
import { whyLocked } from './locked.ts';

/** Of what a server said, in an error. */
const LONGEST_SHOWN = 200;

export type Versioning = 'enabled' | 'suspended' | 'off' | 'unknown';

/** A bucket, or a prefix in one, and the way to it: what every request needs. */
export class Bucket {
  readonly store: string;
  readonly client: S3Client;
  readonly name: string;
  readonly prefix: string;
  readonly encryption: Encryption;
  /** Known from `open` on; `unknown` where the server would not say. */
  versioning: Versioning = 'unknown';
  /** Server and credentials: two buckets with one value can be reached by one request. Names of variables, no secrets. */
  readonly access: string;

  constructor(spec: S3StoreSpec, client: S3Client, encryption: Encryption) {
    this.store = spec.name;
    this.client = client;
    this.name = spec.bucket;
    this.prefix = spec.prefix;
    this.encryption = encryption;
    // On AWS a region is a server of its own; elsewhere it is only what requests are signed for.
    this.access = JSON.stringify([spec.endpoint ?? `AWS ${spec.region}`, spec.credentials]);
  }

  /** An object by its bucket and key. @throws StoreError `key`. */
  named(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.name, Key: fullKey(this.store, this.prefix, key) };
  }

  /** Names an object in a request for its bytes or facts. */
  at(key: string) {
    return { ...this.named(key), ...this.encryption.touch };
  }

  /** Makes one request; what goes wrong comes as a `StoreError`. */
  async send<T>(op: string, key: string | undefined, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw asStoreError(error, { store: this.store, op, ...(key === undefined ? {} : { key }) });
    }
  }

  /** A request for the bytes or facts of one object. Where its encryption is why it was refused, the error says so. */
  async ask<T>(op: string, key: string, request: () => Promise<T>, version?: string): Promise<T> {
    try {
      return await this.send(op, key, request);
    } catch (error) {
      const why = error instanceof StoreError ? await whyLocked(this, key, error, version) : undefined;
      throw why === undefined ? error : this.error('denied', op, key, why, error);
    }
  }

  /** A key out of a listing, with the store's own prefix. @throws StoreError `other` where it is said to be encoded, and is not. */
  told(op: string, text: string, encoded: boolean): string {
    if (!encoded) return text;
    try {
      return decodeListed(text);
    } catch (error) {
      const why = `the server says that it encodes keys, but ${JSON.stringify(text.slice(0, LONGEST_SHOWN))} is no encoded one`;
      throw this.error('other', op, undefined, why, error);
    }
  }

  /**
   * The store's own key out of one that a listing tells. What lies elsewhere is none of the store's, whoever says so.
   *
   * @throws StoreError `other` where it does not begin with the store's prefix.
   */
  inside(op: string, full: string): string {
    // XML may have bent the prefix as well as the rest.
    if (full.startsWith(this.prefix) || full.includes(REPLACEMENT)) return full.slice(this.prefix.length);
    const why = `the server lists ${JSON.stringify(full.slice(0, LONGEST_SHOWN))}, which is not below the prefix that it was asked for`;
    throw this.error('other', op, undefined, why);
  }

  /** A number of bytes that a server tells. @throws StoreError `other` for what can be none. */
  size(op: string, key: string | undefined, told: number | undefined): number {
    if (told === undefined || (Number.isSafeInteger(told) && told >= 0)) return told ?? 0;
    throw this.error('other', op, key, `the server tells a size of ${told} bytes`);
  }

  error(kind: StoreErrorKind, op: string, key: string | undefined, why: string, cause?: unknown): StoreError {
    return new StoreError({
      kind,
      store: this.store,
      op,
      why,
      ...(key === undefined ? {} : { key }),
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** The options of a request that a signal can end. */
export function http({ signal }: { readonly signal?: AbortSignal | undefined }): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
