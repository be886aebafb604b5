import {
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { FerryError } from '../../src/base/errors.ts';
import { makeStore } from '../../src/store/open-store.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { minioClient, minioEnv, newBucket, s3Spec } from '../support/minio.ts';
import { conformance } from './conformance.ts';

async function open(bucket: string, prefix = ''): Promise<Store> {
  const store = await makeStore(s3Spec('s', bucket, prefix), minioEnv());
  await store.open({ create: false });
  return store;
}

// MinIO refuses `a//b` and dot segments itself, and takes `/lead` for `lead`: docs/stores.md.
const keys = [
  'a',
  'b/c/d',
  '.hidden',
  'é',
  'e\u0301',
  '\u{1F600}',
  'line\nfeed',
  'with space',
  '+',
  'a+b c',
  '%2F',
  '%',
  'back\\slash',
  'quote"',
  '*',
  '$',
  '&<>',
  '\u0001',
  'y'.repeat(200),
];
const refused = ['', '\uD800', 'nul\0', 'a//b', 'a/./b', 'a/../b', 'x'.repeat(1_025)];

conformance('s3 (MinIO)', {
  make: async () => await open(await newBucket()),
  keys,
  refused,
  keeps: false,
  attributes: true,
});
conformance('s3 (MinIO, under a prefix)', {
  make: async () => await open(await newBucket(), 'some where/'),
  keys: keys.filter((key) => !key.startsWith('/')),
  refused,
  keeps: false,
  attributes: true,
});
conformance('s3 (MinIO, versioned)', {
  make: async () => await open(await newBucket({ versioned: true })),
  keys,
  refused,
  keeps: true,
  attributes: true,
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an s3 store', () => {
  it('attests the SHA-256 that the server computed', async () => {
    const store = await open(await newBucket());
    async function* body(): AsyncGenerator<Uint8Array> {
      yield bytes('hel');
      yield bytes('lo');
    }
    const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    await store.create('whole', bytes('hello'), { size: 5 });
    await store.create('stream', body(), { size: 5 });
    expect((await store.head('whole'))?.sha256).toBe(sha256);
    expect((await store.head('stream'))?.sha256).toBe(sha256);
    await store.close();
  });

  it('attests nothing for an object that someone stored without a checksum', async () => {
    const bucket = await newBucket();
    await minioClient().send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'hello' }));
    const store = await open(bucket);
    expect((await store.head('k'))?.sha256).toBeUndefined();
    await store.close();
  });

  it('keeps to its prefix', async () => {
    const bucket = await newBucket();
    const client = minioClient();
    for (const Key of ['users/a', 'users/', 'other/b', 'usersx'])
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }));
    const store = await open(bucket, 'users/');
    const found = [];
    for await (const page of store.list({})) found.push(...page);
    expect(found).toMatchObject([{ key: '', unusable: "its key is the store's prefix itself" }, { key: 'a' }]);
    expect(await store.head('b')).toBeUndefined();
    await store.close();
  });

  it('leaves no unfinished upload and, on remove, no version', async () => {
    const bucket = await newBucket({ versioned: true });
    const store = await open(bucket);
    const head = await store.create('k', bytes('x'), { size: 1 });
    await store.remove('k', head.revision);
    const client = minioClient();
    const versions = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect([versions.Versions ?? [], versions.DeleteMarkers ?? []]).toEqual([[], []]);
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual([]);
    await store.close();
  });

  it('leaves no delete marker on remove where versioning is suspended', async () => {
    const bucket = await newBucket();
    const client = minioClient();
    const VersioningConfiguration = { Status: 'Suspended' as const };
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
    const store = await open(bucket);
    const head = await store.create('k', bytes('x'), { size: 1 });
    await store.remove('k', head.revision);
    const left = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect([left.Versions ?? [], left.DeleteMarkers ?? []]).toEqual([[], []]);
    await store.close();
  });

  it('tidies up all that is at a key of its own, and nothing beside it', async () => {
    const bucket = await newBucket({ versioned: true });
    const store = await open(bucket, 'pre/');
    const client = minioClient();
    for (const Key of ['pre/k', 'pre/k', 'pre/kk', 'k']) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }));
    }
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'pre/k' }));
    await store.parts?.begin('k', {});
    await store.parts?.begin('kk', {});
    await store.probes?.tidy('k');
    const left = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect((left.Versions ?? []).map(({ Key }) => Key)).toEqual(['k', 'pre/kk']);
    expect(left.DeleteMarkers ?? []).toEqual([]);
    expect(await store.parts?.uploads('k')).toEqual([]);
    expect(await store.parts?.uploads('kk')).toHaveLength(1);
    await store.close();
  });

  it('refuses what a header cannot carry, rather than to bend it', async () => {
    const store = await open(await newBucket());
    const attributes = [
      { contentDisposition: 'attachment; filename="é.txt"' },
      { contentDisposition: 'attachment; filename="漢.txt"' },
      { contentType: 'text/plain\nx: y' },
      { metadata: { name: ' blanks around ' } },
    ];
    for (const one of attributes) {
      const error = await store
        .create('k', bytes('x'), { size: 1, attributes: one })
        .catch((thrown: unknown) => thrown);
      expect(error, JSON.stringify(one)).toMatchObject({ name: 'StoreError', kind: 'unsupported' });
    }
    await store.create('k', bytes('x'), { size: 1, attributes: { metadata: { blank: '', two: 'a  b' } } });
    expect((await store.head('k'))?.attributes.metadata).toEqual({ blank: '', two: 'a  b' });
    await store.close();
  });

  it('says what is wrong with a bucket, a secret, a variable, an address, without telling a secret', async () => {
    const bucket = await newBucket();
    const spec = s3Spec('s', bucket);
    const env = minioEnv();
    const failure = async (store: Store): Promise<StoreError> => {
      const error = await store.open({ create: false }).catch((thrown: unknown) => thrown);
      await store.close();
      if (error instanceof StoreError) return error;
      throw error;
    };
    expect((await failure(await makeStore({ ...spec, bucket: 'not-there' }, env))).kind).toBe('missing');
    const denied = await failure(await makeStore(spec, { ...env, FERRY_TEST_SECRET: 'planted-secret-value' }));
    expect(denied.kind).toBe('denied');
    expect(`${denied.message} ${denied.stack}`).not.toContain('planted-secret-value');
    expect((await failure(await makeStore({ ...spec, endpoint: 'http://127.0.0.1:1' }, env))).kind).toBe('unreachable');
    await expect(makeStore(spec, {})).rejects.toThrow(FerryError);
    await expect(makeStore(spec, {})).rejects.toThrow(/FERRY_TEST_KEY is not set/);
  });
});
