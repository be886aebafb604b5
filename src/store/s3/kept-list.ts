import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { CallOptions, KeptBytes } from '../store.ts';
import { type Bucket, http } from './bucket.ts';
import { isStagedKey } from './staged-key.ts';

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
      const key = Key.slice(bucket.prefix.length);
      if (isStagedKey(key)) yield { token: key.slice(key.indexOf('/') + 1), size: Size };
    }
    next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (next !== undefined);
}
