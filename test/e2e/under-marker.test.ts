import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { HttpRequest } from '@smithy/types';
import { describe, expect, inject, it } from 'vitest';
import { documentOf, type Ended, ferry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { planDocument } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { tempDir } from '../support/temp.ts';

interface Outcome {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly left?: readonly { readonly reason: string }[];
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

/** What someone did before the marker was put, and the server had done only after ferry had looked. */
type Late = 'write' | 'delete';

const NO_HOLD = { hold: '0s' };

/**
 * MinIO takes the time by which it orders versions before a write waits for its turn. It takes that time from who replicates, too, so
 * that a test need not hit the moment.
 */
function dated(client: S3Client, at: Date): S3Client {
  client.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as HttpRequest;
      headers['x-minio-source-mtime'] = at.toISOString();
      headers['x-minio-source-replication-request'] = 'true';
      return next(args);
    },
    { step: 'build' },
  );
  return client;
}

/** A plan that empties a bucket with versions; `meanwhile` is done right after ferry's look at what its marker has covered. */
async function lay(change: object = {}, versions: 'current' | 'all' = 'current') {
  const [from, to] = [await newBucket({ versioned: true }), await newBucket({ versioned: versions === 'all' })];
  const hooks: { meanwhile?: () => Promise<void> } = {};
  let isPut = false;
  const proxy = await countingProxy(inject('minio').endpoint, {
    heard: (name) => {
      isPut ||= name === `PUT /${from}/a`;
      const { meanwhile } = hooks;
      if (!isPut || meanwhile === undefined || !name.startsWith(`GET /${from}`) || name.includes('/a'))
        return undefined;
      delete hooks.meanwhile;
      return meanwhile();
    },
  });
  const plan = join(tempDir(), 'plan.json');
  const stores = {
    legacy: { ...bucketStore(from, 'SG'), endpoint: proxy.endpoint },
    centre: bucketStore(to, 'NO'),
  };
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre', versions }];
  writeFileSync(plan, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [], ...change }));
  const client = minioClient();
  await client.send(new PutObjectCommand({ Bucket: from, Key: 'a', Body: 'first' }));
  const { LastModified } = await client.send(new HeadObjectCommand({ Bucket: from, Key: 'a' }));
  const begun = new Date((LastModified?.getTime() ?? 0) + 1_001);
  // Only then can a write lie between the object and the marker.
  while (Date.now() <= begun.getTime()) await new Promise((done) => setTimeout(done, 10));
  const late = async (what: Late): Promise<void> => {
    const at = { Bucket: from, Key: 'a' };
    const writer = dated(minioClient(), begun);
    if (what === 'write') await writer.send(new PutObjectCommand({ ...at, Body: 'late', Metadata: { by: 'app' } }));
    else await writer.send(new DeleteObjectCommand(at));
  };
  const call = async (...args: [string, ...string[]]): Promise<Ended> =>
    await ferry([args[0], plan, '--json', ...args.slice(1)], minioEnv());
  return { from, to, call, late, hooks };
}

/** What an application reads under the key. */
async function seen(Bucket: string): Promise<string | undefined> {
  try {
    const got = await minioClient().send(new GetObjectCommand({ Bucket, Key: 'a' }));
    const isMarker = got.ContentType === 'application/vnd.ferry.tombstone+json';
    return isMarker ? 'TOMBSTONE' : await got.Body?.transformToString();
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
    throw error;
  }
}

/** How many states the key has. */
async function statesOf(Bucket: string): Promise<number> {
  const { Versions = [], DeleteMarkers = [] } = await minioClient().send(
    new ListObjectVersionsCommand({ Bucket, Prefix: 'a' }),
  );
  return Versions.length + DeleteMarkers.length;
}

const CASES = [
  ['write', 'late'],
  ['delete', undefined],
] as const;
const conflict = [{ key: 'a', state: 'conflict', reason: expect.stringContaining('came to lie under it') }];

describe.each(CASES)('a %s that came to lie under its tombstone', (what, left) => {
  it.each(['current', 'all'] as const)('shows again at the end of the same run (versions: %s)', async (versions) => {
    const { from, call, late, hooks } = await lay({}, versions);
    hooks.meanwhile = () => late(what);
    const run = await call('run');
    expect(hooks.meanwhile, 'ferry looked').toBe(undefined);
    expect(documentOf<Outcome>(run).unresolved).toEqual([expect.objectContaining(conflict[0])]);
    expect(run.code).toBe(4);
    expect(await seen(from)).toBe(left);
    expect(await statesOf(from)).toBe(2);
  });

  it('shows again with the next run', async () => {
    const { from, call, late } = await lay();
    expect((await call('run')).code).toBe(0);
    await late(what);
    expect(await seen(from)).toBe('TOMBSTONE');
    const again = await call('run');
    expect(documentOf<Outcome>(again).unresolved).toEqual([expect.objectContaining(conflict[0])]);
    expect(await seen(from)).toBe(left);
  });

  it('shows again with a restore, which brings nothing older back over it', async () => {
    const { from, call, late } = await lay();
    await call('run');
    await late(what);
    const restore = await call('restore');
    expect(restore.code, restore.stderr).toBe(4);
    expect(await seen(from)).toBe(left);
  });

  it('shows again with a purge, which purges nothing', async () => {
    const { from, call, late } = await lay({ tombstone: NO_HOLD });
    await call('run');
    await late(what);
    const purge = await call('purge', '--yes');
    expect(purge.code, purge.stderr).toBe(4);
    expect(await seen(from)).toBe(left);
    expect(await statesOf(from)).toBe(2);
  });
});

it('a write that came to lie under a tombstone moves with the next run where histories move', async () => {
  const { from, to, call, late } = await lay({}, 'all');
  await call('run');
  await late('write');
  expect((await call('run')).code).toBe(4);
  const third = await call('run');
  expect(third.code, third.stdout).toBe(0);
  expect([await seen(from), await seen(to)]).toEqual(['TOMBSTONE', 'late']);
});

it('a tombstone over versions that a rule of the bucket has removed since stays', async () => {
  const { from, call } = await lay();
  await call('run');
  const client = minioClient();
  const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: from, Prefix: 'a' }));
  const old = Versions.find(({ IsLatest }) => IsLatest !== true);
  await client.send(new DeleteObjectCommand({ Bucket: from, Key: 'a', VersionId: old?.VersionId }));
  expect((await call('run')).code).toBe(0);
  expect(await seen(from)).toBe('TOMBSTONE');
});
