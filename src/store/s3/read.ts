import { GetObjectCommand, type GetObjectCommandInput } from '@aws-sdk/client-s3';
import type { ObjectReader, ReadOptions } from '../store.ts';
import { readerBody } from './body.ts';
import { type Bucket, http } from './bucket.ts';
import { headOf, wholeSize } from './facts.ts';
import type { AnswerBody } from './hot/exchange.ts';

/** One GetObject, of the object or of a version. */
export async function readObject(
  bucket: Bucket,
  op: string,
  key: string,
  options: ReadOptions,
  which: Pick<GetObjectCommandInput, 'VersionId' | 'IfMatch'>,
): Promise<ObjectReader> {
  const { range, signal } = options;
  const input = {
    ...bucket.at(key),
    ...(range === undefined
      ? { ChecksumMode: 'ENABLED' as const }
      : { Range: `bytes=${range.start}-${range.end - 1}` }),
    ...which,
  };
  const get = () => bucket.client.send(new GetObjectCommand(input), http({ signal }));
  const output = await bucket.ask(op, key, get, which.VersionId);
  const body = output.Body as AnswerBody;
  // Servers leave out the id `null`; its tags are asked for by it all the same.
  const named = which.VersionId === undefined ? output : { ...output, VersionId: which.VersionId };
  // The head of a part is of the whole object; its tags are not asked for again with each.
  const whole = range === undefined ? named : { ...named, TagCount: 0, ContentLength: wholeSize(output.ContentRange) };
  const head = await orDestroy(body, headOf(bucket, key, whole, options));
  return { head, ...readerBody(body, output.ContentLength ?? 0, { store: bucket.store, op, key }, signal) };
}

/** A body that nobody will read does not keep its connection. */
export async function orDestroy<T>(body: AnswerBody, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    body.destroy();
    throw error;
  }
}
