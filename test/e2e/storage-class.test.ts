import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HeadObjectCommand, PutObjectCommand, type StorageClass } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { liar } from '../support/liar.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { tempDir } from '../support/temp.ts';

interface RunDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

const REDUCED = 'REDUCED_REDUNDANCY';

async function put(Bucket: string, Key: string, StorageClass?: StorageClass, size = 5): Promise<void> {
  const input = { Bucket, Key, Body: Buffer.alloc(size, Key), ...(StorageClass && { StorageClass }) };
  await minioClient().send(new PutObjectCommand(input));
}

async function classOf(Bucket: string, Key: string): Promise<string> {
  return (await minioClient().send(new HeadObjectCommand({ Bucket, Key }))).StorageClass ?? 'STANDARD';
}

function planOf(legacy: object, hamar: object, change: object) {
  const plan = join(tempDir(), 'plan.json');
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }];
  const write = (more: object): void =>
    writeFileSync(
      plan,
      JSON.stringify({
        apiVersion: 'ferry/v1',
        name: 'classes',
        runner: { jurisdiction: 'IE' },
        stores: { legacy, hamar },
        partitions,
        ...more,
      }),
    );
  write(change);
  const call = async (command: string) =>
    await ferry([command, plan, '--json', ...(command === 'run' ? ['--progress', 'none'] : [])], minioEnv());
  return { write, call };
}

describe('a storage class that the plan maps', () => {
  it('is the one at the centre, small and in parts, by plan and partition; the source gets its own back', async () => {
    const [source, centre] = [await newBucket(), await newBucket()];
    await put(source, 'a/reduced', REDUCED);
    await put(source, 'a/large', REDUCED, 33 * 1024 ** 2);
    await put(source, 'a/standard');
    await put(source, 'b/reduced', REDUCED);
    await put(source, 'b/standard');
    const way = { from: 'legacy', to: 'hamar' };
    const { call } = planOf(bucketStore(source, 'SG'), bucketStore(centre, 'NO'), {
      finish: 'tombstoned',
      storageClass: { [REDUCED]: 'STANDARD' },
      partitions: [
        { name: 'a', select: { prefix: 'a/' }, ...way },
        { name: 'b', select: { prefix: 'b/' }, ...way, storageClass: { [REDUCED]: REDUCED, '*': REDUCED } },
      ],
    });
    const ended = await call('run');
    expect(ended.code, ended.stderr + ended.stdout).toBe(0);
    const classes = async (bucket: string) =>
      Object.fromEntries(
        await Promise.all(
          ['a/reduced', 'a/large', 'a/standard', 'b/reduced', 'b/standard'].map(async (key) => [
            key,
            await classOf(bucket, key),
          ]),
        ),
      );
    expect(await classes(centre)).toEqual({
      'a/reduced': 'STANDARD',
      'a/large': 'STANDARD',
      'a/standard': 'STANDARD',
      'b/reduced': REDUCED,
      'b/standard': REDUCED,
    });
    expect((await call('verify')).code).toBe(0);
    expect((await call('restore')).code).toBe(0);
    expect(await classes(source)).toEqual({
      'a/reduced': REDUCED,
      'a/large': REDUCED,
      'a/standard': 'STANDARD',
      'b/reduced': REDUCED,
      'b/standard': 'STANDARD',
    });
  });

  it('is missed in a copy that was there before, unless it may be lost', async () => {
    const [source, centre] = [await newBucket(), await newBucket()];
    await put(source, 'down', REDUCED);
    await put(centre, 'down', REDUCED);
    await put(source, 'other');
    await put(centre, 'other', REDUCED);
    const storageClass = { [REDUCED]: 'STANDARD' };
    const { write, call } = planOf(bucketStore(source, 'SG'), bucketStore(centre, 'NO'), { storageClass });
    const ended = await call('run');
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended)).toMatchObject({
      totals: { states: { verified: 1, failed: 1 } },
      unresolved: [
        { key: 'down', reason: expect.stringContaining(`storageClass ("${REDUCED}" there, "STANDARD" copied)`) },
      ],
    });
    write({ storageClass, accept: ['storageClass'] });
    expect((await call('run')).code).toBe(0);
  });

  it('that the centre does not know fails the object; mapped to STANDARD, a folder loses none', async () => {
    const source = await newBucket();
    await put(source, 'k', REDUCED);
    const { call } = planOf(bucketStore(source, 'SG'), bucketStore(await newBucket(), 'NO'), {
      storageClass: { '*': 'NO_SUCH_CLASS' },
    });
    const ended = await call('run');
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended).unresolved[0]?.reason).toContain('InvalidStorageClass');

    const folder = { type: 'file', path: './hamar', jurisdiction: 'NO' };
    const change = { name: 'folder', accept: ['contentType'] };
    const there = planOf(bucketStore(source, 'SG'), folder, { ...change, storageClass: { '*': 'STANDARD' } });
    const dry = documentOf<{ partitions: { losses: object }[] }>(await there.call('plan'));
    expect(dry.partitions[0]?.losses).not.toHaveProperty('storageClass');
    const moved = await there.call('run');
    expect(moved.code, moved.stdout).toBe(0);
  });
});

it('an archived object fails with what to do about it', async () => {
  const source = await newBucket();
  await put(source, 'cold');
  await put(source, 'warm');
  // No server at hand archives: this is AWS's answer (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
  const endpoint = await liar(
    inject('minio').endpoint,
    () => false,
    (asked, told) => {
      if (asked.method !== 'GET' || !asked.url?.includes('/cold')) return false;
      told.writeHead(403, { 'content-type': 'application/xml' });
      told.end(
        `<?xml version="1.0"?><Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class</Message><StorageClass>GLACIER</StorageClass></Error>`,
      );
      return true;
    },
  );
  const { call } = planOf(bucketStore(source, 'SG', { endpoint }), bucketStore(await newBucket(), 'NO'), {});
  const ended = await call('run');
  expect(ended.code, ended.stderr).toBe(4);
  expect(documentOf<RunDocument>(ended)).toMatchObject({
    totals: { states: { verified: 1, failed: 1 } },
    unresolved: [
      { key: 'cold', reason: expect.stringContaining('it is archived (GLACIER): restore it at legacy first') },
    ],
  });
});
