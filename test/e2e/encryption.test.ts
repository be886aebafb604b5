import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { type Laid, layOut, planDocument } from '../support/plan.ts';

const FILES = { 'users/NO/small': 'hello', 'users/NO/large': new Dice('encrypted').bytes(40 * 1024 ** 2) };

function bucketStore(bucket: string, more: Record<string, unknown> = {}) {
  const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };
  return {
    type: 's3',
    endpoint: inject('minio').endpoint,
    region: 'us-east-1',
    bucket,
    jurisdiction: 'NO',
    credentials,
    ...more,
  };
}

function layOutTo(hamar: unknown, more: Record<string, unknown> = {}): Laid {
  const { legacy } = planDocument().stores;
  const partitions = [
    { name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar', encryption: 'required' },
  ];
  return layOut({ stores: { legacy, hamar }, partitions, exclude: [], ...more }, FILES);
}

describe('encryption at rest', () => {
  it.each([
    ['SSE-S3', { type: 'SSE-S3' }, 'AES256'],
    ['SSE-KMS', { type: 'SSE-KMS', keyId: 'tests' }, 'aws:kms'],
  ])('%s is asked for, looked at, and no obstacle to any step', async (_name, encryption, algorithm) => {
    const bucket = await newBucket();
    const laid = layOutTo(bucketStore(bucket, { encryption }));
    const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { tombstoned: 2 } } });
    const client = minioClient();
    for (const Key of Object.keys(FILES)) {
      const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
      expect(head.ServerSideEncryption, Key).toBe(algorithm);
    }
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'users/NO/small' }));
    expect(await Body?.transformToString()).toBe('hello');
    expect((await ferry(['verify', laid.plan], minioEnv())).code).toBe(0);
    expect((await ferry(['restore', laid.plan], minioEnv())).code).toBe(0);
  });

  it('that is required and not there fails the object, and its source stays', async () => {
    const laid = layOutTo(bucketStore(await newBucket()));
    const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(ended.code).toBe(4);
    expect(documentOf(ended)).toMatchObject({
      totals: { states: { failed: 2, tombstoned: 0 } },
      unresolved: [{ reason: expect.stringContaining('encrypts') }, {}],
    });
  });

  it('of a source is no obstacle, also where its ETag is no MD5', async () => {
    const bucket = await newBucket();
    const put = { Bucket: bucket, ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'tests' } as const;
    await minioClient().send(new PutObjectCommand({ ...put, Key: 'users/NO/a', Body: 'secret' }));
    const { hamar } = planDocument().stores;
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
    const laid = layOut({ stores: { legacy: bucketStore(bucket), hamar }, partitions, exclude: [] }, {});
    const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(ended.code, ended.stderr).toBe(0);
  });

  it('with a key that is none is refused by the name of its variable, never by its value', async () => {
    // Over http, the plan would be refused before its key is looked for; nothing is asked of this one.
    const endpoint = 'https://s3.hamar.example';
    const encryption = { type: 'SSE-C', keyEnv: 'FERRY_TEST_CKEY' };
    const laid = layOutTo(bucketStore('users', { endpoint, encryption }));
    const missing = await ferry(['run', laid.plan], minioEnv());
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('FERRY_TEST_CKEY is not set') });
    const wrong = await ferry(['run', laid.plan], { ...minioEnv(), FERRY_TEST_CKEY: 'planted-key' });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).not.toContain('planted-key');
  });
});
