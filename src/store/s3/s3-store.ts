import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { ATTRIBUTE_NAMES } from '../../base/attribute-names.ts';
import type { S3StoreSpec } from '../../plan/types.ts';
import {
  type Body,
  type CallOptions,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type PartStore,
  type ReadOptions,
  type Replaced,
  type Store,
  StoreError,
  type WriteOptions,
} from '../store.ts';
import { readerBody } from './body.ts';
import { Bucket, http } from './bucket.ts';
import type { Encryption } from './encryption.ts';
import { attributesIn, etag, headOf, revisionOf, wholeSize } from './facts.ts';
import { listBucket, versionsOf } from './list.ts';
import { S3Parts } from './parts.ts';
import { putObject } from './put.ts';

/** A bucket, or a prefix in one, over the S3 API (https://docs.aws.amazon.com/AmazonS3/latest/API/). A revision is an ETag. */
export class S3Store implements Store {
  readonly name: string;
  readonly kind = 's3';
  readonly location: string;
  readonly parts: PartStore;
  readonly holds = new Set(ATTRIBUTE_NAMES);
  readonly #in: Bucket;
  /** `undefined` where the server would not say. */
  #versioned: boolean | undefined;

  constructor(spec: S3StoreSpec, client: S3Client, encryption: Encryption) {
    this.name = spec.name;
    const host = spec.endpoint === undefined ? `${spec.region}.amazonaws.com` : new URL(spec.endpoint).host;
    this.location = `s3://${host}/${spec.bucket}/${spec.prefix}`;
    this.#in = new Bucket(spec, client, encryption);
    this.parts = new S3Parts(this.#in);
  }

  /** Never makes a bucket: where it would lie is for an operator to decide. */
  async open({ signal }: { readonly create: boolean; readonly signal?: AbortSignal }): Promise<void> {
    try {
      await this.#in.send('open', undefined, () =>
        this.#in.client.send(new HeadBucketCommand({ Bucket: this.#in.name }), http({ signal })),
      );
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
      throw this.#in.error('missing', 'open', undefined, `there is no bucket ${this.#in.name}`, error);
    }
    this.#versioned = await this.#isVersioned(signal);
  }

  list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    return listBucket(this.#in, options);
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    const input = { ...this.#in.at(key), ChecksumMode: 'ENABLED' as const };
    try {
      const output = await this.#in.send('head', key, () =>
        this.#in.client.send(new HeadObjectCommand(input), http(options)),
      );
      return await headOf(this.#in, key, output, options);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectReader> {
    const { range, revision, signal } = options;
    const input = {
      ...this.#in.at(key),
      ...(range === undefined
        ? { ChecksumMode: 'ENABLED' as const }
        : { Range: `bytes=${range.start}-${range.end - 1}` }),
      ...(revision === undefined ? {} : { IfMatch: etag(revision) }),
    };
    const output = await this.#in.send('read', key, () =>
      this.#in.client.send(new GetObjectCommand(input), http({ signal })),
    );
    const body = output.Body as Readable;
    // The head of a part is of the whole object; its tags are not asked for again with each.
    const whole =
      range === undefined ? output : { ...output, TagCount: 0, ContentLength: wholeSize(output.ContentRange) };
    const head = await orDestroy(body, headOf(this.#in, key, whole, options));
    const at = { store: this.name, op: 'read', key };
    return { head, ...readerBody(body, output.ContentLength ?? 0, at, signal) };
  }

  async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    try {
      return await putObject(this.#in, 'create', key, body, options, { IfNoneMatch: '*' });
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
      throw this.#in.error('exists', 'create', key, 'there is an object already', error);
    }
  }

  async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    try {
      const kept = this.#versioned === true ? await this.#versionOf(key, revision, options) : undefined;
      const head = await putObject(this.#in, 'replace', key, body, options, { IfMatch: etag(revision) });
      return kept === undefined ? { head } : { head, kept };
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
      throw this.#in.error('precondition', 'replace', key, 'there is no object any more', error);
    }
  }

  /** Only the server knows the id of a version before it is hidden. */
  keptToken(): undefined {
    return undefined;
  }

  async headKept(key: string, kept: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    const input = { ...this.#in.at(key), VersionId: kept, ChecksumMode: 'ENABLED' as const };
    try {
      const output = await this.#in.send('head kept', key, () =>
        this.#in.client.send(new HeadObjectCommand(input), http(options)),
      );
      return await headOf(this.#in, key, output, options);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  /** The kept version becomes the newest one by being written again, since only a PUT can be told to replace nothing but the marker. */
  async reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options: CallOptions = {},
  ): Promise<ObjectHead> {
    const input = { ...this.#in.at(key), VersionId: kept };
    const old = await this.#in.send('reinstate', key, () =>
      this.#in.client.send(new GetObjectCommand(input), http(options)),
    );
    const size = old.ContentLength ?? 0;
    const at = { store: this.name, op: 'reinstate', key };
    const attributes = await orDestroy(old.Body as Readable, attributesIn(this.#in, key, old, options));
    const { body } = readerBody(old.Body as Readable, size, at, options.signal);
    const write = { ...options, size, attributes };
    return revision === undefined
      ? await this.create(key, body, write)
      : (await this.replace(key, revision, body, write)).head;
  }

  /**
   * For probe objects alone: MinIO ignores `If-Match` on DELETE, so nothing that anyone else may write can be removed this way. In a
   * versioned bucket every version of the key goes: a version that stayed would be the object again, and a marker would stay too.
   */
  async remove(key: string, revision: string, options: CallOptions = {}): Promise<void> {
    const head = await this.#in.send('remove', key, () =>
      this.#in.client.send(new HeadObjectCommand(this.#in.at(key)), http(options)),
    );
    if (revisionOf(head.ETag) !== revision)
      throw this.#in.error('precondition', 'remove', key, 'it is another object by now');
    const versions = head.VersionId === undefined ? [undefined] : await versionsOf(this.#in, key, options);
    for (const version of versions) {
      const input = {
        ...this.#in.named(key),
        ...(version === undefined ? {} : { VersionId: version }),
      };
      await this.#in.send('remove', key, () => this.#in.client.send(new DeleteObjectCommand(input), http(options)));
    }
  }

  async sweep(): Promise<void> {}

  async close(): Promise<void> {
    this.#in.client.destroy();
  }

  async #versionOf(key: string, revision: string, options: CallOptions): Promise<string | undefined> {
    const input = this.#in.at(key);
    const head = await this.#in.send('replace', key, () =>
      this.#in.client.send(new HeadObjectCommand(input), http(options)),
    );
    if (revisionOf(head.ETag) !== revision)
      throw this.#in.error('precondition', 'replace', key, 'it is another object by now');
    return head.VersionId;
  }

  async #isVersioned(signal: AbortSignal | undefined): Promise<boolean | undefined> {
    try {
      const command = new GetBucketVersioningCommand({ Bucket: this.#in.name });
      const output = await this.#in.send('open', undefined, () => this.#in.client.send(command, http({ signal })));
      return output.Status === 'Enabled';
    } catch (error) {
      if (error instanceof StoreError && !error.passing) return undefined;
      throw error;
    }
  }
}

/** A body that nobody will read does not keep its connection. */
async function orDestroy<T>(body: Readable, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    body.destroy();
    throw error;
  }
}
