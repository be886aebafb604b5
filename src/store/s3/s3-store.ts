import type { Readable } from 'node:stream';
import {
  type _Object,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { ATTRIBUTE_NAMES } from '../../base/attribute-names.ts';
import { sha256Hex } from '../../base/digest.ts';
import type { S3StoreSpec } from '../../plan/types.ts';
import {
  type Attributes,
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
  type StoreErrorKind,
  type WriteOptions,
} from '../store.ts';
import { type AttributeOutput, attributeInput, attributesOf } from './attributes.ts';
import { readerBody, uploadStream } from './body.ts';
import { type Encryption, encryptedBy } from './encryption.ts';
import { asStoreError } from './errors.ts';
import { decodeListed, fullKey } from './keys.ts';
import { S3Parts } from './parts.ts';

/** The most that one PutObject takes. */
const LARGEST_PUT = 5 * 1024 ** 3;

/** A bucket, or a prefix in one, over the S3 API (https://docs.aws.amazon.com/AmazonS3/latest/API/). A revision is an ETag. */
export class S3Store implements Store {
  readonly name: string;
  readonly kind = 's3';
  readonly location: string;
  readonly parts: PartStore;
  readonly holds = new Set(ATTRIBUTE_NAMES);
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #encryption: Encryption;
  /** `undefined` where the server would not say. */
  #versioned: boolean | undefined;

  constructor(spec: S3StoreSpec, client: S3Client, encryption: Encryption) {
    this.#encryption = encryption;
    this.name = spec.name;
    const host = spec.endpoint === undefined ? `${spec.region}.amazonaws.com` : new URL(spec.endpoint).host;
    this.location = `s3://${host}/${spec.bucket}/${spec.prefix}`;
    this.#client = client;
    this.#bucket = spec.bucket;
    this.#prefix = spec.prefix;
    this.parts = new S3Parts({
      store: this.name,
      client,
      bucket: spec.bucket,
      encryption,
      full: (key) => this.#full(key),
      send: (op, key, request) => this.#send(op, key, request),
      head: (key, options) => this.head(key, options),
    });
  }

  /** Never makes a bucket: where it would lie is for an operator to decide. */
  async open({ signal }: { readonly create: boolean; readonly signal?: AbortSignal }): Promise<void> {
    try {
      await this.#send('open', undefined, () =>
        this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }), this.#http(signal)),
      );
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
      throw this.#error('missing', 'open', undefined, `there is no bucket ${this.#bucket}`, error);
    }
    this.#versioned = await this.#isVersioned(signal);
  }

  async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    const { prefix = '', after, signal } = options;
    let token: string | undefined;
    do {
      const input = {
        Bucket: this.#bucket,
        Prefix: this.#prefix + prefix,
        EncodingType: 'url' as const,
        ...(token === undefined ? {} : { ContinuationToken: token }),
        ...(after === undefined || token !== undefined ? {} : { StartAfter: this.#prefix + after }),
      };
      const page = await this.#send('list', undefined, () =>
        this.#client.send(new ListObjectsV2Command(input), this.#http(signal)),
      );
      // Not every server encodes when asked to; it then does not say that it did.
      const encoded = page.EncodingType === 'url';
      yield (page.Contents ?? []).flatMap((item) => this.#entry(item, encoded));
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (page.IsTruncated === true && (token === undefined || token === '')) {
        throw this.#error('other', 'list', undefined, 'the server says that there is more but not where it goes on');
      }
    } while (token !== undefined);
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    const input = { ...this.#at(key), ChecksumMode: 'ENABLED' as const };
    try {
      const output = await this.#send('head', key, () =>
        this.#client.send(new HeadObjectCommand(input), this.#http(options.signal)),
      );
      return await this.#headOf(key, output, options);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectReader> {
    const { range, revision, signal } = options;
    const input = {
      ...this.#at(key),
      ...(range === undefined
        ? { ChecksumMode: 'ENABLED' as const }
        : { Range: `bytes=${range.start}-${range.end - 1}` }),
      ...(revision === undefined ? {} : { IfMatch: etag(revision) }),
    };
    const output = await this.#send('read', key, () =>
      this.#client.send(new GetObjectCommand(input), this.#http(signal)),
    );
    const body = output.Body as Readable;
    // The head of a part is of the whole object; its tags are not asked for again with each.
    const whole =
      range === undefined ? output : { ...output, TagCount: 0, ContentLength: wholeSize(output.ContentRange) };
    const head = await this.#orDestroy(body, this.#headOf(key, whole, options));
    const at = { store: this.name, op: 'read', key };
    return { head, ...readerBody(body, output.ContentLength ?? 0, at, signal) };
  }

  async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    try {
      return await this.#put('create', key, body, options, { IfNoneMatch: '*' });
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
      throw this.#error('exists', 'create', key, 'there is an object already', error);
    }
  }

  async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    try {
      const kept = this.#versioned === true ? await this.#versionOf(key, revision, options) : undefined;
      const head = await this.#put('replace', key, body, options, { IfMatch: etag(revision) });
      return kept === undefined ? { head } : { head, kept };
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
      throw this.#error('precondition', 'replace', key, 'there is no object any more', error);
    }
  }

  /** Only the server knows the id of a version before it is hidden. */
  keptToken(): undefined {
    return undefined;
  }

  async headKept(key: string, kept: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    const input = { ...this.#at(key), VersionId: kept, ChecksumMode: 'ENABLED' as const };
    try {
      const output = await this.#send('head kept', key, () =>
        this.#client.send(new HeadObjectCommand(input), this.#http(options.signal)),
      );
      return await this.#headOf(key, output, options);
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
    const input = { ...this.#at(key), VersionId: kept };
    const old = await this.#send('reinstate', key, () =>
      this.#client.send(new GetObjectCommand(input), this.#http(options.signal)),
    );
    const size = old.ContentLength ?? 0;
    const at = { store: this.name, op: 'reinstate', key };
    const attributes = await this.#orDestroy(old.Body as Readable, this.#attributesOf(key, old, options));
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
    const head = await this.#send('remove', key, () =>
      this.#client.send(new HeadObjectCommand(this.#at(key)), this.#http(options.signal)),
    );
    if (revisionOf(head.ETag) !== revision)
      throw this.#error('precondition', 'remove', key, 'it is another object by now');
    const versions = head.VersionId === undefined ? [undefined] : await this.#versionsOf(key, options);
    for (const version of versions) {
      const input = {
        Bucket: this.#bucket,
        Key: this.#full(key),
        ...(version === undefined ? {} : { VersionId: version }),
      };
      await this.#send('remove', key, () =>
        this.#client.send(new DeleteObjectCommand(input), this.#http(options.signal)),
      );
    }
  }

  /** The ids of all versions of one key, oldest first: cut off between two, the newest is still the object. */
  async #versionsOf(key: string, options: CallOptions): Promise<string[]> {
    const Prefix = this.#full(key);
    const ids: string[] = [];
    let marker: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } | undefined = {};
    while (marker !== undefined) {
      const command: ListObjectVersionsCommand = new ListObjectVersionsCommand({
        Bucket: this.#bucket,
        Prefix,
        ...marker,
      });
      const page = await this.#send('remove', key, () => this.#client.send(command, this.#http(options.signal)));
      const mine = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].filter(({ Key }) => Key === Prefix);
      ids.push(...mine.flatMap(({ VersionId }) => VersionId ?? []));
      // Versions of one key come together, and the key itself before all that only begin with it.
      const more = page.IsTruncated === true && page.NextKeyMarker === Prefix;
      marker = more
        ? { KeyMarker: Prefix, ...(page.NextVersionIdMarker && { VersionIdMarker: page.NextVersionIdMarker }) }
        : undefined;
    }
    return ids.reverse();
  }

  async sweep(): Promise<void> {}

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #put(
    op: string,
    key: string,
    body: Body,
    options: WriteOptions,
    condition: { readonly IfMatch?: string; readonly IfNoneMatch?: string },
  ): Promise<ObjectHead> {
    const at = { store: this.name, op, key };
    if (options.size > LARGEST_PUT)
      throw this.#error(
        'unsupported',
        op,
        key,
        'it is larger than the 5 GiB that one PUT takes; it has to go in parts',
      );
    const whole = body instanceof Uint8Array ? this.#checked(op, key, body, options) : undefined;
    const breaking = new AbortController();
    const broke = (error: unknown): void => breaking.abort(error);
    const stream = body instanceof Uint8Array ? undefined : uploadStream(body, options.size, at, broke);
    const signal = options.signal ? AbortSignal.any([options.signal, breaking.signal]) : breaking.signal;
    const input = {
      Bucket: this.#bucket,
      Key: this.#full(key),
      ContentLength: options.size,
      ...this.#encryption.write,
      ...attributeInput(this.name, key, options.attributes),
      ...condition,
      ...(whole === undefined
        ? { ChecksumAlgorithm: 'SHA256' as const }
        : { ChecksumSHA256: Buffer.from(whole, 'hex').toString('base64') }),
    };
    const command = new PutObjectCommand({ ...input, Body: stream ?? (body as Uint8Array) });
    try {
      const output = await this.#send(op, key, () => this.#client.send(command, this.#http(signal)));
      const sha256 =
        whole ??
        (output.ChecksumSHA256 === undefined
          ? undefined
          : Buffer.from(output.ChecksumSHA256, 'base64').toString('hex'));
      const head = {
        key,
        size: options.size,
        revision: revisionOf(output.ETag),
        modified: Date.now(),
        attributes: options.attributes ?? {},
      };
      return sha256 === undefined ? head : { ...head, sha256 };
    } catch (error) {
      // What broke the body is why; the SDK only saw its request aborted.
      throw breaking.signal.aborted ? breaking.signal.reason : error;
    } finally {
      stream?.destroy();
    }
  }

  /** The digest that goes along with a whole body. @throws StoreError where the caller's facts about it are wrong. */
  #checked(op: string, key: string, body: Uint8Array, options: WriteOptions): string {
    if (body.byteLength !== options.size) {
      throw this.#error('cut', op, key, `the body has ${body.byteLength} bytes where ${options.size} were announced`);
    }
    // A wrong one is the server's to find: that is what it is sent for.
    return options.sha256 ?? sha256Hex(body);
  }

  async #versionOf(key: string, revision: string, options: CallOptions): Promise<string | undefined> {
    const input = this.#at(key);
    const head = await this.#send('replace', key, () =>
      this.#client.send(new HeadObjectCommand(input), this.#http(options.signal)),
    );
    if (revisionOf(head.ETag) !== revision)
      throw this.#error('precondition', 'replace', key, 'it is another object by now');
    return head.VersionId;
  }

  async #isVersioned(signal: AbortSignal | undefined): Promise<boolean | undefined> {
    try {
      const command = new GetBucketVersioningCommand({ Bucket: this.#bucket });
      const output = await this.#send('open', undefined, () => this.#client.send(command, this.#http(signal)));
      return output.Status === 'Enabled';
    } catch (error) {
      if (error instanceof StoreError && !error.passing) return undefined;
      throw error;
    }
  }

  #entry(item: _Object, encoded: boolean): ListEntry[] {
    const key = (encoded ? decodeListed(item.Key ?? '') : (item.Key ?? '')).slice(this.#prefix.length);
    if (key === '') return nameless(item);
    return [
      { key, size: item.Size ?? 0, revision: revisionOf(item.ETag), modified: item.LastModified?.getTime() ?? 0 },
    ];
  }

  async #headOf(
    key: string,
    output: Pick<
      HeadObjectCommandOutput,
      | 'ContentLength'
      | 'ETag'
      | 'LastModified'
      | 'ChecksumSHA256'
      | 'ChecksumType'
      | 'ServerSideEncryption'
      | 'SSECustomerAlgorithm'
    > &
      TaggedOutput,
    options: CallOptions,
  ): Promise<ObjectHead> {
    const head = {
      key,
      size: output.ContentLength ?? 0,
      revision: revisionOf(output.ETag),
      modified: output.LastModified?.getTime() ?? 0,
      attributes: await this.#attributesOf(key, output, options),
    };
    const sha256 = wholeDigest(output.ChecksumSHA256, output.ChecksumType);
    const composite = compositeDigest(output.ChecksumSHA256);
    const encrypted = encryptedBy(output);
    return {
      ...head,
      ...(sha256 === undefined ? {} : { sha256 }),
      ...(composite === undefined ? {} : { composite }),
      ...(encrypted === undefined ? {} : { encrypted }),
    };
  }

  /** Names an object in a request for it. */
  #at(key: string) {
    return { Bucket: this.#bucket, Key: this.#full(key), ...this.#encryption.touch };
  }

  /** Tags come by a request of their own, which is made only where the answer counts any. */
  async #attributesOf(key: string, output: TaggedOutput, options: CallOptions): Promise<Attributes> {
    if ((output.TagCount ?? 0) === 0) return attributesOf(output);
    const VersionId = output.VersionId;
    const input = { Bucket: this.#bucket, Key: this.#full(key), ...(VersionId === undefined ? {} : { VersionId }) };
    const tagged = await this.#send('read the tags', key, () =>
      this.#client.send(new GetObjectTaggingCommand(input), this.#http(options.signal)),
    );
    return attributesOf(output, tagged.TagSet);
  }

  /** A body that nobody will read does not keep its connection. */
  async #orDestroy<T>(body: Readable, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  #full(key: string): string {
    return fullKey(this.name, this.#prefix, key);
  }

  #http(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
    return signal === undefined ? {} : { abortSignal: signal };
  }

  async #send<T>(op: string, key: string | undefined, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw asStoreError(error, { store: this.name, op, ...(key === undefined ? {} : { key }) });
    }
  }

  #error(kind: StoreErrorKind, op: string, key: string | undefined, why: string, cause?: unknown): StoreError {
    return new StoreError({
      kind,
      store: this.name,
      op,
      why,
      ...(key === undefined ? {} : { key }),
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

type TaggedOutput = AttributeOutput & Pick<HeadObjectCommandOutput, 'TagCount' | 'VersionId'>;

/** An object whose key is the store's prefix itself has none in this store. Empty, it is what consoles make of a folder. */
function nameless(item: _Object): ListEntry[] {
  if (item.Size === 0) return [];
  const why = "its key is the store's prefix itself";
  return [{ key: '', size: item.Size ?? 0, revision: revisionOf(item.ETag), modified: 0, unusable: why }];
}

/** SHA-256 of the whole object as hex; a composite one (`…-3`, of parts) is something else. */
function wholeDigest(base64: string | undefined, type: string | undefined): string | undefined {
  if (base64 === undefined || base64.includes('-') || type === 'COMPOSITE') return undefined;
  return Buffer.from(base64, 'base64').toString('hex');
}

/** `<base64>-<parts>` as hex and the number. */
function compositeDigest(text: string | undefined): string | undefined {
  const [base64, parts] = text?.split('-') ?? [];
  return base64 === undefined || parts === undefined
    ? undefined
    : `${Buffer.from(base64, 'base64').toString('hex')}-${parts}`;
}

/** The size in `Content-Range: bytes 0-9/1234` (RFC 9110 section 14.4). */
function wholeSize(contentRange: string | undefined): number {
  return Number(contentRange?.split('/')[1] ?? 0);
}

export function revisionOf(tag: string | undefined): string {
  return (tag ?? '').replaceAll('"', '');
}

function etag(revision: string): string {
  return `"${revision}"`;
}
