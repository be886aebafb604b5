import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { CallOptions, KeptBytes } from '../store.ts';
import { type Bucket, http } from './bucket.ts';

/** A key of ferry's own under which a tombstone keeps bytes in a bucket, below the store's prefix: a digest of key and revision. */
const KEPT_KEY = /^\.ferry-held\/([0-9a-f]{64})$/;

/** The token that a key of kept bytes stands for; `undefined` for any other key. */
export function keptTokenIn(key: string): string | undefined {
  return KEPT_KEY.exec(key)?.[1];
}

/** Objects that hold kept bytes, in order of their tokens. No such key needs to be encoded in XML. */
export async function* keptObjects(bucket: Bucket, options: CallOptions): AsyncGenerator<KeptBytes> {
  let next: string | undefined;
  do {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      Bucket: bucket.name,
      Prefix: `${bucket.prefix}.ferry-held/`,
      ...(next === undefined ? {} : { ContinuationToken: next }),
    });
    const page: ListObjectsV2CommandOutput = await bucket.send('list kept bytes', undefined, () =>
      bucket.client.send(command, http(options)),
    );
    for (const { Key = '', Size = 0 } of page.Contents ?? []) {
      const token = keptTokenIn(Key.slice(bucket.prefix.length));
      if (token !== undefined) yield { token, size: Size };
    }
    next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (next !== undefined);
}
