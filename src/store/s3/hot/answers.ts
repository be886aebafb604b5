/** An answer's status and headers, names in lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

type How = 'text' | 'number' | 'time' | 'truth';

/** Of all answers that are read here; the names are the SDK's. */
const MEMBERS = new Map<string, readonly [member: string, how: How]>(
  Object.entries({
    'content-length': ['ContentLength', 'number'],
    'content-range': ['ContentRange', 'text'],
    'content-type': ['ContentType', 'text'],
    'content-encoding': ['ContentEncoding', 'text'],
    'content-language': ['ContentLanguage', 'text'],
    'content-disposition': ['ContentDisposition', 'text'],
    'cache-control': ['CacheControl', 'text'],
    expires: ['ExpiresString', 'text'],
    etag: ['ETag', 'text'],
    'last-modified': ['LastModified', 'time'],
    'x-amz-checksum-sha256': ['ChecksumSHA256', 'text'],
    'x-amz-checksum-type': ['ChecksumType', 'text'],
    'x-amz-delete-marker': ['DeleteMarker', 'truth'],
    'x-amz-object-lock-legal-hold': ['ObjectLockLegalHoldStatus', 'text'],
    'x-amz-object-lock-mode': ['ObjectLockMode', 'text'],
    'x-amz-object-lock-retain-until-date': ['ObjectLockRetainUntilDate', 'time'],
    'x-amz-server-side-encryption': ['ServerSideEncryption', 'text'],
    'x-amz-server-side-encryption-aws-kms-key-id': ['SSEKMSKeyId', 'text'],
    'x-amz-server-side-encryption-customer-algorithm': ['SSECustomerAlgorithm', 'text'],
    'x-amz-storage-class': ['StorageClass', 'text'],
    'x-amz-tagging-count': ['TagCount', 'number'],
    'x-amz-version-id': ['VersionId', 'text'],
    'x-amz-website-redirect-location': ['WebsiteRedirectLocation', 'text'],
  }),
);

const META = 'x-amz-meta-';

/** What the SDK would give for an answer of success: the members that ferry reads. */
export function outputOf({ status, headers }: Answer): Record<string, unknown> {
  const output: Record<string, unknown> = { $metadata: { httpStatusCode: status } };
  let metadata: [name: string, value: string][] | undefined;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    const known = MEMBERS.get(name);
    if (known !== undefined) output[known[0]] = read(value, known[1]);
    else if (name.startsWith(META)) {
      metadata ??= [];
      metadata.push([name.slice(META.length), value]);
    }
  }
  // An object of its own members: one of them may be called __proto__.
  if (metadata !== undefined) output['Metadata'] = Object.fromEntries(metadata);
  return output;
}

function read(value: string, how: How): unknown {
  switch (how) {
    case 'number':
      return Number(value);
    case 'time': {
      const date = new Date(value);
      return Number.isNaN(date.getTime()) ? undefined : date;
    }
    case 'truth':
      return value === 'true';
    case 'text':
      return value;
  }
}

/** No error of S3 is longer; what answers more speaks something else. */
const LONGEST = 64 * 1024;

/** An answer that is none of success, as the SDK would throw it: `name` is the server's code. */
export async function errorOf(
  { status, headers }: Answer,
  body: AsyncIterable<Uint8Array> | undefined,
): Promise<Error> {
  const text = body === undefined ? '' : await beginning(body);
  const code = element(text, 'Code') ?? (status === 404 ? 'NotFound' : 'Unknown');
  const message = element(text, 'Message') ?? (text === '' ? 'UnknownError' : NOT_XML);
  const storageClass = element(text, 'StorageClass');
  return Object.assign(new Error(message), {
    name: code,
    $metadata: { httpStatusCode: status, requestId: headers['x-amz-request-id'] },
    ...(storageClass === undefined ? {} : { StorageClass: storageClass }),
  });
}

const NOT_XML = 'the answer is no XML';

async function beginning(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > LONGEST) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The text of the first such element; elements of S3's errors hold text alone. */
function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(amp|lt|gt|quot|apos);/g, (whole, entity: string) => ENTITIES[entity] ?? whole);
}
