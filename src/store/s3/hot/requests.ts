import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { sha256Hex } from '../../../base/digest.ts';

/** A request to a bucket, before it is known where that is. */
export interface HotRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  readonly key: string;
  /** Escaped, in the order of the names; empty where there is none. */
  readonly query: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | undefined;
  /** Hex SHA-256 of the body. */
  readonly payload: string;
}

type Input = Readonly<Record<string, unknown>>;

/** What becomes of a member of a command's input. */
type Place =
  | { readonly header: string; readonly how?: 'time' }
  | { readonly query: string }
  | 'metadata'
  | 'bucket'
  | 'key'
  | 'body'
  | 'left out';

interface Operation {
  readonly method: HotRequest['method'];
  readonly name: string;
  readonly members: Readonly<Record<string, Place>>;
}

const TARGET = { Bucket: 'bucket', Key: 'key' } as const;
const CUSTOMER = {
  SSECustomerAlgorithm: { header: 'x-amz-server-side-encryption-customer-algorithm' },
  SSECustomerKey: { header: 'x-amz-server-side-encryption-customer-key' },
  SSECustomerKeyMD5: { header: 'x-amz-server-side-encryption-customer-key-md5' },
} as const;
const READ = {
  ...TARGET,
  ...CUSTOMER,
  VersionId: { query: 'versionId' },
  IfMatch: { header: 'if-match' },
  Range: { header: 'range' },
  ChecksumMode: { header: 'x-amz-checksum-mode' },
} as const;
/** The transport counts it from the body. */
const SENT = { ...TARGET, ...CUSTOMER, Body: 'body', ContentLength: 'left out' } as const;

/** By the tables of https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html. */
const OPERATIONS = new Map<unknown, Operation>([
  [GetObjectCommand, { method: 'GET', name: 'GetObject', members: READ }],
  [HeadObjectCommand, { method: 'HEAD', name: 'HeadObject', members: READ }],
  [
    PutObjectCommand,
    {
      method: 'PUT',
      name: 'PutObject',
      members: {
        ...SENT,
        ContentType: { header: 'content-type' },
        ContentEncoding: { header: 'content-encoding' },
        ContentLanguage: { header: 'content-language' },
        ContentDisposition: { header: 'content-disposition' },
        CacheControl: { header: 'cache-control' },
        ExpiresString: { header: 'expires' },
        Metadata: 'metadata',
        Tagging: { header: 'x-amz-tagging' },
        WebsiteRedirectLocation: { header: 'x-amz-website-redirect-location' },
        StorageClass: { header: 'x-amz-storage-class' },
        ServerSideEncryption: { header: 'x-amz-server-side-encryption' },
        SSEKMSKeyId: { header: 'x-amz-server-side-encryption-aws-kms-key-id' },
        ObjectLockMode: { header: 'x-amz-object-lock-mode' },
        ObjectLockRetainUntilDate: { header: 'x-amz-object-lock-retain-until-date', how: 'time' },
        ObjectLockLegalHoldStatus: { header: 'x-amz-object-lock-legal-hold' },
        IfMatch: { header: 'if-match' },
        IfNoneMatch: { header: 'if-none-match' },
        ChecksumSHA256: { header: 'x-amz-checksum-sha256' },
      },
    },
  ],
  [
    UploadPartCommand,
    {
      method: 'PUT',
      name: 'UploadPart',
      members: {
        ...SENT,
        UploadId: { query: 'uploadId' },
        PartNumber: { query: 'partNumber' },
        ChecksumSHA256: { header: 'x-amz-checksum-sha256' },
      },
    },
  ],
  [
    DeleteObjectCommand,
    {
      method: 'DELETE',
      name: 'DeleteObject',
      members: { ...TARGET, VersionId: { query: 'versionId' }, IfMatch: { header: 'if-match' } },
    },
  ],
]);

/** Where the SDK puts the operation's name, as its servers' logs show it. */
const NAME = 'x-id';

/**
 * A command as the request that it stands for.
 *
 * @returns `undefined` for what is left to the SDK: another operation, a member that none of the tables has, a body that is a stream.
 */
export function requestOf(command: { readonly input: object }): HotRequest | undefined {
  const operation = OPERATIONS.get(command.constructor);
  if (operation === undefined) return undefined;
  const input = command.input as Input;
  const headers: Record<string, string> = {};
  const query: [string, string][] = operation.method === 'HEAD' ? [] : [[NAME, operation.name]];
  for (const [member, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const place = operation.members[member];
    if (place === undefined) return undefined;
    if (place === 'metadata') putMetadata(headers, value as Readonly<Record<string, string>>);
    else if (typeof place === 'object' && 'query' in place) query.push([place.query, String(value)]);
    else if (typeof place === 'object') headers[place.header] = place.how === 'time' ? timeOf(value) : String(value);
  }
  const { Key: key, Body: body } = input;
  if (typeof key !== 'string' || key === '') return undefined;
  if (body !== undefined && !(body instanceof Uint8Array)) return undefined;
  if (body !== undefined) headers['content-length'] = String(body.byteLength);
  if (body !== undefined && headers['content-type'] === undefined) headers['content-type'] = OCTETS;
  return { method: operation.method, key, query: queryOf(query), headers, body, payload: digestOf(input, body) };
}

/** What the SDK says of a body of which nothing is said. */
const OCTETS = 'application/octet-stream';

function putMetadata(headers: Record<string, string>, metadata: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(metadata)) headers[`x-amz-meta-${name.toLowerCase()}`] = value;
}

/** As the SDK has it. */
function timeOf(value: unknown): string {
  return value instanceof Date ? value.toISOString().replace('.000Z', 'Z') : String(value);
}

const EMPTY = sha256Hex('');

/** The digest that goes along for the server to check is of the same bytes: they are hashed once. A wrong one is found by the server. */
function digestOf(input: Input, body: Uint8Array | undefined): string {
  if (body === undefined) return EMPTY;
  const { ChecksumSHA256: base64 } = input;
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64').toString('hex') : sha256Hex(body);
}

function queryOf(pairs: readonly (readonly [string, string])[]): string {
  const [first] = pairs;
  if (first?.[0] === NAME && pairs.length === 1) return `${NAME}=${first[1]}`;
  return pairs
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .sort()
    .join('&');
}

/** All but RFC 3986's unreserved characters. */
export function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A key as a path has it: slashes stay. */
export function escapedKey(key: string): string {
  return PLAIN.test(key) ? key : key.split('/').map(escaped).join('/');
}

const PLAIN = /^[\w.~/-]*$/;
