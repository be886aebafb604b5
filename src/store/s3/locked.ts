import { GetObjectCommand } from '@aws-sdk/client-s3';
import type { StoreError } from '../store.ts';
import type { Bucket } from './bucket.ts';
import { statusOf } from './errors.ts';
import type { AnswerBody } from './hot/exchange.ts';

/** How an object lies there, as a request without any key shows it. */
type Lock = 'none' | 'customer';

/** The trial has its own end, so that an error is told also where the server falls silent. */
const TRIAL_MS = 10_000;

/**
 * Why a request for an object was refused, where it is the key of SSE-C, or that there is none. A HEAD is refused without a word
 * (400 or 403, https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html), so the object is asked for once more: without
 * a key, by GET. Changes nothing.
 *
 * @returns `undefined` where it is something else.
 */
export async function whyLocked(
  bucket: Bucket,
  key: string,
  error: StoreError,
  version: string | undefined,
): Promise<string | undefined> {
  const status = error.cause instanceof Error ? statusOf(error.cause) : undefined;
  const { keyFrom } = bucket.encryption;
  // Without a key, 403 is about rights alone.
  if (status !== 400 && (status !== 403 || keyFrom === undefined)) return undefined;
  const lock = await lockOf(bucket, key, version);
  if (keyFrom === undefined) {
    if (lock !== 'customer') return undefined;
    return `the object is encrypted with a key of its writer's (SSE-C) and the plan gives none; set encryption: { type: SSE-C, keyEnv: NAME } in stores.${bucket.store}`;
  }
  if (lock === 'none' && status === 400)
    return `the object is not encrypted with SSE-C, and the server gives it to nobody who sends a key; move such objects with a plan in which stores.${bucket.store} has no SSE-C`;
  if (lock === 'customer')
    return `the key in ${keyFrom} is not the one that the object was written with; give stores.${bucket.store} that key and run again`;
  return undefined;
}

/** Without a range: an empty object has no first byte, and the server would say that instead. */
async function lockOf(bucket: Bucket, key: string, version: string | undefined): Promise<Lock | undefined> {
  const input = { ...bucket.named(key), ...(version === undefined ? {} : { VersionId: version }) };
  try {
    const abortSignal = AbortSignal.timeout(TRIAL_MS);
    const { Body } = await bucket.client.send(new GetObjectCommand(input), { abortSignal });
    (Body as AnswerBody | undefined)?.destroy();
    return 'none';
  } catch (error) {
    if (!(error instanceof Error && error.name === 'InvalidRequest')) return undefined;
    return /server.side encryption/i.test(error.message) ? 'customer' : undefined;
  }
}
