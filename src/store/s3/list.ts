import { type _Object, ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { ListEntry, ListOptions } from '../store.ts';
import { type Bucket, http } from './bucket.ts';
import { revisionOf, timeOf } from './facts.ts';
import { CIRCLE, Forward, NOWHERE } from './forward.ts';
import { REPLACEMENT } from './keys.ts';
import { Legible } from './legible.ts';

/** All objects of the bucket below the store's prefix, page by page. */
export async function* listBucket(bucket: Bucket, options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
  const { prefix = '', after } = options;
  const legible = new Legible(bucket, options);
  const forward = new Forward();
  let next: Next | undefined = after === undefined ? {} : { StartAfter: bucket.prefix + after };
  while (next !== undefined) {
    const input = { Bucket: bucket.name, Prefix: bucket.prefix + prefix, EncodingType: 'url' as const, ...next };
    const page: ListObjectsV2CommandOutput = await bucket.send('list', undefined, () =>
      bucket.client.send(new ListObjectsV2Command(input), http(options)),
    );
    // Not every server encodes when asked to; it then does not say that it did.
    const encoded = page.EncodingType === 'url';
    const listed = (page.Contents ?? []).flatMap((item) => entryOf(bucket, item, encoded));
    const entries = encoded ? listed : await legible.page(listed);
    yield entries;
    next = page.IsTruncated === true ? onward(bucket, page.NextContinuationToken, encoded, entries) : undefined;
    const mayGoOn = next === undefined || forward.mayGoTo(next.ContinuationToken ?? next.StartAfter ?? '');
    if (!mayGoOn || !forward.advances(entries.at(-1)?.key)) throw bucket.error('other', 'list', undefined, CIRCLE);
  }
}

interface Next {
  readonly ContinuationToken?: string;
  readonly StartAfter?: string;
}

/** Where a listing goes on. A token that is a key which XML has bent would skip what sorts up to it. */
function onward(bucket: Bucket, token: string | undefined, encoded: boolean, entries: readonly ListEntry[]): Next {
  if (token === undefined || token === '') throw bucket.error('other', 'list', undefined, NOWHERE);
  if (encoded || !token.includes(REPLACEMENT)) return { ContinuationToken: token };
  const last = entries.findLast((entry) => entry.unusable === undefined);
  if (last !== undefined) return { StartAfter: bucket.prefix + last.key };
  const why = 'the server does not encode keys, and a whole page of them holds characters that XML cannot carry';
  throw bucket.error('other', 'list', undefined, why);
}

function entryOf(bucket: Bucket, item: _Object, encoded: boolean): ListEntry[] {
  // Not even a blank: the parser of XML gives nothing for a key of blanks and line feeds.
  const key = bucket.inside('list', encoded ? bucket.told('list', item.Key ?? '', true) : item.Key || REPLACEMENT);
  const size = bucket.size('list', key, item.Size);
  if (key === '') return nameless(item);
  return [{ key, size, revision: revisionOf(item.ETag), modified: timeOf(item.LastModified) }];
}

/** An object whose key is the store's prefix itself has none in this store. Empty, it is what consoles make of a folder. */
function nameless(item: _Object): ListEntry[] {
  if (item.Size === 0) return [];
  const why = "its key is the store's prefix itself";
  return [{ key: '', size: item.Size ?? 0, revision: revisionOf(item.ETag), modified: 0, unusable: why }];
}
