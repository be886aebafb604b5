import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { type KeyCapability, probeKeys } from '../../src/migration/probe-keys.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { makeStore } from '../../src/store/open-store.ts';
import type { ListEntry, Store } from '../../src/store/store.ts';
import { ForwardingStore } from '../../src/store/wrap/forwarding.ts';
import { minioClient, minioEnv, newBucket, s3Spec } from '../support/minio.ts';

const never = new AbortController().signal;
const ALL: readonly KeyCapability[] = [
  'lists-key-under-key',
  'keeps-leading-slash',
  'keeps-empty-segment',
  'keeps-dot-segment',
];

async function open(bucket: string, prefix = ''): Promise<Store> {
  const store = await makeStore(s3Spec('s', bucket, prefix), minioEnv());
  await store.open({ create: false });
  return store;
}

/** Everything in a bucket, hidden versions and delete markers too. */
async function allIn(client: S3Client, bucket: string): Promise<unknown[]> {
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  return [...Versions, ...DeleteMarkers];
}

/** Remembers the keys that were written, and can break when it lists. */
class Watched extends ForwardingStore {
  readonly written: string[] = [];
  broken = false;

  override async create(...args: Parameters<Store['create']>): ReturnType<Store['create']> {
    this.written.push(args[0]);
    return await this.inner.create(...args);
  }

  override list(...args: Parameters<Store['list']>): AsyncIterable<readonly ListEntry[]> {
    if (this.broken) throw new Error('the connection broke');
    return this.inner.list(...args);
  }
}

describe('trying what a store does with keys', () => {
  for (const versioned of [false, true]) {
    for (const prefix of ['', 'pre/']) {
      it(`finds MinIO unable and leaves nothing there (versioned: ${versioned}, prefix: "${prefix}")`, async () => {
        const bucket = await newBucket({ versioned });
        const store = new Watched(await open(bucket, prefix));
        for (const capability of ALL) expect(await probeKeys(store, capability, never), capability).toBe(false);
        expect(store.written).toHaveLength(5);
        for (const key of store.written) expect(await store.head(key).catch(() => undefined)).toBeUndefined();
        expect(await allIn(minioClient(), bucket)).toEqual([]);
      });
    }
  }

  it('leaves nothing when it breaks half-way', async () => {
    const bucket = await newBucket({ versioned: true });
    const store = new Watched(await open(bucket));
    store.broken = true;
    // The others MinIO refuses outright, so that nothing is listed.
    for (const capability of ALL.slice(0, 2)) {
      await expect(probeKeys(store, capability, never)).rejects.toThrow('the connection broke');
    }
    for (const key of store.written) expect(await store.head(key).catch(() => undefined)).toBeUndefined();
    expect(await allIn(minioClient(), bucket)).toEqual([]);
  });

  it('finds a store able that keeps all keys', async () => {
    const store = new MemoryStore({ name: 'm' });
    for (const capability of ALL) expect(await probeKeys(store, capability, never), capability).toBe(true);
    for await (const page of store.list({})) expect(page).toEqual([]);
  });
});
