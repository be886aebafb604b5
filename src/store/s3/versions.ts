import { DeleteObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import {
  type CallOptions,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  StoreError,
} from '../store.ts';
import type { KeyHistory, Version, VersionStore } from '../versions.ts';
import { type Bucket, http } from './bucket.ts';
import { etag, headOf } from './facts.ts';
import { readObject } from './read.ts';
import { historyOf, listHistories } from './version-list.ts';

/** The histories that a bucket keeps (https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html). */
export class S3Versions implements VersionStore {
  readonly state: 'enabled' | 'suspended';
  readonly #in: Bucket;

  constructor(bucket: Bucket, state: 'enabled' | 'suspended') {
    this.#in = bucket;
    this.state = state;
  }

  list(options: ListOptions): AsyncGenerator<readonly KeyHistory[]> {
    return listHistories(this.#in, options);
  }

  async of(key: string, options: CallOptions = {}): Promise<readonly Version[]> {
    return await historyOf(this.#in, key, options);
  }

  async head(key: string, version: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    const input = { ...this.#in.at(key), VersionId: version, ChecksumMode: 'ENABLED' as const };
    try {
      const ask = () => this.#in.client.send(new HeadObjectCommand(input), http(options));
      const output = await this.#in.ask('head version', key, ask, version);
      return await headOf(this.#in, key, { ...output, VersionId: version }, options);
    } catch (error) {
      if (error instanceof StoreError && (error.kind === 'absent' || isMarker(error))) return undefined;
      throw error;
    }
  }

  async read(key: string, version: string, options: ReadOptions = {}): Promise<ObjectReader> {
    const { revision } = options;
    const which = { VersionId: version, ...(revision === undefined ? {} : { IfMatch: etag(revision) }) };
    return await readObject(this.#in, 'read version', key, options, which);
  }

  async mark(key: string, options: CallOptions = {}): Promise<void> {
    if (this.state !== 'enabled') {
      const why = 'versioning is suspended: a delete marker would take the place of the version null';
      throw this.#in.error('unsupported', 'mark', key, why);
    }
    const input = this.#in.named(key);
    await this.#in.send('mark', key, () => this.#in.client.send(new DeleteObjectCommand(input), http(options)));
  }

  async remove(key: string, version: string, options: CallOptions = {}): Promise<void> {
    const input = { ...this.#in.named(key), VersionId: version };
    try {
      await this.#in.send('remove version', key, () =>
        this.#in.client.send(new DeleteObjectCommand(input), http(options)),
      );
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    }
  }
}

/** A HEAD of a delete marker by its id is answered `405 Method Not Allowed`. */
function isMarker(error: StoreError): boolean {
  const cause = error.cause as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined;
  return cause?.$metadata?.httpStatusCode === 405;
}
