import { PutObjectCommand } from '@aws-sdk/client-s3';
import { sha256Hex } from '../../base/digest.ts';
import type { Body, ObjectHead, WriteOptions } from '../store.ts';
import { attributeInput } from './attributes.ts';
import { uploadStream } from './body.ts';
import { type Bucket, http } from './bucket.ts';
import { revisionOf } from './facts.ts';

/** The most that one PutObject takes. */
const LARGEST_PUT = 5 * 1024 ** 3;

/** One PutObject under a condition, with a SHA-256 that the server checks: before the bytes of a whole body, behind those of a stream. */
export async function putObject(
  bucket: Bucket,
  op: string,
  key: string,
  body: Body,
  options: WriteOptions,
  condition: { readonly IfMatch?: string; readonly IfNoneMatch?: string },
): Promise<ObjectHead> {
  const at = { store: bucket.store, op, key };
  if (options.size > LARGEST_PUT)
    throw bucket.error('unsupported', op, key, 'it is larger than the 5 GiB that one PUT takes; it has to go in parts');
  const whole = body instanceof Uint8Array ? checked(bucket, op, key, body, options) : undefined;
  const breaking = new AbortController();
  const broke = (error: unknown): void => breaking.abort(error);
  const stream = body instanceof Uint8Array ? undefined : uploadStream(body, options.size, at, broke);
  // A whole body cannot break, and a signal more costs.
  const signal = whole === undefined ? joinedSignal(options.signal, breaking.signal) : options.signal;
  const input = {
    ...bucket.named(key),
    ContentLength: options.size,
    ...bucket.encryption.write,
    ...attributeInput(bucket.store, key, options.attributes),
    ...condition,
    ...(whole === undefined
      ? { ChecksumAlgorithm: 'SHA256' as const }
      : { ChecksumSHA256: Buffer.from(whole, 'hex').toString('base64') }),
  };
  const command = new PutObjectCommand({ ...input, Body: stream ?? (body as Uint8Array) });
  try {
    const output = await bucket.send(op, key, () => bucket.client.send(command, http({ signal })));
    const sha256 =
      whole ??
      (output.ChecksumSHA256 === undefined ? undefined : Buffer.from(output.ChecksumSHA256, 'base64').toString('hex'));
    const head = {
      key,
      size: options.size,
      revision: revisionOf(output.ETag),
      modified: Date.now(),
      attributes: options.attributes ?? {},
    };
    const version = output.VersionId === undefined ? {} : { version: output.VersionId };
    return { ...head, ...version, ...(sha256 === undefined ? {} : { sha256 }) };
  } catch (error) {
    // What broke the body is why; the SDK only saw its request aborted.
    throw breaking.signal.aborted ? breaking.signal.reason : error;
  } finally {
    stream?.destroy();
  }
}

function joinedSignal(outer: AbortSignal | undefined, own: AbortSignal): AbortSignal {
  return outer === undefined ? own : AbortSignal.any([outer, own]);
}

/** The digest that goes along with a whole body. @throws StoreError where the caller's facts about it are wrong. */
function checked(bucket: Bucket, op: string, key: string, body: Uint8Array, options: WriteOptions): string {
  if (body.byteLength !== options.size) {
    throw bucket.error('cut', op, key, `the body has ${body.byteLength} bytes where ${options.size} were announced`);
  }
  // A wrong one is the server's to find: that is what it is sent for.
  return options.sha256 ?? sha256Hex(body);
}
