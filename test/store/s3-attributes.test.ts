import { GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWords, encodeWords } from '../../src/base/encoded-words.ts';
import { makeStore } from '../../src/store/open-store.ts';
import { attributesOf } from '../../src/store/s3/attributes.ts';
import type { Attributes, Store } from '../../src/store/store.ts';
import { minioClient, minioEnv, newBucket, s3Spec } from '../support/minio.ts';

const bytes = new TextEncoder().encode('hello');

async function open(bucket: string): Promise<Store> {
  const store = await makeStore(s3Spec('s', bucket), minioEnv());
  await store.open({ create: false });
  return store;
}

async function* streamed(): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const FULL: Attributes = {
  contentType: 'text/plain; charset=utf-8',
  contentEncoding: 'gzip',
  contentLanguage: 'nb',
  contentDisposition: 'attachment; filename="a b.txt"',
  cacheControl: 'no-store',
  expires: 'Thu, 01 Jan 1970 00:00:00 GMT',
  metadata: { colour: 'blue', empty: '' },
  storageClass: 'REDUCED_REDUNDANCY',
  // As many as S3 takes, of all the signs that it takes.
  tags: Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`key ${n}+-=._:/@`, `a b+-=._:/@ ${'='.repeat(n)}`])),
};

describe('attributes in S3', () => {
  it.each([
    ['whole', () => bytes],
    ['streamed', streamed],
  ] as const)('survive when the body is %s, for ferry and for the SDK', async (_, body) => {
    const bucket = await newBucket();
    const store = await open(bucket);
    const { revision } = await store.create('k', body(), { size: 5, attributes: FULL });
    expect((await store.head('k'))?.attributes).toEqual(FULL);
    const reader = await store.read('k');
    await reader.discard();
    expect(reader.head.attributes).toEqual(FULL);
    const input = { Bucket: bucket, Key: 'k' };
    const seen = await minioClient().send(new HeadObjectCommand(input));
    expect(seen).toMatchObject({ ExpiresString: FULL.expires, CacheControl: 'no-store', ContentLanguage: 'nb' });
    const { TagSet = [] } = await minioClient().send(new GetObjectTaggingCommand(input));
    expect(Object.fromEntries(TagSet.map(({ Key, Value }) => [Key, Value]))).toEqual(FULL.tags);
    await store.replace('k', revision, bytes, { size: 5, attributes: { tags: { only: 'one' } } });
    expect((await store.head('k'))?.attributes.tags).toEqual({ only: 'one' });
    await store.close();
  });

  // What is no date, MinIO drops; verify then says so.
  it('keep the text of Expires', async () => {
    const store = await open(await newBucket());
    for (const expires of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Thu, 01 Jan 2099 00:00:00 GMT']) {
      await store.create(expires, bytes, { size: 5, attributes: { expires } });
      expect((await store.head(expires))?.attributes.expires).toBe(expires);
    }
    await store.close();
  });

  it('come back with a kept version', async () => {
    const store = await open(await newBucket({ versioned: true }));
    const first = await store.create('k', bytes, { size: 5, attributes: FULL });
    const { head, kept } = await store.replace('k', first.revision, new Uint8Array(1), { size: 1 });
    expect((await store.head('k'))?.attributes.tags).toBeUndefined();
    await store.reinstate('k', head.revision, kept ?? '');
    expect((await store.head('k'))?.attributes).toEqual(FULL);
    await store.close();
  });

  it('keep metadata that is not ASCII the same text for ferry, for the SDK, and in the next copy', async () => {
    const bucket = await newBucket();
    const [store, next] = [await open(bucket), await open(await newBucket())];
    const metadata = {
      name: 'Zoë 漢字 😀',
      long: 'Ærlig talt '.repeat(20),
      word: '=?ISO-8859-1?Q?Zo=EB?=',
      plain: 'a  b',
    };
    await store.create('k', bytes, { size: 5, attributes: { metadata } });
    const seen = (await minioClient().send(new HeadObjectCommand({ Bucket: bucket, Key: 'k' }))).Metadata ?? {};
    const mine = (await store.head('k'))?.attributes.metadata ?? {};
    expect(mine).toEqual(seen);
    expect(mine).toMatchObject({ word: metadata.word, plain: metadata.plain });
    expect(decodeWords(mine['name'] ?? '')).toBe(metadata.name);
    expect(decodeWords(mine['long'] ?? '')).toBe(metadata.long);
    await next.create('k', bytes, { size: 5, attributes: { metadata: mine } });
    expect((await next.head('k'))?.attributes.metadata).toEqual(mine);
    await store.close();
    await next.close();
  });

  it('refuse what no header can carry', async () => {
    const store = await open(await newBucket());
    for (const metadata of [{ a: 'é\n' }, { a: '\uD800' }, { é: 'x' }, { 'a b': 'x' }]) {
      const write = store.create('k', bytes, { size: 5, attributes: { metadata } });
      await expect(write).rejects.toMatchObject({ kind: 'unsupported' });
    }
    await store.close();
  });
});

describe('what a server tells', () => {
  it.each([
    ['aws-chunked', { strippedEncoding: 'aws-chunked' }],
    ['gzip,aws-chunked', { contentEncoding: 'gzip', strippedEncoding: 'aws-chunked' }],
    ['AWS-Chunked, gzip, br', { contentEncoding: 'gzip, br', strippedEncoding: 'aws-chunked' }],
    ['gzip,br', { contentEncoding: 'gzip,br' }],
    ['aws-chunked-not', { contentEncoding: 'aws-chunked-not' }],
    ['', {}],
  ])('has no framing in the encoding %j', (ContentEncoding, expected) => {
    expect(attributesOf({ ContentEncoding })).toEqual(expected);
  });

  it('is UTF-8 where its bytes are, and Latin-1 otherwise', () => {
    const raw = Buffer.from('Zoë 漢').toString('latin1');
    expect(attributesOf({ Metadata: { a: raw, b: 'Zo\xeb' } }).metadata).toEqual({ a: 'Zoë 漢', b: 'Zoë' });
  });
});

describe('encoded words', () => {
  it('mean the text that they were made of, and are no longer than RFC 2047 allows', async () => {
    await fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const words = encodeWords(text);
        expect(decodeWords(words)).toBe(text);
        for (const word of words.split(' ')) expect(word).toMatch(/^=\?UTF-8\?B\?[A-Za-z0-9+/=]{0,60}\?=$/);
      }),
    );
  });

  it.each([
    ['=?UTF-8?q?Zo=C3=AB_=E6=BC=A2?=', 'Zoë 漢'],
    ['a =?utf-8?Q?=C3=AB?= b', 'a ë b'],
    ['=?ISO-8859-1?Q?Zo=EB?=', 'Zoë'],
    ['=?nonsense?B?AAAA?=', '=?nonsense?B?AAAA?='],
    ['=?UTF-8?B?/w==?=', '=?UTF-8?B?/w==?='],
  ])('%j mean %j', (words, text) => {
    expect(decodeWords(words)).toBe(text);
  });
});
