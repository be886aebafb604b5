import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { StoreError } from '../store.ts';
import { type Bucket, http } from './bucket.ts';
import { asStoreError } from './errors.ts';

interface Waiting {
  readonly key: string;
  /** With the store's prefix. */
  readonly full: string;
  readonly version: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const LARGEST_BATCH = 1_000;

/** Characters that XML 1.0 cannot carry in any form; keys may have them. */
const NOT_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/**
 * Deletes versions by their ids, those that are asked for in one turn of the event loop in one request. Each has its own outcome: a
 * request that succeeds may have refused some of them.
 */
export class DeleteBatch {
  readonly #in: Bucket;
  #waiting: Waiting[] = [];
  /** A server that does not know the request is asked one by one. */
  #single = false;

  constructor(bucket: Bucket) {
    this.#in = bucket;
  }

  /** Fine when it is gone already. @throws StoreError. */
  async delete(key: string, version: string, signal?: AbortSignal): Promise<void> {
    if (this.#single || NOT_XML.test(key)) return await this.#one(key, version, signal);
    const { Key: full } = this.#in.named(key);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ key, full, version, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const all = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < all.length; at += LARGEST_BATCH) await this.#send(all.slice(at, at + LARGEST_BATCH));
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const Objects = batch.map(({ full, version }) => ({ Key: full, VersionId: version }));
    const command = new DeleteObjectsCommand({ Bucket: this.#in.name, Delete: { Objects, Quiet: true } });
    try {
      const output = await this.#in.send('purge', undefined, () => this.#in.client.send(command));
      const refused = new Map((output.Errors ?? []).map((error) => [`${error.VersionId}\n${error.Key}`, error]));
      for (const item of batch) {
        const error = refused.get(`${item.version}\n${item.full}`);
        if (error === undefined) item.resolve();
        else this.#refuse(item, error.Code ?? 'unknown', error.Message ?? '');
      }
    } catch (error) {
      if (!(error instanceof StoreError) || error.passing || error.kind === 'denied') {
        for (const item of batch) item.reject(error);
        return;
      }
      this.#single = true;
      for (const item of batch) await this.#one(item.key, item.version).then(item.resolve, item.reject);
    }
  }

  #refuse(item: Waiting, code: string, message: string): void {
    const cause = Object.assign(new Error(message), { name: code, $metadata: { httpStatusCode: 400 } });
    const error = asStoreError(cause, { store: this.#in.store, op: 'purge', key: item.key });
    if (error instanceof StoreError && error.kind === 'absent') item.resolve();
    else item.reject(error);
  }

  async #one(key: string, version: string, signal?: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand({ ...this.#in.named(key), VersionId: version });
    try {
      await this.#in.send('purge', key, () => this.#in.client.send(command, http({ signal })));
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    }
  }
}
