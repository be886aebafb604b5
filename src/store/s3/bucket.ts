import type { S3Client } from '@aws-sdk/client-s3';
import type { S3StoreSpec } from '../../plan/types.ts';
import { StoreError, type StoreErrorKind } from '../store.ts';
import type { Encryption } from './encryption.ts';
import { asStoreError } from './errors.ts';
import { fullKey } from './keys.ts';
import { whyLocked } from './locked.ts';

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
