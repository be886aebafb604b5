import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { CallOptions, KeptBytes } from '../store.ts';
import { type Bucket, http } from './bucket.ts';
import { CIRCLE, Forward, NOWHERE } from './forward.ts';
import { isStagedKey } from './staged-key.ts';

/** Objects that hold kept bytes, in order of their tokens. No such key needs to be encoded in XML. */
export async function* keptObjects(bucket: Bucket, options: CallOptions): AsyncGenerator<KeptBytes> {
  const op = 'list kept bytes';
  const forward = new Forward();
  let next: string | undefined;
  do {
    const command: ListObjectsV2Command = new ListObjectsV2Command({
      Bucket: bucket.name,
      Prefix: `${bucket.prefix}.ferry-held/`,
      ...(next === undefined ? {} : { ContinuationToken: next }),
    });
    const page: ListObjectsV2CommandOutput = await bucket.send(op, undefined, () =>
      bucket.client.send(command, http(options)),
    );
    for (const { Key = '', Size } of page.Contents ?? []) {
      const key = bucket.inside(op, Key);
      const size = bucket.size(op, key, Size);
      if (isStagedKey(key)) yield { token: key.slice(key.indexOf('/') + 1), size };
    }
    next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    // To end here would be to say that there is nothing more.
    if (page.IsTruncated === true && !next) throw bucket.error('other', op, undefined, NOWHERE);
    if (next !== undefined && !(forward.mayGoTo(next) && forward.advances(page.Contents?.at(-1)?.Key)))
      throw bucket.error('other', op, undefined, CIRCLE);
  } while (next !== undefined);
}
