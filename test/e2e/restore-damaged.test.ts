import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, inject, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

it('a restore whose only copy is no longer the verified one is an integrity fault, and leaves the marker', async () => {
  const dir = tempDir();
  const bucket = await newBucket();
  const client = minioClient();
  const Key = 'users/NO/a';
  await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'first' }));
  const document = planDocument();
  const legacy = {
    type: 's3',
    endpoint: inject('minio').endpoint,
    region: 'us-east-1',
    bucket,
    jurisdiction: 'SG',
    credentials: { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' },
  };
  const plan = join(dir, 'plan.json');
  writeFileSync(plan, JSON.stringify({ ...document, stores: { ...document.stores, legacy } }));
  const ran = await ferry(['run', plan, '--json', '--progress', 'none'], minioEnv());
  expect(ran.code, ran.stderr).toBe(0);
  const copy = join(dir, 'hamar', Key);
  expect(readFileSync(copy, 'utf8')).toBe('first');
  writeFileSync(copy, 'worse');
  const ended = await ferry(['restore', plan, '--json'], minioEnv());
  expect(ended.code, ended.stderr).toBe(5);
  expect(documentOf(ended)).toMatchObject({ left: [{ key: Key }], transferred: { objects: 0 } });
  const there = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
  expect(await there.Body?.transformToString()).toContain('ferry/tombstone/v1');
});
