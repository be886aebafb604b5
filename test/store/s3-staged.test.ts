import { createHash, randomBytes } from 'node:crypto';
import { ListMultipartUploadsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { makeStore } from '../../src/store/open-store.ts';
import { isStaged } from '../../src/store/s3/staged.ts';
import { type StagingStore, type Store, StoreError } from '../../src/store/store.ts';
import { minioClient, minioEnv, newBucket, s3Spec } from '../support/minio.ts';
import { countingProxy, type ProxyOptions } from '../support/proxy.ts';
import { listOutside } from '../support/servers/outside.ts';

const PREFIX = 'below/';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const ATTRIBUTES = {
  contentType: 'image/jpeg',
  metadata: { owner: 'kari' },
  tags: { team: 'north' },
};

async function open(options: ProxyOptions = {}) {
  const bucket = await newBucket();
  const proxy = await countingProxy(inject('minio').endpoint, options);
  const store = await makeStore({ ...s3Spec('s', bucket, PREFIX), endpoint: proxy.endpoint }, minioEnv());
  await store.open({ create: false });
  const { staging } = store;
  if (staging === undefined) throw new Error('a bucket can put objects aside');
  return { bucket, proxy, store, staging };
}

async function staged(store: Store, staging: StagingStore, bytes: Uint8Array) {
  const { revision } = await store.create('a', bytes, { size: bytes.byteLength, attributes: ATTRIBUTES });
  const facts = { size: bytes.byteLength, sha256: sha256(bytes), attributes: ATTRIBUTES, attested: false };
  const head = await staging.stage('a', revision, facts);
  expect(head.attributes).toMatchObject(ATTRIBUTES);
  const kept = staging.token('a', revision);
  expect(isStaged(kept)).toBe(true);
  return { revision, kept, facts, key: `${PREFIX}${kept.slice('staged:'.length)}` };
}

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of store.list({})) keys.push(...page.map(({ key }) => key));
  return keys;
}

const kindOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'done',
    (error: unknown) => (error instanceof StoreError ? error.kind : String(error)),
  );

describe('a copy that is put aside', () => {
  it('is in no plain listing, and other keys of that folder are', async () => {
    const { bucket, store, staging } = await open();
    const { key } = await staged(store, staging, Buffer.from('bytes'));
    const other = { Bucket: bucket, Key: `${PREFIX}.ferry-held/other`, Body: 'x' };
    await minioClient().send(new PutObjectCommand(other));
    expect(await keysOf(store)).toEqual(['.ferry-held/other', 'a']);
    expect(await listOutside(minioClient(), bucket)).toContain(key);
    await store.close();
  });

  for (const size of [0, 5, 6 * 1024 ** 2]) {
    it(`takes the place of what replaced the object, once: ${size} bytes`, async () => {
      const { bucket, store, staging } = await open();
      const bytes = randomBytes(size);
      const { kept } = await staged(store, staging, bytes);
      expect(await store.headKept('a', kept)).toMatchObject({ key: 'a', size, attributes: ATTRIBUTES });
      const before = await store.head('a');
      const { head } = await store.replace('a', before?.revision ?? '', Buffer.from('marker'), { size: 6 });
      expect(await kindOf(store.reinstate('a', 'another', kept, { sha256: sha256(bytes) }))).toBe('precondition');
      expect(await store.headKept('a', kept)).toBeDefined();
      expect(await kindOf(store.reinstate('a', undefined, kept, { sha256: sha256(bytes) }))).toBe('exists');
      const back = await store.reinstate('a', head.revision, kept, { sha256: sha256(bytes) });
      expect(back.size).toBe(size);
      expect((await store.head('a'))?.attributes).toMatchObject(ATTRIBUTES);
      expect(await listOutside(minioClient(), bucket)).toEqual([`${PREFIX}a`]);
      expect(await kindOf(store.reinstate('a', head.revision, kept))).toBe('absent');
      await store.close();
    });
  }

  for (const size of [5, 6 * 1024 ** 2]) {
    it(`is not put back where it has other bytes by then: ${size} bytes`, async () => {
      const { bucket, store, staging } = await open();
      const { revision, kept, key, facts } = await staged(store, staging, randomBytes(size));
      const { head } = await store.replace('a', revision, Buffer.from('marker'), { size: 6 });
      await minioClient().send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: randomBytes(size) }));
      expect(await kindOf(store.reinstate('a', head.revision, kept, facts))).toBe('digest');
      expect((await store.head('a'))?.size).toBe(6);
      await store.close();
    });
  }

  it('is made anew where other bytes lie under its key', async () => {
    const { bucket, store, staging } = await open();
    const { revision, kept, key, facts } = await staged(store, staging, Buffer.from('right'));
    await minioClient().send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'wrong' }));
    await staging.stage('a', revision, facts);
    expect((await store.headKept('a', kept))?.sha256).toBe(facts.sha256);
    await store.close();
  });

  it('is of the revision that was meant alone', async () => {
    const { bucket, store, staging } = await open();
    const { facts } = await staged(store, staging, Buffer.from('bytes'));
    expect(await kindOf(staging.stage('a', 'ffffffffffffffffffffffffffffffff', facts))).toBe('precondition');
    const large = { ...facts, size: 6 * 1024 ** 2 };
    expect(await kindOf(staging.stage('a', 'ffffffffffffffffffffffffffffffff', large))).toBe('precondition');
    expect(await listOutside(minioClient(), bucket)).toHaveLength(2);
    await store.close();
  });

  it('goes for good, with what is left of an upload, and may be gone already', async () => {
    const { bucket, store, staging } = await open();
    const { revision, kept, key } = await staged(store, staging, Buffer.from('bytes'));
    await store.parts?.begin(kept.slice('staged:'.length), {});
    await store.purge.dropKept('a', kept);
    await store.purge.dropKept('a', kept);
    expect(await listOutside(minioClient(), bucket)).toEqual([`${PREFIX}a`]);
    const uploads = await minioClient().send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key }));
    expect(uploads.Uploads ?? []).toEqual([]);
    expect(await kindOf(store.reinstate('a', revision, kept))).toBe('absent');
    await store.close();
  });

  for (const copies of [true, false]) {
    it(`of a large object passes through only where the server does not copy (it copies: ${copies})`, async () => {
      const refuses = (headers: object): boolean => !copies && 'x-amz-copy-source' in headers;
      const { bucket, proxy, store, staging } = await open({ refuses });
      const { key } = await staged(store, staging, randomBytes(6 * 1024 ** 2));
      const sent = proxy.sent.get(`PUT /${bucket}/${key}`) ?? 0;
      if (copies) expect(sent).toBe(0);
      else expect(sent).toBeGreaterThan(6 * 1024 ** 2);
      await store.close();
    });
  }
});
