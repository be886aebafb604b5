import { StoreError } from '../store.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const LONGEST_KEY = 1_024;

/**
 * The key as the bucket knows it: the store's prefix and the key.
 *
 * @throws StoreError `key` for one that S3 cannot hold.
 */
export function fullKey(store: string, prefix: string, key: string): string {
  const full = prefix + key;
  const why = whyNot(key, full);
  if (why !== undefined) throw new StoreError({ kind: 'key', store, op: 'use the key', key, why });
  return full;
}

function whyNot(key: string, full: string): string | undefined {
  if (key === '') return 'a key cannot be empty';
  if (BENT_NAME.test(key)) return BENT;
  if (!key.isWellFormed()) return 'it is no valid Unicode';
  if (key.includes('\0')) return 'S3 cannot list a key with a NUL';
  if (Buffer.byteLength(full) > LONGEST_KEY) return `with the store's prefix it is longer than ${LONGEST_KEY} bytes`;
  return undefined;
}

/** A key out of a listing with `EncodingType: url`. Servers write a space as `+` or `%20`, and a plus always as `%2B`. */
export function decodeListed(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** What servers put into XML in the place of characters that XML 1.0 cannot carry (https://www.w3.org/TR/xml/#charsets). */
export const REPLACEMENT = '\uFFFD';

export const BENT =
  'the server does not encode keys in listings, and this one does not come through XML (what is lost is shown as U+FFFD); name its key in a manifest';

/** How an object is called whose key a listing does not tell: so that it is in every count, and nothing is ever asked for under that name. */
export function bentName(shown: string, revision: string, times: number): string {
  return `${shown} (ETag ${revision})${times === 1 ? '' : ` ${times}`}`;
}

const BENT_NAME = /\uFFFD.* \(ETag [^()]*\)( \d+)?$/s;
