import { UploadPartCopyCommand, type UploadPartCopyCommandInput } from '@aws-sdk/client-s3';
import {
  type CallOptions,
  type DigestedPart,
  type PartCopies,
  type PartSource,
  type Store,
  StoreError,
} from '../store.ts';
import { Bucket, http } from './bucket.ts';
import type { Encryption } from './encryption.ts';
import { etag } from './facts.ts';

/**
 * Parts that the server copies out of another bucket of its own (https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html).
 * CopyObject is not used: its write can be told no condition, so that it would overwrite.
 */
export class S3PartCopies implements PartCopies {
  readonly #in: Bucket;
  #digests = true;

  constructor(bucket: Bucket) {
    this.#in = bucket;
  }

  get digests(): boolean {
    return this.#digests;
  }

  /** With other credentials the server might not let this store's read the source, so only equal ones count. */
  able(source: Store): boolean {
    return source.copySource instanceof Bucket && source.copySource.access === this.#in.access;
  }

  async put(
    key: string,
    upload: string,
    number: number,
    source: PartSource,
    options: CallOptions & { readonly digests: boolean },
  ): Promise<DigestedPart> {
    const op = `copy part ${number}`;
    const from = source.store.copySource;
    if (!(from instanceof Bucket)) throw this.#in.error('unsupported', op, key, `${source.store.name} is no bucket`);
    const { range } = source;
    const command = new UploadPartCopyCommand({
      ...this.#in.named(key),
      UploadId: upload,
      PartNumber: number,
      CopySource: pathOf(from.named(source.key)),
      CopySourceIfMatch: etag(source.revision),
      ...(range === undefined ? {} : { CopySourceRange: `bytes=${range.start}-${range.end - 1}` }),
      ...copySourceKey(from.encryption),
      ...this.#in.encryption.touch,
    });
    const result = await this.#asked(options.digests, () =>
      // The SDK finds an error that comes with a 200: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
      this.#in.send(op, key, () => this.#in.client.send(command, http(options))),
    );
    const { ETag: tag, ChecksumSHA256: digest } = result.CopyPartResult ?? {};
    if (tag === undefined) throw this.#in.error('transient', op, key, 'the server named no ETag');
    const part = { number, size: source.size, tag };
    if (!options.digests) return part;
    if (digest === undefined) {
      this.#digests = false;
      throw this.#in.error('unsupported', op, key, 'the server gives no SHA-256 of parts that it copies');
    }
    return { ...part, sha256: Buffer.from(digest, 'base64').toString('hex') };
  }

  /** MinIO refuses to copy into an upload that has checksums, as a bad request like any other. */
  async #asked<T>(digests: boolean, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      const refused = error instanceof StoreError && (error.kind === 'other' || error.kind === 'unsupported');
      if (digests && refused) this.#digests = false;
      throw error;
    }
  }
}

/** The header's value is a path, and URL-encoded like one. */
function pathOf({ Bucket: bucket, Key }: { readonly Bucket: string; readonly Key: string }): string {
  return `${bucket}/${Key.split('/').map(encodeURIComponent).join('/')}`;
}

function copySourceKey({ touch }: Encryption): Partial<UploadPartCopyCommandInput> {
  if (touch.SSECustomerKey === undefined) return {};
  return {
    CopySourceSSECustomerAlgorithm: touch.SSECustomerAlgorithm,
    CopySourceSSECustomerKey: touch.SSECustomerKey,
    CopySourceSSECustomerKeyMD5: touch.SSECustomerKeyMD5,
  };
}
