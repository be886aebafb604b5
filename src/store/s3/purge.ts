import { DeleteObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { lockAt, showLock } from '../object-lock.ts';
import type { Doomed, PurgeStore } from '../purge.ts';
import { type CallOptions, StoreError } from '../store.ts';
import type { VersionStore } from '../versions.ts';
import { type Bucket, http } from './bucket.ts';
import { DeleteBatch } from './delete-batch.ts';
import { etag, revisionOf } from './facts.ts';
import { listBucket } from './list.ts';
import { dropStaged, isStaged } from './staged.ts';
import { S3Versions } from './versions.ts';

/** What a bucket removes for good: versions by their ids, and where there are none, a marker that is still as it was put. */
export class S3Purge implements PurgeStore {
  readonly #in: Bucket;
  readonly #batch: DeleteBatch;
  readonly #versions: VersionStore;

  constructor(bucket: Bucket) {
    this.#in = bucket;
    this.#batch = new DeleteBatch(bucket);
    this.#versions = new S3Versions(bucket, 'suspended');
  }

  async dropKept(key: string, kept: string, options: CallOptions = {}): Promise<void> {
    if (isStaged(kept)) await dropStaged(this.#in, key, kept, options);
    else await this.dropVersion({ key, version: kept }, options);
  }

  async dropMarker(
    key: string,
    revision: string,
    options: CallOptions & { readonly asIs?: boolean } = {},
  ): Promise<void> {
    const input = this.#in.named(key);
    try {
      if ((await this.#revision(key, options)) !== revision)
        throw this.#in.error('precondition', 'purge', key, 'it is another object by now');
      const condition = options.asIs === true ? {} : { IfMatch: etag(revision) };
      await this.#in.send('purge', key, () =>
        this.#in.client.send(new DeleteObjectCommand({ ...input, ...condition }), http(options)),
      );
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    }
  }

  /** Whoever may not read objects may not HEAD them; the listing tells the ETag as well. */
  async #revision(key: string, options: CallOptions): Promise<string | undefined> {
    try {
      const command = new HeadObjectCommand(this.#in.at(key));
      const head = await this.#in.send('purge', key, () => this.#in.client.send(command, http(options)));
      return revisionOf(head.ETag);
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'denied')) throw error;
    }
    for await (const page of listBucket(this.#in, { ...options, prefix: key })) {
      const entry = page.find((one) => one.key === key);
      if (entry !== undefined) return entry.revision;
      if (page.length > 0) break;
    }
    throw this.#in.error('absent', 'purge', key, 'it is in no listing');
  }

  async dropVersion({ key, version }: Doomed, options: CallOptions = {}): Promise<void> {
    try {
      await this.#batch.delete(key, version, options.signal);
    } catch (error) {
      if (!(error instanceof StoreError) || error.passing) throw error;
      throw (await this.#locked(key, version, error, options)) ?? error;
    }
  }

  /** Servers refuse a locked version with errors that mean other things too; the version itself tells. */
  async #locked(
    key: string,
    version: string,
    error: StoreError,
    options: CallOptions,
  ): Promise<StoreError | undefined> {
    const head = await this.#versions.head(key, version, options).catch((denied: unknown) => {
      // Who may not read a version is not told of its lock either.
      if (denied instanceof StoreError && denied.kind === 'denied') return undefined;
      throw denied;
    });
    const lock = lockAt(head?.attributes.objectLock, Date.now());
    return lock && this.#in.error('locked', 'purge', key, `version ${version} is locked: ${showLock(lock)}`, error);
  }
}
