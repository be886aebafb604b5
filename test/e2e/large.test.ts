import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, ferry, startFerry } from '../support/cli.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { type Laid, layOut, planDocument } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';

const MIB = 1024 ** 2;
const PART = 16 * MIB;
const SIZE = 200 * MIB + 12_345;
const PARTS = Math.ceil(SIZE / PART);
const IN_PARALLEL = 4;

async function layOutLarge(
  finish: string,
  more: Record<string, unknown> = {},
): Promise<Laid & { bucket: string; parts: () => number[] }> {
  const proxy = await countingProxy(inject('minio').endpoint);
  const bucket = await newBucket();
  const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };
  const hamar = { type: 's3', endpoint: proxy.endpoint, region: 'us-east-1', bucket, jurisdiction: 'NO', credentials };
  const { legacy, dublin } = planDocument().stores;
  const laid = layOut(
    { stores: { legacy, hamar, dublin }, finish, ...more },
    { 'users/NO/film.mp4': new Dice('film').bytes(SIZE), 'users/DE/x': 'x' },
  );
  return {
    ...laid,
    bucket,
    parts: () =>
      [...proxy.done].filter(([name]) => name.startsWith('PUT ') && name.includes('film')).map(([, times]) => times),
  };
}

async function sha256Of(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}

describe('a large object', () => {
  it('killed again and again goes on at the part, and arrives whole', async () => {
    const laid = await layOutLarge('tombstoned');
    const expected = await sha256Of(createReadStream(join(laid.legacy, 'users/NO/film.mp4')));
    const dice = new Dice('large');
    let kills = 0;
    for (let n = 0; n < 8; n += 1) {
      const started = startFerry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
      const over = new AbortController();
      void started.ended.then(() => over.abort());
      await delay(500 + dice.below(500), undefined, { signal: over.signal }).catch(() => undefined);
      started.child.kill('SIGKILL');
      if ((await started.ended).code === null) kills += 1;
    }
    const last = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(last.code, last.stderr).toBe(0);
    expect(kills).toBeGreaterThan(1);
    const sent = laid.parts().reduce((sum, times) => sum + times, 0);
    expect(sent).toBeLessThanOrEqual(PARTS + kills * IN_PARALLEL);
    const client = minioClient();
    const { Body } = await client.send(new GetObjectCommand({ Bucket: laid.bucket, Key: 'users/NO/film.mp4' }));
    expect(await sha256Of(Body as AsyncIterable<Uint8Array>)).toBe(expected);
    expect(
      (await client.send(new ListMultipartUploadsCommand({ Bucket: laid.bucket, Prefix: 'users/NO/film.mp4' })))
        .Uploads ?? [],
    ).toEqual([]);
    expect(readFileSync(join(laid.legacy, 'users/NO/film.mp4'), 'utf8')).toContain('ferry/tombstone/v1');
  }, 300_000);

  it('is attested by the digests of its parts', async () => {
    const laid = await layOutLarge('verified', {
      verify: 'attested',
      partitions: [
        { name: 'nordic', from: 'legacy', select: { prefix: 'users/NO/' }, to: 'hamar' },
        { name: 'rest', from: 'legacy', select: { prefix: 'users/' }, to: 'dublin' },
      ],
    });
    const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none', '--partition', 'nordic'], minioEnv());
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ partitions: [{ name: 'nordic', states: { verified: 1 } }, {}] });
    const head = await minioClient().send(
      new HeadObjectCommand({ Bucket: laid.bucket, Key: 'users/NO/film.mp4', ChecksumMode: 'ENABLED' }),
    );
    expect(head.ChecksumSHA256).toMatch(new RegExp(`-${PARTS}$`));
  }, 300_000);

  it('is not overwritten at a centre that holds another, whose own upload stays too', async () => {
    const laid = await layOutLarge('verified');
    const client = minioClient();
    await client.send(new PutObjectCommand({ Bucket: laid.bucket, Key: 'users/NO/film.mp4', Body: 'theirs' }));
    const theirs = await client.send(
      new CreateMultipartUploadCommand({ Bucket: laid.bucket, Key: 'users/NO/other.mp4' }),
    );
    const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    expect(ended.code).toBe(4);
    expect(documentOf(ended)).toMatchObject({ unresolved: [{ state: 'conflict' }] });
    const { Body } = await client.send(new GetObjectCommand({ Bucket: laid.bucket, Key: 'users/NO/film.mp4' }));
    expect(await Body?.transformToString()).toBe('theirs');
    expect((await ferry(['cleanup', laid.plan], minioEnv())).code).toBe(0);
    const uploads = await client.send(
      new ListMultipartUploadsCommand({ Bucket: laid.bucket, Prefix: 'users/NO/other.mp4' }),
    );
    expect(uploads.Uploads?.map((upload) => upload.UploadId)).toEqual([theirs.UploadId]);
  }, 300_000);

  it('whose run was given up leaves nothing behind after a cleanup', async () => {
    const laid = await layOutLarge('copied', { limits: { bandwidth: '20MiB/s' } });
    const started = startFerry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
    while ((laid.parts()[0] ?? 0) < 3) await delay(20);
    started.child.kill('SIGKILL');
    await started.ended;
    const listed = async () =>
      (await minioClient().send(new ListMultipartUploadsCommand({ Bucket: laid.bucket, Prefix: 'users/NO/film.mp4' })))
        .Uploads ?? [];
    expect(await listed()).toHaveLength(1);
    const ended = await ferry(['cleanup', laid.plan, '--json'], minioEnv());
    expect(documentOf(ended)).toMatchObject({ uploads: 1 });
    expect(await listed()).toEqual([]);
    writeFileSync(join(laid.legacy, 'users/NO/film.mp4'), 'short now');
    expect((await ferry(['run', laid.plan], minioEnv())).code).toBe(0);
  }, 300_000);

  it('comes back over its tombstone in a bucket that keeps no versions', async () => {
    const bucket = await newBucket();
    const client = minioClient();
    const film = new Dice('back').bytes(70 * MIB);
    await client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: 'users/NO/film.mp4',
        Body: film,
        ContentType: 'video/mp4',
        Metadata: { rating: '12' },
      }),
    );
    const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };
    const legacy = {
      type: 's3',
      endpoint: inject('minio').endpoint,
      region: 'us-east-1',
      bucket,
      jurisdiction: 'SG',
      credentials,
    };
    const { dublin } = planDocument().stores;
    const laid = layOut(
      { stores: { legacy, hamar: { ...legacy, bucket: await newBucket(), jurisdiction: 'NO' }, dublin } },
      {},
    );
    expect((await ferry(['run', laid.plan, '--json'], minioEnv())).code).toBe(0);
    const marker = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'users/NO/film.mp4' }));
    expect(marker.Metadata).toMatchObject({ 'ferry-tombstone': 'v1' });
    const ended = await ferry(['restore', laid.plan, '--json'], minioEnv());
    expect(ended.code, ended.stderr).toBe(0);
    const back = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'users/NO/film.mp4' }));
    expect([back.ContentType, back.Metadata]).toEqual(['video/mp4', { rating: '12' }]);
    expect(await sha256Of(back.Body as AsyncIterable<Uint8Array>)).toBe(
      createHash('sha256').update(film).digest('hex'),
    );
  }, 300_000);
});
