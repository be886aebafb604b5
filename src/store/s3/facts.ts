import { GetObjectTaggingCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { Attributes, CallOptions, ObjectHead } from '../store.ts';
import { type AttributeOutput, attributesOf } from './attributes.ts';
import { type Bucket, http } from './bucket.ts';
import { encryptedBy } from './encryption.ts';

type TaggedOutput = AttributeOutput & Pick<HeadObjectCommandOutput, 'TagCount' | 'VersionId'>;

/** An object's facts out of an answer. */
export async function headOf(
  bucket: Bucket,
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
    size: bucket.size('head', key, output.ContentLength),
    revision: revisionOf(output.ETag),
    modified: timeOf(output.LastModified),
    attributes: await attributesIn(bucket, key, output, options),
  };
  const sha256 = wholeDigest(output.ChecksumSHA256, output.ChecksumType);
  const composite = compositeDigest(output.ChecksumSHA256);
  const encrypted = encryptedBy(output);
  return {
    ...head,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(composite === undefined ? {} : { composite }),
    ...(encrypted === undefined ? {} : { encrypted }),
    ...(output.VersionId === undefined ? {} : { version: output.VersionId }),
  };
}

/** Tags come by a request of their own, which is made only where the answer counts any. */
export async function attributesIn(
  bucket: Bucket,
  key: string,
  output: TaggedOutput,
  options: CallOptions,
): Promise<Attributes> {
  if ((output.TagCount ?? 0) === 0) return attributesOf(output);
  const VersionId = output.VersionId;
  const input = { ...bucket.named(key), ...(VersionId === undefined ? {} : { VersionId }) };
  const tagged = await bucket.send('read the tags', key, () =>
    bucket.client.send(new GetObjectTaggingCommand(input), http(options)),
  );
  return attributesOf(output, tagged.TagSet);
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
export function wholeSize(contentRange: string | undefined): number {
  return Number(contentRange?.split('/')[1] ?? 0);
}

/** An ETag without its quotes. */
export function revisionOf(tag: string | undefined): string {
  return (tag ?? '').replaceAll('"', '');
}

/** Milliseconds since 1970; 0 where a server tells no time that there is. */
export function timeOf(date: Date | undefined): number {
  return date?.getTime() || 0;
}

/** A revision as a condition names it. */
export function etag(revision: string): string {
  return `"${revision}"`;
}
