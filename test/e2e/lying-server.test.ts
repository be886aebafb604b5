import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, type Ended, ferry } from '../support/cli.ts';
import { type Lie, liar, type Refusal } from '../support/liar.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { layOut, planDocument } from '../support/plan.ts';
import { factsIn } from '../support/tree.ts';

const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };

async function bucketBehind(lie: Lie, bucket: string, refuse?: Refusal) {
  const endpoint = await liar(inject('minio').endpoint, lie, refuse);
  return { type: 's3', endpoint, region: 'us-east-1', bucket, jurisdiction: 'NO', credentials };
}

/** Runs one file to a centre behind a liar, and shows that its source was not touched. */
async function runTo(lie: Lie, bytes: Uint8Array, refuse?: Refusal): Promise<Ended> {
  const hamar = await bucketBehind(lie, await newBucket(), refuse);
  const { legacy } = planDocument().stores;
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
  const laid = layOut({ stores: { legacy, hamar }, partitions, exclude: [] }, { 'users/NO/film': bytes });
  const before = factsIn(laid.legacy);
  const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
  expect(factsIn(laid.legacy)).toEqual(before);
  return ended;
}

const large = new Dice('liar').bytes(40 * 1024 ** 2);

describe('a centre that', () => {
  it('answers 200 with an error in the body when an upload is completed is not believed', async () => {
    let asked = 0;
    const refuse: Refusal = (request, told) => {
      if (request.method !== 'POST' || request.url?.includes('uploadId=') !== true) return false;
      asked += 1;
      told.writeHead(200, { 'content-type': 'application/xml' });
      told.end('<?xml version="1.0"?><Error><Code>InternalError</Code><Message>not really</Message></Error>');
      return true;
    };
    const ended = await runTo(() => false, large, refuse);
    expect(ended.code).toBe(4);
    expect(asked).toBeGreaterThan(1);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { failed: 1, tombstoned: 0 } } });
  });

  it('says that an upload is complete and has nothing is not believed', async () => {
    const refuse: Refusal = (request, told) => {
      if (request.method !== 'POST' || request.url?.includes('uploadId=') !== true) return false;
      told.writeHead(200, { 'content-type': 'application/xml' });
      told.end(
        '<?xml version="1.0"?><CompleteMultipartUploadResult><ETag>"x-3"</ETag></CompleteMultipartUploadResult>',
      );
      return true;
    };
    const ended = await runTo(() => false, large, refuse);
    expect(ended.code).toBe(4);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { failed: 1, tombstoned: 0 } } });
  });

  it('drops what it has acknowledged is found out', async () => {
    const ended = await runTo((asked, answer, told) => {
      if (asked.method !== 'GET' || !asked.url?.includes('/users/NO/film')) return false;
      answer.resume();
      told.writeHead(404, { 'content-type': 'application/xml' });
      told.end('<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>');
      return true;
    }, Buffer.from('small'));
    expect(ended.code).toBe(5);
    expect(documentOf(ended)).toMatchObject({
      unresolved: [{ state: 'failed', reason: expect.stringContaining('vanished') }],
    });
  });

  it('gives back other bytes of the same length is found out', async () => {
    const ended = await runTo((asked, answer, told) => {
      if (asked.method !== 'GET' || !asked.url?.includes('/users/NO/film')) return false;
      const { 'x-amz-checksum-sha256': _checksum, ...headers } = answer.headers;
      told.writeHead(200, headers);
      answer.on('data', (chunk: Buffer) => told.write(Buffer.from(chunk.map((byte) => byte ^ 1))));
      answer.on('end', () => told.end());
      return true;
    }, Buffer.from('small'));
    expect(ended.code).toBe(5);
  });
});

it('a centre that is its own source under another address is refused before a byte is destroyed', async () => {
  const bucket = await newBucket();
  const client = minioClient();
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'users/NO/only', Body: 'the only copy' }));
  const { endpoint } = inject('minio');
  const legacy = { type: 's3', endpoint, region: 'us-east-1', bucket, jurisdiction: 'SG', credentials };
  const hamar = { ...legacy, endpoint: endpoint.replace('127.0.0.1', 'localhost'), jurisdiction: 'NO' };
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
  const laid = layOut({ stores: { legacy, hamar }, partitions, exclude: [] }, {});
  const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
  expect(ended.code, ended.stderr).toBe(3);
  expect(ended.stderr).toContain('the same place under another name');
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
  expect(Contents?.map((item) => item.Key)).toEqual(['users/NO/only']);
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'users/NO/only' }));
  expect(await Body?.transformToString()).toBe('the only copy');
});

describe('a source', () => {
  it('whose answers are cut short is read again, and never taken for whole', async () => {
    const bucket = await newBucket();
    const body = new Dice('cut').bytes(2_000_000);
    await minioClient().send(new PutObjectCommand({ Bucket: bucket, Key: 'users/NO/film', Body: body }));
    let cuts = 0;
    const legacy = await bucketBehind((asked, answer, told) => {
      if (asked.method !== 'GET' || !asked.url?.includes('/users/NO/film') || cuts >= 2) return false;
      cuts += 1;
      told.writeHead(200, answer.headers);
      answer.once('data', (chunk: Buffer) => {
        told.write(chunk, () => told.destroy());
        answer.destroy();
      });
      return true;
    }, bucket);
    const { hamar } = planDocument().stores;
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
    const laid = layOut({ stores: { legacy: { ...legacy, jurisdiction: 'SG' }, hamar }, partitions, exclude: [] }, {});
    const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(ended.code, ended.stderr).toBe(0);
    expect(cuts).toBe(2);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { tombstoned: 1 } } });
  });

  it('whose metadata alone was changed after the copy keeps it', async () => {
    const bucket = await newBucket();
    const client = minioClient();
    const put = async (colour: string) =>
      await client.send(
        new PutObjectCommand({ Bucket: bucket, Key: 'users/NO/film', Body: 'same', Metadata: { colour } }),
      );
    await put('blue');
    const legacy = {
      type: 's3',
      endpoint: inject('minio').endpoint,
      region: 'us-east-1',
      bucket,
      jurisdiction: 'SG',
      credentials,
    };
    const hamar = { ...legacy, bucket: await newBucket(), jurisdiction: 'NO' };
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
    const laid = layOut({ stores: { legacy, hamar }, partitions, exclude: [] }, {});
    expect((await ferry(['run', laid.plan, '--until', 'verified'], minioEnv())).code).toBe(0);
    await put('red');
    const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(ended.code).toBe(4);
    expect(documentOf(ended)).toMatchObject({ unresolved: [{ state: 'conflict' }] });
    const again = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(again.code, 'the centre still has the old colour').toBe(4);
  });
});
