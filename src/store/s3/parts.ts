import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  type ListPartsCommandOutput,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import {
  type BeginOptions,
  type CallOptions,
  type DigestedPart,
  type ObjectHead,
  type Part,
  type PartStore,
  StoreError,
  type Upload,
  type UploadListOptions,
} from '../store.ts';
import { attributeInput } from './attributes.ts';
import { type Bucket, http } from './bucket.ts';
import { headOf, timeOf } from './facts.ts';
import { CIRCLE, Forward, NOWHERE } from './forward.ts';
import { S3PartCopies } from './part-copies.ts';
import { spareNull } from './versioning.ts';

const MIB = 1024 ** 2;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MOST_PARTS = 10_000;

/** Multipart uploads (https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html), each part with its SHA-256. */
export class S3Parts implements PartStore {
  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
  readonly limits = { smallest: 5 * MIB, largest: 5 * 1024 * MIB, most: MOST_PARTS };
  readonly copies: S3PartCopies;
  readonly #in: Bucket;

  constructor(bucket: Bucket) {
    this.#in = bucket;
    this.copies = new S3PartCopies(bucket);
  }

  async begin(key: string, options: BeginOptions): Promise<string> {
    const command = new CreateMultipartUploadCommand({
      ...this.#in.named(key),
      ...attributeInput(this.#in.store, key, options.attributes),
      ...(options.digests === false ? {} : { ChecksumAlgorithm: 'SHA256' as const }),
      ...this.#in.encryption.write,
    });
    const output = await this.#in.send('begin upload', key, () => this.#in.client.send(command, http(options)));
    if (output.UploadId === undefined) throw this.#error('begin upload', key, 'the server named no upload');
    return output.UploadId;
  }

  async put(
    key: string,
    upload: string,
    number: number,
    bytes: Uint8Array,
    options: CallOptions & { readonly sha256: string },
  ): Promise<Part> {
    const command = new UploadPartCommand({
      ...this.#in.named(key),
      UploadId: upload,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.byteLength,
      ChecksumSHA256: base64(options.sha256),
      ...this.#in.encryption.touch,
    });
    const output = await this.#in.send(`upload part ${number}`, key, () =>
      this.#in.client.send(command, http(options)),
    );
    if (output.ETag === undefined) throw this.#error(`upload part ${number}`, key, 'the server named no ETag');
    return { number, size: bytes.byteLength, tag: output.ETag };
  }

  async list(key: string, upload: string, options: CallOptions = {}): Promise<readonly DigestedPart[] | undefined> {
    const parts: DigestedPart[] = [];
    const forward = new Forward();
    let marker: string | undefined;
    try {
      do {
        const at = marker === undefined ? {} : { PartNumberMarker: marker };
        const command: ListPartsCommand = new ListPartsCommand({ ...this.#in.at(key), UploadId: upload, ...at });
        const page: ListPartsCommandOutput = await this.#in.send('list parts', key, () =>
          this.#in.client.send(command, http(options)),
        );
        for (const { PartNumber, Size, ETag, ChecksumSHA256 } of page.Parts ?? []) {
          if (PartNumber === undefined) continue;
          const sha256 = ChecksumSHA256 === undefined ? {} : { sha256: hexOf(ChecksumSHA256) };
          parts.push({ number: PartNumber, size: this.#in.size('list parts', key, Size), tag: ETag ?? '', ...sha256 });
        }
        marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
        if (marker !== undefined && (parts.length > MOST_PARTS || !forward.mayGoTo(marker)))
          throw this.#in.error('other', 'list parts', key, CIRCLE);
      } while (marker !== undefined);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') return undefined;
      throw error;
    }
    return parts;
  }

  async complete(
    key: string,
    upload: string,
    parts: readonly DigestedPart[],
    options: CallOptions & { readonly over?: string; readonly overNull?: string } = {},
  ): Promise<ObjectHead> {
    const { over } = options;
    await spareNull(this.#in, 'complete upload', key, options);
    const Parts = parts.map(({ number, tag, sha256 }) => ({
      PartNumber: number,
      ETag: tag,
      ...(sha256 === undefined ? {} : { ChecksumSHA256: base64(sha256) }),
    }));
    const command = new CompleteMultipartUploadCommand({
      ...this.#in.named(key),
      UploadId: upload,
      MultipartUpload: { Parts },
      ...this.#in.encryption.touch,
      ...(over === undefined ? { IfNoneMatch: '*' } : { IfMatch: `"${over}"` }),
    });
    try {
      await this.#in.send('complete upload', key, () => this.#in.client.send(command, http(options)));
    } catch (error) {
      if (over !== undefined || !(error instanceof StoreError && error.kind === 'precondition')) throw error;
      throw new StoreError({
        kind: 'exists',
        store: this.#in.store,
        op: 'complete upload',
        key,
        why: 'there is an object already',
        cause: error,
      });
    }
    // A server may answer 200 before it is done, and with an error in the body: what counts is what is there.
    const head = await this.#head(key, options);
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    if (head?.size !== size)
      throw this.#error(
        'complete upload',
        key,
        `the server said it was done, but has ${head?.size ?? 'no'} of ${size} bytes`,
      );
    return head;
  }

  async abort(key: string, upload: string, options: CallOptions = {}): Promise<void> {
    const command = new AbortMultipartUploadCommand({ ...this.#in.named(key), UploadId: upload });
    try {
      await this.#in.send('abort upload', key, () => this.#in.client.send(command, http(options)));
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    }
  }

  async uploads(key: string, options: CallOptions = {}): Promise<readonly Upload[]> {
    const { Bucket, Key } = this.#in.named(key);
    // Asked for by the exact key: MinIO knows no other prefix.
    const command = new ListMultipartUploadsCommand({ Bucket, Prefix: Key, EncodingType: 'url' });
    const page = await this.#in.send('list uploads', key, () => this.#in.client.send(command, http(options)));
    const isMine = (text = ''): boolean => this.#in.told('list uploads', text, page.EncodingType === 'url') === Key;
    return (page.Uploads ?? []).flatMap(({ Key: found, UploadId, Initiated }) =>
      isMine(found) && UploadId !== undefined ? [{ key, id: UploadId, begun: timeOf(Initiated) }] : [],
    );
  }

  async *all(options: UploadListOptions): AsyncGenerator<readonly Upload[]> {
    const { after, unprefixed } = options;
    const prefix = this.#in.prefix + options.prefix;
    const forward = new Forward();
    let at: UploadMarker | undefined = after && { KeyMarker: this.#in.prefix + after.key, UploadIdMarker: after.id };
    do {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket: this.#in.name,
        EncodingType: 'url',
        ...(unprefixed === true ? {} : { Prefix: prefix }),
        ...at,
      });
      const page: ListMultipartUploadsCommandOutput = await this.#in.send('list uploads', undefined, () =>
        this.#in.client.send(command, http(options)),
      );
      const told = (text = ''): string => this.#in.told('list uploads', text, page.EncodingType === 'url');
      yield (page.Uploads ?? []).flatMap(({ Key, UploadId, Initiated }) => {
        const key = told(Key);
        if (!key.startsWith(prefix) || UploadId === undefined) return [];
        return [{ key: key.slice(this.#in.prefix.length), id: UploadId, begun: timeOf(Initiated) }];
      });
      at = this.#onward(page, told(page.NextKeyMarker));
      if (at !== undefined && !forward.mayGoTo(JSON.stringify(at)))
        throw this.#in.error('other', 'list uploads', undefined, CIRCLE);
    } while (at !== undefined);
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html: a key has any number of uploads, so both markers count. */
  #onward(page: ListMultipartUploadsCommandOutput, KeyMarker: string): UploadMarker | undefined {
    if (page.IsTruncated !== true) return undefined;
    const UploadIdMarker = page.NextUploadIdMarker ?? '';
    if (KeyMarker === '') throw this.#in.error('other', 'list uploads', undefined, NOWHERE);
    return UploadIdMarker === '' ? { KeyMarker } : { KeyMarker, UploadIdMarker };
  }

  /** What is at the key, asked for anew. */
  async #head(key: string, options: CallOptions): Promise<ObjectHead | undefined> {
    const command = new HeadObjectCommand({ ...this.#in.at(key), ChecksumMode: 'ENABLED' });
    try {
      const output = await this.#in.ask('head', key, () => this.#in.client.send(command, http(options)));
      return await headOf(this.#in, key, output, options);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  #error(op: string, key: string, why: string): StoreError {
    return new StoreError({ kind: 'transient', store: this.#in.store, op, key, why });
  }
}

interface UploadMarker {
  readonly KeyMarker: string;
  readonly UploadIdMarker?: string;
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}

function hexOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}
