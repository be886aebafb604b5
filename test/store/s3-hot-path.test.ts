import { createHash, createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpRequest } from '@smithy/types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapedKey, type HotRequest, requestOf } from '../../src/store/s3/hot/requests.ts';
import { Signer } from '../../src/store/s3/hot/sign.ts';

const HOST = 'store.example:9000';
const BUCKET = 'bucket';

type Command = DeleteObjectCommand | GetObjectCommand | HeadObjectCommand | PutObjectCommand | UploadPartCommand;

/** What the SDK would send, without what it says of itself. */
async function bySdk(command: Command): Promise<HttpRequest> {
  let sent: HttpRequest | undefined;
  const client = new S3Client({
    endpoint: `http://${HOST}`,
    region: 'eu-north-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      handle: async (request: unknown) => {
        sent = request as HttpRequest;
        return { response: { statusCode: 200, headers: {}, body: Readable.from([]) } as never };
      },
    },
  });
  await client.send(command as never);
  client.destroy();
  if (sent === undefined) throw new Error('nothing was sent');
  return sent;
}

const OF_THE_SDK = /^(amz-sdk-|x-amz-user-agent$|user-agent$|authorization$|x-amz-date$|expect$)/;

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(pairs.filter(([name]) => !OF_THE_SDK.test(name)).sort());
}

function targetOf({ path, query = {} }: Pick<HttpRequest, 'path' | 'query'>): string {
  const strict = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = Object.entries(query).map(([name, value]) => `${strict(name)}=${strict(String(value))}`);
  return `${path}?${pairs.sort().join('&')}`;
}

const text = fc.string({ unit: fc.constantFrom(...'abzAZ09-_.~!*\'() +/=&?%#@:,;"<>|'), minLength: 1, maxLength: 24 });
const key = fc
  .oneof(
    text,
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    fc.constantFrom('a/../b', './x', '//', 'a//b'),
  )
  .filter((one) => one.isWellFormed());
const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019 ./;=-'), minLength: 1, maxLength: 12 });
const plain = word.map((one) => one.trim()).filter((one) => one !== '');
const optional = { requiredKeys: ['Bucket', 'Key'] as ['Bucket', 'Key'] };
const target = { Bucket: fc.constant(BUCKET), Key: key };
const read = fc.record(
  {
    ...target,
    VersionId: text,
    IfMatch: word.map((one) => `"${one.trim()}"`),
    Range: fc.nat().map((start) => `bytes=${start}-${start + 9}`),
    ChecksumMode: fc.constant('ENABLED' as const),
  },
  optional,
);
const body = fc.uint8Array({ maxLength: 64 }).map((Body) => ({
  Body,
  ContentLength: Body.byteLength,
  ChecksumSHA256: createHash('sha256').update(Body).digest('base64'),
}));
const metadata = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), plain, { maxKeys: 4 });
const write = fc.record(
  {
    ...target,
    ContentType: plain,
    ContentEncoding: plain,
    ContentLanguage: plain,
    ContentDisposition: plain,
    CacheControl: plain,
    Metadata: metadata,
    Tagging: text.map((one) => `a=${encodeURIComponent(one)}`),
    WebsiteRedirectLocation: plain.map((one) => `/${one}`),
    StorageClass: fc.constantFrom('STANDARD_IA' as const, 'GLACIER' as const),
    ServerSideEncryption: fc.constantFrom('AES256' as const, 'aws:kms' as const),
    SSEKMSKeyId: plain,
    ObjectLockMode: fc.constantFrom('GOVERNANCE' as const, 'COMPLIANCE' as const),
    ObjectLockRetainUntilDate: fc.date({
      min: new Date('2026-01-01'),
      max: new Date('2090-01-01'),
      noInvalidDate: true,
    }),
    ObjectLockLegalHoldStatus: fc.constantFrom('ON' as const, 'OFF' as const),
    IfMatch: fc.constant('"abc"'),
    IfNoneMatch: fc.constant('*'),
  },
  optional,
);
const commands: fc.Arbitrary<Command> = fc.oneof<fc.Arbitrary<Command>[]>(
  read.map((input) => new GetObjectCommand(input)),
  read.map((input) => new HeadObjectCommand(input)),
  fc.tuple(write, body).map(([input, sent]) => new PutObjectCommand({ ...input, ...sent })),
  fc
    .tuple(fc.record(target), text, fc.integer({ min: 1, max: 10_000 }), body)
    .map(([at, UploadId, PartNumber, sent]) => new UploadPartCommand({ ...at, UploadId, PartNumber, ...sent })),
  fc
    .record({ ...target, VersionId: text, IfMatch: fc.constant('"abc"') }, optional)
    .map((input) => new DeleteObjectCommand(input)),
);

function hot(command: Command): HotRequest {
  const request = requestOf(command);
  if (request === undefined) throw new Error('it was left to the SDK');
  return request;
}

describe('a request that goes without the SDK', () => {
  it('is the one that the SDK would send', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (command) => {
        const [ours, theirs] = [hot(command), await bySdk(command)];
        expect(ours.method).toBe(theirs.method);
        expect(`/${BUCKET}/${escapedKey(ours.key)}?${ours.query}`).toBe(targetOf(theirs));
        expect(lowered({ ...ours.headers, host: HOST, 'x-amz-content-sha256': ours.payload })).toEqual(
          lowered(theirs.headers),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('is signed as the SDK signs it, with and without a session token, on any day', async () => {
    const identities = fc.record(
      { accessKeyId: plain, secretAccessKey: fc.string({ maxLength: 90 }), sessionToken: plain },
      { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
    );
    const when = fc.date({ min: new Date('2020-01-01'), max: new Date('2090-01-01'), noInvalidDate: true });
    const signers = new Map<string, Signer>();
    await fc.assert(
      fc.asyncProperty(
        commands,
        identities,
        when,
        fc.constantFrom('us-east-1', 'eu-north-1'),
        async (command, identity, signingDate, region) => {
          const { method, key: named, query, headers, payload } = hot(command);
          const path = `/${BUCKET}/${escapedKey(named)}`;
          const signer = signers.get(region) ?? new Signer(region);
          signers.set(region, signer);
          const unsigned = { method, path, query, headers: { ...headers, host: HOST }, payload };
          const ours = signer.sign(unsigned, identity, signingDate.getTime());
          const reference = new SignatureV4({
            service: 's3',
            region,
            uriEscapePath: false,
            applyChecksum: true,
            credentials: identity,
            sha256: Sha256,
          });
          const pairs = query === '' ? [] : query.split('&').map((pair) => pair.split('=').map(decodeURIComponent));
          const theirs = await reference.sign(
            {
              method,
              protocol: 'http:',
              hostname: 'store.example',
              port: 9_000,
              path,
              query: Object.fromEntries(pairs) as Record<string, string>,
              headers: { ...unsigned.headers, 'x-amz-content-sha256': payload },
            },
            { signingDate },
          );
          expect(ours['authorization']).toBe(theirs.headers['authorization']);
          expect(ours['x-amz-date']).toBe(theirs.headers['x-amz-date']);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('is made of known members alone: anything else is left to the SDK', () => {
    const at = { Bucket: BUCKET, Key: 'k' };
    expect(requestOf(new GetObjectCommand({ ...at, PartNumber: 1 }))).toBe(undefined);
    expect(requestOf(new PutObjectCommand({ ...at, Body: 'text' }))).toBe(undefined);
    expect(requestOf(new DeleteObjectCommand({ ...at, BypassGovernanceRetention: true }))).toBe(undefined);
    expect(requestOf(new GetObjectCommand(at))).toMatchObject({ method: 'GET', key: 'k' });
  });
});

/** The hash that the reference asks for. */
class Sha256 {
  readonly #hash;
  readonly #secret: string | Uint8Array | undefined;
  readonly #parts: Uint8Array[] = [];

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined ? undefined : typeof secret === 'string' ? secret : bytesOf(secret);
    this.#hash = createHash('sha256');
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#parts.push(typeof data === 'string' ? Buffer.from(data) : bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    const data = Buffer.concat(this.#parts);
    return this.#secret === undefined
      ? this.#hash.update(data).digest()
      : createHmac('sha256', this.#secret).update(data).digest();
  }

  reset(): void {
    this.#parts.length = 0;
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
