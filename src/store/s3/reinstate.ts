import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { GetObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { type Attributes, type CallOptions, type ObjectHead, type Part, type PartStore, StoreError } from '../store.ts';
import { readerBody, uploadStream } from './body.ts';
import { type Bucket, http } from './bucket.ts';

const MIB = 1024 ** 2;
const PART = 64 * MIB;

export interface Reinstated {
  readonly key: string;
  /** The id of the version whose bytes become the object again. */
  readonly version: string;
  readonly size: number;
  readonly attributes: Attributes;
  /** The revision of the object that is there now; left out where none is. */
  readonly over: string | undefined;
}

/**
 * Writes a version again as the newest one, part by part. MinIO keeps a key from being written while any version of it is read, and
 * from being read while a PUT with a condition comes in: one that feeds on the other would wait for ever. Parts wait for neither.
 * Nothing is held in memory. A crash leaves an unfinished upload; an error leaves none.
 */
export async function reinstateInParts(
  bucket: Bucket,
  parts: PartStore,
  work: Reinstated,
  options: CallOptions,
): Promise<ObjectHead> {
  const { key, size, attributes, over } = work;
  const partSize = Math.max(PART, Math.ceil(size / parts.limits.most));
  const upload = await parts.begin(key, { ...options, attributes });
  try {
    const done: (Part & { sha256: string })[] = [];
    for (let start = 0; start < size; start += partSize) {
      const range = { number: done.length + 1, start, end: Math.min(start + partSize, size) };
      done.push(await copyPart(bucket, work, upload, range, options));
    }
    return await parts.complete(key, upload, done, { ...options, ...(over === undefined ? {} : { over }) });
  } catch (error) {
    // Also when the command is stopped: else the bytes would lie there as an upload that nobody knows.
    await parts.abort(key, upload, { signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
    const gone = over !== undefined && error instanceof StoreError && error.kind === 'absent';
    throw gone ? bucket.error('precondition', 'reinstate', key, 'there is no object any more', error) : error;
  }
}

async function copyPart(
  bucket: Bucket,
  { key, version }: Reinstated,
  upload: string,
  { number, start, end }: { readonly number: number; readonly start: number; readonly end: number },
  options: CallOptions,
): Promise<Part & { sha256: string }> {
  const at = { store: bucket.store, op: 'reinstate', key };
  const size = end - start;
  const read = new GetObjectCommand({ ...bucket.at(key), VersionId: version, Range: `bytes=${start}-${end - 1}` });
  const output = await bucket.send('reinstate', key, () => bucket.client.send(read, http(options)));
  const source = output.Body as Readable;
  const hash = createHash('sha256');
  const breaking = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, breaking.signal]) : breaking.signal;
  const { body } = readerBody(source, size, at, options.signal);
  const stream = uploadStream(hashed(body, hash), size, at, (error) => breaking.abort(error));
  const write = new UploadPartCommand({
    ...bucket.named(key),
    UploadId: upload,
    PartNumber: number,
    Body: stream,
    ContentLength: size,
    ChecksumAlgorithm: 'SHA256',
    ...bucket.encryption.touch,
  });
  try {
    const { ETag: tag = '' } = await bucket.send('reinstate', key, () => bucket.client.send(write, http({ signal })));
    return { number, size, tag, sha256: hash.digest('hex') };
  } catch (error) {
    throw breaking.signal.aborted ? breaking.signal.reason : error;
  } finally {
    stream.destroy();
    source.destroy();
  }
}

async function* hashed(
  body: AsyncIterable<Uint8Array>,
  hash: { update(chunk: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}
