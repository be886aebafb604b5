import { createHash, type Hash } from 'node:crypto';
import { GetObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import {
  type Attributes,
  type CallOptions,
  type ObjectHead,
  type Part,
  type PartLimits,
  type PartStore,
  StoreError,
} from '../store.ts';
import { readerBody, uploadStream } from './body.ts';
import { type Bucket, http } from './bucket.ts';
import type { AnswerBody } from './hot/exchange.ts';

const MIB = 1024 ** 2;
const PART = 64 * MIB;

/** A copy inside one bucket. */
export interface PartsCopy {
  /** What it is for, as errors tell it. */
  readonly op: string;
  /** The object whose bytes are copied, and the only state of it. */
  readonly from: { readonly key: string; readonly which: { readonly VersionId?: string; readonly IfMatch?: string } };
  readonly to: string;
  readonly size: number;
  readonly attributes: Attributes;
  /** The revision of the object that is there now; left out where none is. */
  readonly over: string | undefined;
  /** Hex SHA-256 that the whole must have, where it is known before. */
  readonly sha256?: string;
}

/** Bytes of each part, where few of them are enough. */
export function partSizeOf(size: number, limits: PartLimits): number {
  return Math.max(PART, Math.ceil(size / limits.most));
}

/**
 * Copies an object, or writes a version of it again as the newest one, part by part. MinIO keeps a key from being written while any
 * version of it is read, and from being read while a PUT with a condition comes in: one that feeds on the other would wait for ever. Parts
 * wait for neither. Nothing is held in memory. A crash leaves an unfinished upload; an error leaves none.
 *
 * @throws StoreError `digest` where the bytes have another SHA-256 than was asked for; `precondition` and `exists` as `PartStore.complete`.
 */
export async function copyInParts(
  bucket: Bucket,
  parts: PartStore,
  work: PartsCopy,
  options: CallOptions,
): Promise<ObjectHead> {
  const { op, to, size, attributes, over } = work;
  const partSize = partSizeOf(size, parts.limits);
  const upload = await parts.begin(to, { ...options, attributes });
  const whole = createHash('sha256');
  try {
    const done: (Part & { sha256: string })[] = [];
    for (let start = 0; start < size; start += partSize) {
      const range = { number: done.length + 1, start, end: Math.min(start + partSize, size) };
      done.push(await copyPart(bucket, work, upload, range, whole, options));
    }
    const sha256 = whole.digest('hex');
    if (work.sha256 !== undefined && work.sha256 !== sha256)
      throw bucket.error('digest', op, to, `what was read has SHA-256 ${sha256} where ${work.sha256} was expected`);
    return await parts.complete(to, upload, done, { ...options, ...(over === undefined ? {} : { over }) });
  } catch (error) {
    // Also when the command is stopped: else the bytes would lie there as an upload that nobody knows.
    await parts.abort(to, upload, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    const gone = over !== undefined && error instanceof StoreError && error.kind === 'absent';
    throw gone ? bucket.error('precondition', op, to, 'there is no object any more', error) : error;
  }
}

async function copyPart(
  bucket: Bucket,
  { op, from, to }: PartsCopy,
  upload: string,
  { number, start, end }: { readonly number: number; readonly start: number; readonly end: number },
  whole: Hash,
  options: CallOptions,
): Promise<Part & { sha256: string }> {
  const at = { store: bucket.store, op, key: to };
  const size = end - start;
  const read = new GetObjectCommand({ ...bucket.at(from.key), ...from.which, Range: `bytes=${start}-${end - 1}` });
  const output = await bucket.send(op, from.key, () => bucket.client.send(read, http(options)));
  const source = output.Body as AnswerBody;
  const hash = createHash('sha256');
  const breaking = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, breaking.signal]) : breaking.signal;
  const { body } = readerBody(source, size, at, options.signal);
  const stream = uploadStream(hashed(body, hash, whole), size, at, (error) => breaking.abort(error));
  const write = new UploadPartCommand({
    ...bucket.named(to),
    UploadId: upload,
    PartNumber: number,
    Body: stream,
    ContentLength: size,
    ChecksumAlgorithm: 'SHA256',
    ...bucket.encryption.touch,
  });
  try {
    const { ETag: tag = '' } = await bucket.send(op, to, () => bucket.client.send(write, http({ signal })));
    return { number, size, tag, sha256: hash.digest('hex') };
  } catch (error) {
    throw breaking.signal.aborted ? breaking.signal.reason : error;
  } finally {
    stream.destroy();
    source.destroy();
  }
}

async function* hashed(body: AsyncIterable<Uint8Array>, hash: Hash, whole: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    hash.update(chunk);
    whole.update(chunk);
    yield chunk;
  }
}
