import type { AttributeName } from '../../base/attribute-names.ts';
import type { Attributes } from '../store.ts';

/*
 * What only files have, as user metadata of a bucket's object, in ASCII:
 * - `ferry-link`: the text of a link, percent-encoded as UTF-8 (RFC 3986, 2.1);
 * - `ferry-xattrs`: `NAME=VALUE&NAME=VALUE`, sorted by name, names percent-encoded, values in base64 (RFC 4648, 4).
 * Metadata of these names that is of another form is someone's own and stays what it is.
 */

const LINK = 'ferry-link';
const XATTRS = 'ferry-xattrs';

/** All user metadata of an object together (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html). */
const LARGEST = 2_048;

/** MinIO counts it with each name; Amazon does not. */
const PREFIX = 'x-amz-meta-';

type Metadata = Readonly<Record<string, string>>;

export function fileMetadata({ link, xattrs }: Attributes): Metadata {
  return {
    ...(link === undefined ? {} : { [LINK]: encodeURIComponent(link) }),
    ...(xattrs === undefined ? {} : { [XATTRS]: encodeXattrs(xattrs) }),
  };
}

/** Takes what `fileMetadata` made out of an object's user metadata. */
export function takeFileMetadata(given: Metadata): Pick<Attributes, 'link' | 'xattrs'> & { metadata: Metadata } {
  const { [LINK]: linkText, [XATTRS]: xattrsText, ...rest } = given;
  const link = linkText === undefined ? undefined : decodeLink(linkText);
  const xattrs = xattrsText === undefined ? undefined : decodeXattrs(xattrsText);
  const metadata = {
    ...rest,
    ...(linkText !== undefined && link === undefined ? { [LINK]: linkText } : {}),
    ...(xattrsText !== undefined && xattrs === undefined ? { [XATTRS]: xattrsText } : {}),
  };
  return { metadata, ...(link === undefined ? {} : { link }), ...(xattrs === undefined ? {} : { xattrs }) };
}

/** Which of what only files have is too much for an object's metadata. That the rest alone is too large is for the server to say. */
export function tooLarge(attributes: Attributes): readonly AttributeName[] {
  const { metadata = {}, link, xattrs } = attributes;
  const rest = sizeOf(metadata);
  const ofLink = link === undefined ? 0 : sizeOf(fileMetadata({ link }));
  const ofXattrs = xattrs === undefined ? 0 : sizeOf(fileMetadata({ xattrs }));
  const names: AttributeName[] = [];
  if (link !== undefined && rest + ofLink > LARGEST) names.push('link');
  if (xattrs !== undefined && rest + ofXattrs + (names.length === 0 ? ofLink : 0) > LARGEST) names.push('xattrs');
  return names;
}

function sizeOf(metadata: Metadata): number {
  return Object.entries(metadata).reduce(
    (sum, [name, value]) => sum + PREFIX.length + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
}

function encodeXattrs(xattrs: Metadata): string {
  return Object.entries(xattrs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${value}`)
    .join('&');
}

function decodeXattrs(text: string): Metadata | undefined {
  const xattrs: Record<string, string> = {};
  for (const pair of text.split('&')) {
    const [, quoted = '', value] = /^(user\.[^=]+)=([A-Za-z0-9+/]*={0,2})$/.exec(pair) ?? [];
    const name = decoded(quoted);
    if (name === undefined || value === undefined) return undefined;
    if (Buffer.from(value, 'base64').toString('base64') !== value) return undefined;
    xattrs[name] = value;
  }
  return encodeXattrs(xattrs) === text ? xattrs : undefined;
}

function decodeLink(text: string): string | undefined {
  const link = decoded(text);
  return link !== undefined && link !== '' && encodeURIComponent(link) === text ? link : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
