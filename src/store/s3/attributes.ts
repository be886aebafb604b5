import type { PutObjectCommandInput, S3Client, Tag } from '@aws-sdk/client-s3';
import { encodeWords, headerText } from '../../base/encoded-words.ts';
import { type Attributes, StoreError } from '../store.ts';
import { fileMetadata, takeFileMetadata } from './file-attributes.ts';
import { type LockInput, type LockOutput, lockInput, lockOf } from './object-lock.ts';

/** What HeadObject and GetObject tell beside the bytes. */
export interface AttributeOutput extends LockOutput {
  readonly ContentType?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly CacheControl?: string | undefined;
  readonly ExpiresString?: string | undefined;
  readonly Metadata?: Record<string, string> | undefined;
  readonly WebsiteRedirectLocation?: string | undefined;
  readonly StorageClass?: string | undefined;
}

/** For PutObject and CreateMultipartUpload alike. `ExpiresString` is sent by a client that `sendsExpires`. */
export type AttributeInput = Pick<
  PutObjectCommandInput,
  | 'ContentType'
  | 'ContentEncoding'
  | 'ContentLanguage'
  | 'ContentDisposition'
  | 'CacheControl'
  | 'Metadata'
  | 'Tagging'
  | 'WebsiteRedirectLocation'
  | 'StorageClass'
> &
  LockInput & { readonly ExpiresString?: string };

/** @param tags what GetObjectTagging tells, where it was asked. */
export function attributesOf(output: AttributeOutput, tags: readonly Tag[] = []): Attributes {
  const given = Object.entries(output.Metadata ?? {}).map(([name, value]) => [name, headerText(value)] as const);
  const { metadata, ...ofFile } = takeFileMetadata(Object.fromEntries(given));
  return defined({
    contentType: text(output.ContentType),
    ...encodingOf(output.ContentEncoding),
    contentLanguage: text(output.ContentLanguage),
    contentDisposition: text(output.ContentDisposition),
    cacheControl: text(output.CacheControl),
    expires: text(output.ExpiresString),
    metadata: Object.keys(metadata).length === 0 ? undefined : metadata,
    ...ofFile,
    tags: tags.length === 0 ? undefined : Object.fromEntries(tags.map(({ Key, Value }) => [Key ?? '', Value ?? ''])),
    websiteRedirect: text(output.WebsiteRedirectLocation),
    storageClass: output.StorageClass === 'STANDARD' ? undefined : text(output.StorageClass),
    objectLock: lockOf(output),
  });
}

function text(header: string | undefined): string | undefined {
  return header === undefined || header === '' ? undefined : headerText(header);
}

/** How a request framed its body is no property of the object; some servers store it all the same (versitygw issue 2398). */
function encodingOf(header: string | undefined): { contentEncoding?: string; strippedEncoding?: string } {
  const tokens = (header ?? '').split(',').map((token) => token.trim());
  const kept = tokens.filter((token) => token.toLowerCase() !== 'aws-chunked');
  if (kept.length === tokens.length) return header === undefined || header === '' ? {} : { contentEncoding: header };
  return { ...(kept.length === 0 ? {} : { contentEncoding: kept.join(', ') }), strippedEncoding: 'aws-chunked' };
}

/**
 * Headers carry ASCII without blanks around it. User metadata that is not goes as RFC 2047 words, as S3 itself gives it back; other
 * text would arrive as something else, so it is refused rather than bent. A value that is ASCII goes as it stands.
 *
 * @throws StoreError `unsupported` where a header cannot carry it.
 */
export function attributeInput(store: string, key: string, attributes: Attributes = {}): AttributeInput {
  const { contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl, expires } = attributes;
  const { websiteRedirect, storageClass, tags } = attributes;
  const headers = { contentType, contentEncoding, contentLanguage, contentDisposition, cacheControl, expires };
  const refuse = (what: string): never => {
    const why = `its ${what} is not plain ASCII text, which a header cannot carry`;
    throw new StoreError({ kind: 'unsupported', store, op: 'write', key, why });
  };
  for (const [name, value] of Object.entries({ ...headers, websiteRedirect, storageClass })) {
    if (value !== undefined && !PLAIN.test(value)) refuse(JSON.stringify(name));
  }
  const everything = { ...attributes.metadata, ...fileMetadata(attributes) };
  const metadata = Object.entries(everything).map(([name, value]) => {
    const sent = carried(value);
    if (sent === undefined || !TOKEN.test(name)) return refuse(`user metadata ${JSON.stringify(name)}`);
    return [name, sent] as const;
  });
  return defined({
    ContentType: contentType,
    ContentEncoding: contentEncoding,
    ContentLanguage: contentLanguage,
    ContentDisposition: contentDisposition,
    CacheControl: cacheControl,
    ExpiresString: expires,
    Metadata: metadata.length === 0 ? undefined : Object.fromEntries(metadata),
    Tagging: tags === undefined ? undefined : tagging(tags),
    WebsiteRedirectLocation: websiteRedirect,
    // The server knows its classes, and refuses one that it does not have.
    StorageClass: storageClass as PutObjectCommandInput['StorageClass'],
    ...lockInput(attributes.objectLock, Date.now()),
  });
}

const PLAIN = /^([\x21-\x7e]+([\x20-\x7e]*[\x21-\x7e])?)?$/;
/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

function carried(value: string): string | undefined {
  if (PLAIN.test(value)) return value;
  const encodable = value.isWellFormed() && /[^\0-\x7f]/.test(value) && !/\p{Cc}/u.test(value);
  return encodable ? encodeWords(value) : undefined;
}

/** The x-amz-tagging header: what a URL's query would be. */
function tagging(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&');
}

/** The SDK sends Expires only of dates that it made itself; the header may hold any text, and goes as it stands. */
export function sendsExpires(client: S3Client): S3Client {
  client.middlewareStack.add(
    (next) => async (args) => {
      const { ExpiresString: expires } = args.input as { readonly ExpiresString?: string };
      const { headers } = args.request as { readonly headers: Record<string, string> };
      if (expires !== undefined) headers['expires'] = expires;
      return await next(args);
    },
    { step: 'build', name: 'ferryExpires' },
  );
  return client;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<T>;
}
