import {
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { sha256Hex } from '../../src/base/digest.ts';
import { digestOfObject } from '../../src/migration/bytes.ts';
import { Dice } from '../../src/rehearsal/dice.ts';
import { makeStore } from '../../src/store/open-store.ts';
import type { Attributes, Store } from '../../src/store/store.ts';
import { liar } from '../support/liar.ts';
import { minioClient, minioEnv, newBucket, s3Spec } from '../support/minio.ts';

const DAY = 86_400_000;
const bytes = new TextEncoder().encode('hello');

async function open(bucket: string, endpoint = inject('minio').endpoint): Promise<Store> {
  const store = await makeStore({ ...s3Spec('s', bucket), endpoint }, minioEnv());
  await store.open({ create: false });
  return store;
}

async function* streamed(): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const LOCKED: Attributes = {
  objectLock: { retention: { mode: 'GOVERNANCE', untilMs: Date.now() + DAY }, legalHold: true },
};

async function inParts(store: Store, key: string, attributes: Attributes): Promise<void> {
  const { parts } = store;
  if (parts === undefined) throw new Error('no parts');
  const upload = await parts.begin(key, { attributes });
  const sha256 = sha256Hex(bytes);
  const part = await parts.put(key, upload, 1, bytes, { sha256 });
  await parts.complete(key, upload, [{ ...part, sha256 }]);
}

describe('object lock in S3', () => {
  it.each([
    ['whole', async (store: Store) => await store.create('k', bytes, { size: 5, attributes: LOCKED })],
    ['streamed', async (store: Store) => await store.create('k', streamed(), { size: 5, attributes: LOCKED })],
    ['in parts', async (store: Store) => await inParts(store, 'k', LOCKED)],
  ])('goes with an object that is written %s', async (_, write) => {
    const bucket = await newBucket({ lock: 'none by default' });
    const store = await open(bucket);
    expect(store.holds.has('objectLock')).toBe(true);
    await write(store);
    expect((await store.head('k'))?.attributes.objectLock).toEqual(LOCKED.objectLock);
    const reader = await store.read('k');
    await reader.discard();
    expect(reader.head.attributes.objectLock).toEqual(LOCKED.objectLock);
    const seen = await minioClient().send(new HeadObjectCommand({ Bucket: bucket, Key: 'k' }));
    expect(seen).toMatchObject({ ObjectLockMode: 'GOVERNANCE', ObjectLockLegalHoldStatus: 'ON' });
    expect(seen.ObjectLockRetainUntilDate?.getTime()).toBe(LOCKED.objectLock?.retention?.untilMs);
    await store.close();
  });

  it('that has passed is left out, and what is left of it goes along', async () => {
    const store = await open(await newBucket({ lock: 'none by default' }));
    const retention = { mode: 'COMPLIANCE', untilMs: Date.now() - 1 };
    await store.create('past', bytes, { size: 5, attributes: { objectLock: { retention } } });
    await store.create('hold', bytes, { size: 5, attributes: { objectLock: { retention, legalHold: true } } });
    expect((await store.head('past'))?.attributes.objectLock).toBeUndefined();
    expect((await store.head('hold'))?.attributes.objectLock).toEqual({ legalHold: true });
    await store.close();
  });

  it('is not held by a bucket without it, versioned or not', async () => {
    for (const versioned of [false, true]) {
      const store = await open(await newBucket({ versioned }));
      expect([store.holds.has('objectLock'), store.mayHold?.has('objectLock')]).toEqual([false, false]);
      await expect(store.create('k', bytes, { size: 5, attributes: LOCKED })).rejects.toMatchObject({ kind: 'other' });
      expect(await store.head('k')).toBeUndefined();
      await store.close();
    }
  });

  it('is not counted on where the server will not say', async () => {
    const endpoint = await liar(
      inject('minio').endpoint,
      () => false,
      (asked, told) => {
        if (!/[?&]object-lock/.test(asked.url ?? '')) return false;
        told.writeHead(403, { 'content-type': 'application/xml' });
        told.end('<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>');
        return true;
      },
    );
    const store = await open(await newBucket({ lock: 'none by default' }), endpoint);
    expect([store.holds.has('objectLock'), store.mayHold?.has('objectLock')]).toEqual([false, true]);
    await store.close();
  });

  it('comes back with a kept version, and the versions before stay', async () => {
    const store = await open(await newBucket({ lock: 'none by default' }));
    const first = await store.create('k', bytes, { size: 5, attributes: LOCKED });
    const { head, kept } = await store.replace('k', first.revision, new Uint8Array(1), { size: 1 });
    expect((await store.head('k'))?.attributes.objectLock).toBeUndefined();
    await store.reinstate('k', head.revision, kept ?? '');
    expect((await store.head('k'))?.attributes.objectLock).toEqual(LOCKED.objectLock);
    expect((await store.headKept('k', kept ?? ''))?.size).toBe(5);
    await store.close();
  });

  it.each(['GOVERNANCE', 'COMPLIANCE'] as const)('by default (%s) leaves a removed probe hidden', async (lock) => {
    const bucket = await newBucket({ lock });
    const store = await open(bucket);
    const { revision } = await store.create('k', bytes, { size: 5 });
    expect((await store.head('k'))?.attributes.objectLock?.retention?.mode).toBe(lock);
    await expect(store.remove('k', 'another')).rejects.toMatchObject({ kind: 'precondition' });
    await store.remove('k', revision);
    expect(await store.head('k')).toBeUndefined();
    expect((await minioClient().send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).toEqual([]);
    await store.close();
  });

  // MinIO keeps a key from being written while one of its versions is read: a body that streams from one to the other would hang.
  it.each([6, 66])(
    'by default keeps a marker, over which a kept version of %i MiB is written again, or nothing',
    async (mebibytes) => {
      const bucket = await newBucket({ lock: 'GOVERNANCE' });
      const client = minioClient();
      const large = new Dice('kept').bytes(mebibytes * 1024 ** 2);
      const { retention } = LOCKED.objectLock ?? {};
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: 'k',
          Body: large,
          ContentType: 'film/x',
          ChecksumAlgorithm: 'SHA256',
          ObjectLockMode: 'GOVERNANCE',
          ObjectLockRetainUntilDate: new Date(retention?.untilMs ?? 0),
          ObjectLockLegalHoldStatus: 'ON',
        }),
      );
      const store = await open(bucket);
      const first = await store.head('k');
      const { head, kept = '' } = await store.replace('k', first?.revision ?? '', new Uint8Array(1), { size: 1 });
      await expect(store.reinstate('k', first?.revision, kept)).rejects.toMatchObject({ kind: 'precondition' });
      await expect(store.reinstate('k', undefined, kept)).rejects.toMatchObject({ kind: 'exists' });
      expect((await store.head('k'))?.revision).toBe(head.revision);
      const back = await store.reinstate('k', head.revision, kept);
      expect(back).toMatchObject({
        size: large.byteLength,
        attributes: { contentType: 'film/x', objectLock: LOCKED.objectLock },
      });
      expect((await digestOfObject(store, 'k', {})).sha256).toBe(sha256Hex(large));
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'k' }));
      expect(Uploads).toEqual([]);
      await store.close();
    },
  );
});
