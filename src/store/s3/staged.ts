import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
} from '@aws-sdk/client-s3';
import {
  type CallOptions,
  type DigestedPart,
  type ObjectHead,
  type ReinstateOptions,
  type StageOptions,
  type StagingStore,
  type Store,
  StoreError,
} from '../store.ts';
import { readerBody } from './body.ts';
import { type Bucket, http } from './bucket.ts';
import { attributesIn, etag, headOf } from './facts.ts';
import type { AnswerBody } from './hot/exchange.ts';
import type { S3Parts } from './parts.ts';
import { putObject } from './put.ts';
import { orDestroy, readObject } from './read.ts';
import { copyInParts, partSizeOf } from './reinstate.ts';
import { isStaged, keyOfToken, stagedKey, stagedToken } from './staged-key.ts';
import { historyOf } from './version-list.ts';
import { spareNull } from './versioning.ts';

export { isStaged } from './staged-key.ts';

/** Objects up to this many bytes are held in memory, so that their SHA-256 is known before they are written. */
const SMALL = 4 * 1024 ** 2;

/** Puts copies of objects aside in their own bucket, where a marker would overwrite the only bytes that are there. */
export class S3Staging implements StagingStore {
  readonly #store: Store;
  readonly #in: Bucket;
  readonly #parts: S3Parts;

  constructor(store: Store, bucket: Bucket, parts: S3Parts) {
    this.#store = store;
    this.#in = bucket;
    this.#parts = parts;
  }

  token(key: string, revision: string): string {
    return stagedToken(key, revision);
  }

  holds(kept: string): boolean {
    return isStaged(kept);
  }

  async stage(key: string, revision: string, options: StageOptions): Promise<ObjectHead> {
    await spareNull(this.#in, 'replace', key, options);
    const at = stagedKey(key, revision);
    const before = await this.#proven(at, options);
    if (before !== undefined) return { ...before, key };
    // What an attempt left that was cut off: an upload, or bytes that are not those.
    await dropStaged(this.#in, key, this.token(key, revision), options);
    if (options.size <= SMALL) await this.#small(key, revision, at, options);
    else await this.#large(key, revision, at, options);
    const made = await this.#proven(at, options);
    if (made !== undefined) return { ...made, key };
    const why = `the copy of it that was put aside as ${at} has not the SHA-256 ${options.sha256}`;
    throw this.#in.error('other', 'stage', key, why);
  }

  async #small(key: string, revision: string, at: string, options: StageOptions): Promise<void> {
    const { body } = await readObject(this.#in, 'stage', key, options, { IfMatch: etag(revision) });
    const bytes = Buffer.concat(await Array.fromAsync(body));
    const { size, sha256, attributes, signal } = options;
    if (createHash('sha256').update(bytes).digest('hex') !== sha256)
      throw this.#in.error('precondition', 'stage', key, 'it has other bytes by now');
    const write = { size, sha256, attributes, ...(signal === undefined ? {} : { signal }) };
    await putObject(this.#in, 'stage', at, bytes, write, { IfNoneMatch: '*' });
  }

  /** The server copies the bytes itself where it can; else they pass through, a part at a time. */
  async #large(key: string, revision: string, at: string, options: StageOptions): Promise<void> {
    const { size, attributes } = options;
    const from = { key, which: { IfMatch: etag(revision) } };
    if (await this.#served(key, revision, at, options)) return;
    await copyInParts(this.#in, this.#parts, { op: 'stage', from, to: at, size, attributes, over: undefined }, options);
  }

  async #served(key: string, revision: string, at: string, options: StageOptions): Promise<boolean> {
    const { size, attributes } = options;
    const partSize = partSizeOf(size, this.#parts.limits);
    const upload = await this.#parts.begin(at, { ...options, attributes, digests: false });
    try {
      const done: DigestedPart[] = [];
      for (let start = 0; start < size; start += partSize) {
        const end = Math.min(start + partSize, size);
        const range = { start, end };
        const source = { store: this.#store, key, revision, size: end - start, range };
        done.push(await this.#parts.copies.put(at, upload, done.length + 1, source, { ...options, digests: false }));
      }
      await this.#parts.complete(at, upload, done, options);
      return true;
    } catch (error) {
      await this.#parts.abort(at, upload, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
      const cannot = error instanceof StoreError && ['unsupported', 'other', 'denied'].includes(error.kind);
      if (cannot) return false;
      throw error;
    }
  }

  /** The copy's facts, where it has these bytes: by the server's word, if that is enough, else by reading them. */
  async #proven(at: string, { size, sha256, attested, signal }: StageOptions): Promise<ObjectHead | undefined> {
    const call = signal === undefined ? {} : { signal };
    const head = await headStaged(this.#in, at, call);
    if (head === undefined || head.size !== size) return undefined;
    if (attested && head.sha256 !== undefined) return head.sha256 === sha256 ? head : undefined;
    const { body } = await readObject(this.#in, 'read staged', at, call, { IfMatch: etag(head.revision) });
    const hash = createHash('sha256');
    for await (const chunk of body) hash.update(chunk);
    return hash.digest('hex') === sha256 ? head : undefined;
  }
}

/** Facts of the object under a staged copy's key. */
export async function headStaged(bucket: Bucket, at: string, options: CallOptions): Promise<ObjectHead | undefined> {
  const command = new HeadObjectCommand({ ...bucket.at(at), ChecksumMode: 'ENABLED' });
  try {
    const output = await bucket.ask('head staged', at, () => bucket.client.send(command, http(options)));
    return await headOf(bucket, at, output, options);
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'absent') return undefined;
    throw error;
  }
}

/**
 * Writes a staged copy over the marker, or where nothing is, under the condition that nothing else is there, and removes it then.
 *
 * @throws StoreError as `Store.reinstate`.
 */
export async function reinstateStaged(
  store: Store,
  bucket: Bucket,
  parts: S3Parts,
  key: string,
  { revision, kept }: { readonly revision: string | undefined; readonly kept: string },
  options: ReinstateOptions,
): Promise<ObjectHead> {
  const at = keyOfToken(kept);
  const get = new GetObjectCommand(bucket.at(at));
  const old = await bucket.ask('reinstate', at, () => bucket.client.send(get, http(options)));
  const source = old.Body as AnswerBody;
  const size = old.ContentLength ?? 0;
  const attributes = await orDestroy(source, attributesIn(bucket, at, old, options));
  let back: ObjectHead;
  if (size > SMALL) {
    source.destroy();
    const from = { key: at, which: old.ETag === undefined ? {} : { IfMatch: old.ETag } };
    const work = { op: 'reinstate', from, to: key, size, attributes, over: revision };
    const { sha256 } = options;
    back = await copyInParts(bucket, parts, sha256 === undefined ? work : { ...work, sha256 }, options);
  } else {
    const { body } = readerBody(source, size, { store: bucket.store, op: 'reinstate', key }, options.signal);
    const bytes = Buffer.concat(await Array.fromAsync(body));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (options.sha256 !== undefined && options.sha256 !== sha256) {
      throw bucket.error('digest', 'reinstate', key, `the copy of it that was put aside as ${at} has other bytes`);
    }
    const write = { ...options, size, sha256, attributes };
    back =
      revision === undefined
        ? await store.create(key, bytes, write)
        : (await store.replace(key, revision, bytes, write)).head;
  }
  await dropStaged(bucket, key, kept, options);
  return back;
}

/**
 * Removes a staged copy for good, and what is left of an upload of it; fine when it is gone. In a bucket that has come to keep versions
 * every version of it goes.
 *
 * @param kept a token for which `isStaged` holds.
 */
export async function dropStaged(bucket: Bucket, key: string, kept: string, options: CallOptions): Promise<void> {
  const at = keyOfToken(kept);
  await abortUploads(bucket, at, options);
  const keepsVersions = bucket.versioning === 'enabled' || bucket.versioning === 'suspended';
  const there = keepsVersions ? await historyOf(bucket, at, options) : [undefined];
  for (const state of there) {
    const input = { ...bucket.named(at), ...(state === undefined ? {} : { VersionId: state.version }) };
    try {
      await bucket.send('drop staged', key, () => bucket.client.send(new DeleteObjectCommand(input), http(options)));
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    }
  }
}

async function abortUploads(bucket: Bucket, at: string, options: CallOptions): Promise<void> {
  const { Bucket, Key } = bucket.named(at);
  const list = new ListMultipartUploadsCommand({ Bucket, Prefix: Key, EncodingType: 'url' });
  const page = await bucket.send('list uploads', at, () => bucket.client.send(list, http(options)));
  for (const { Key: found = '', UploadId } of page.Uploads ?? []) {
    if (bucket.told('list uploads', found, page.EncodingType === 'url') !== Key) continue;
    const command = new AbortMultipartUploadCommand({ Bucket, Key, UploadId });
    try {
      await bucket.send('abort upload', at, () => bucket.client.send(command, http(options)));
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    }
  }
}
