import { type _Object, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { ListEntry, ListOptions } from '../store.ts';
import { type Bucket, http } from './bucket.ts';
import { revisionOf } from './facts.ts';
import { decodeListed } from './keys.ts';

/** All objects of the bucket below the store's prefix, page by page. */
export async function* listBucket(bucket: Bucket, options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
  const { prefix = '', after } = options;
  let token: string | undefined;
  do {
    const input = {
      Bucket: bucket.name,
      Prefix: bucket.prefix + prefix,
      EncodingType: 'url' as const,
      ...(token === undefined ? {} : { ContinuationToken: token }),
      ...(after === undefined || token !== undefined ? {} : { StartAfter: bucket.prefix + after }),
    };
    const page = await bucket.send('list', undefined, () =>
      bucket.client.send(new ListObjectsV2Command(input), http(options)),
    );
    // Not every server encodes when asked to; it then does not say that it did.
    const encoded = page.EncodingType === 'url';
    yield (page.Contents ?? []).flatMap((item) => entryOf(bucket, item, encoded));
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    if (page.IsTruncated === true && (token === undefined || token === '')) {
      throw bucket.error('other', 'list', undefined, 'the server says that there is more but not where it goes on');
    }
  } while (token !== undefined);
}

function entryOf(bucket: Bucket, item: _Object, encoded: boolean): ListEntry[] {
  const key = (encoded ? decodeListed(item.Key ?? '') : (item.Key ?? '')).slice(bucket.prefix.length);
  if (key === '') return nameless(item);
  return [{ key, size: item.Size ?? 0, revision: revisionOf(item.ETag), modified: item.LastModified?.getTime() ?? 0 }];
}

/** An object whose key is the store's prefix itself has none in this store. Empty, it is what consoles make of a folder. */
function nameless(item: _Object): ListEntry[] {
  if (item.Size === 0) return [];
  const why = "its key is the store's prefix itself";
  return [{ key: '', size: item.Size ?? 0, revision: revisionOf(item.ETag), modified: 0, unusable: why }];
}
