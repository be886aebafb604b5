import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { expect, inject, it } from 'vitest';
import { documentOf, type Ended, ferry, type Started, startFerry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { countingProxy } from '../support/proxy.ts';
import { tempDir } from '../support/temp.ts';

interface RunDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly transferred: { readonly objects: number; readonly bytes: number };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

interface PlanDocument {
  readonly partitions: readonly { readonly objects: number; readonly history: object; readonly alreadyThere: number }[];
  readonly findings: readonly { readonly rule: string; readonly severity: string }[];
}

function planOf(source: string, centre: string, change: object = {}) {
  const dir = tempDir();
  const plan = join(dir, 'plan.json');
  const document = (more: object): string =>
    JSON.stringify({
      apiVersion: 'ferry/v1',
      name: 'versions',
      runner: { jurisdiction: 'IE' },
      stores: { legacy: bucketStore(source, 'SG'), hamar: bucketStore(centre, 'NO') },
      partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar', versions: 'all' }],
      ...change,
      ...more,
    });
  const write = (more: object): void => writeFileSync(plan, document(more));
  write({});
  const call = async (command: string, ...more: string[]): Promise<Ended> =>
    await ferry([command, plan, '--json', ...more], minioEnv());
  return { dir, plan, write, call };
}

const put = async (Bucket: string, Key: string, Body: string | Uint8Array, more: Partial<PutObjectCommandInput> = {}) =>
  await minioClient().send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const erase = async (Bucket: string, Key: string) => await minioClient().send(new DeleteObjectCommand({ Bucket, Key }));
const setVersioning = async (Bucket: string, Status: 'Enabled' | 'Suspended') =>
  await minioClient().send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));

interface Seen {
  readonly marker: boolean;
  readonly text?: string;
  readonly metadata?: Record<string, string> | undefined;
  readonly tags?: readonly string[];
}

/** A key's history as an outside client sees it, oldest first, one state a page so that the server's order is kept. */
async function historyOf(Bucket: string, key: string): Promise<Seen[]> {
  const client = minioClient();
  const seen: Seen[] = [];
  let at: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: key, MaxKeys: 1, ...at }));
    for (const { Key, VersionId } of page.Versions ?? []) {
      if (Key !== key) continue;
      const which = { Bucket, Key, VersionId };
      const object = await client.send(new GetObjectCommand(which));
      const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(which));
      seen.push({
        marker: false,
        text: (await object.Body?.transformToString('latin1')) ?? '',
        metadata: object.Metadata,
        tags: TagSet.map((tag) => `${tag.Key}=${tag.Value}`),
      });
    }
    for (const { Key } of page.DeleteMarkers ?? []) if (Key === key) seen.push({ marker: true });
    if (page.IsTruncated !== true) return seen.reverse();
    at = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
}

/** Five versions and two delete markers, with metadata and tags of their own. */
async function fiveAndTwo(bucket: string, key: string): Promise<void> {
  await put(bucket, key, 'one', { Metadata: { n: '1' }, Tagging: 'n=1' });
  await put(bucket, key, 'two', { Metadata: { n: '2' } });
  await erase(bucket, key);
  await put(bucket, key, 'three', { Tagging: 'n=3' });
  await put(bucket, key, '');
  await erase(bucket, key);
  await put(bucket, key, 'five', { Metadata: { n: '5' }, Tagging: 'n=5' });
}

it('brings five versions and two delete markers over in order, with what each carries', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await fiveAndTwo(source, 'users/a');
  await put(source, 'gone', 'deleted by its application');
  await erase(source, 'gone');
  const before = await historyOf(source, 'users/a');
  expect(before.map(({ marker }) => marker)).toEqual([false, false, true, false, false, true, false]);
  const { call } = planOf(source, centre);

  const dry = documentOf<PlanDocument>(await call('plan'));
  expect(dry.partitions[0]).toMatchObject({
    objects: 2,
    history: { versions: 6, deleteMarkers: 3, bytes: 41 },
  });
  const first = await call('run');
  expect(first.stderr).not.toContain('fault');
  expect(documentOf(first)).toMatchObject({
    totals: { states: { verified: 2 } },
    history: { versions: 6, deleteMarkers: 3 },
  });
  expect(await historyOf(centre, 'users/a')).toEqual(before);
  expect(await historyOf(centre, 'gone')).toEqual(await historyOf(source, 'gone'));

  expect(documentOf<PlanDocument>(await call('plan')).partitions[0]).toMatchObject({
    alreadyThere: dry.partitions[0]?.objects,
  });
  const again = documentOf<RunDocument>(await call('run'));
  expect(again.transferred.bytes).toBe(0);
  expect((await call('verify')).code).toBe(0);
});

it('takes up what a lost ledger had copied, and refuses another history', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await fiveAndTwo(source, 'same');
  await put(source, 'other', 'mine');
  await put(centre, 'other', 'theirs');
  await put(centre, 'other', 'mine');
  // The first states of it, as a run that was killed leaves them.
  await put(centre, 'same', 'one', { Metadata: { n: '1' }, Tagging: 'n=1' });
  await put(centre, 'same', 'two', { Metadata: { n: '2' } });
  const { call } = planOf(source, centre);
  const run = await call('run');
  expect(run.code).toBe(4);
  expect(documentOf<RunDocument>(run)).toMatchObject({
    totals: { states: { verified: 1, conflict: 1 } },
    unresolved: [{ key: 'other', state: 'conflict' }],
  });
  expect(await historyOf(centre, 'same')).toEqual(await historyOf(source, 'same'));
  expect((await historyOf(centre, 'other')).map(({ text }) => text)).toEqual(['theirs', 'mine']);
});

it('forgets no delete marker over a conflict that a person has resolved', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await put(source, 'a', 'one');
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  await erase(source, 'a');
  await put(source, 'a', 'three');
  const { VersionId } = await put(centre, 'a', 'theirs');
  for (const _ of ['found by the listing', 'found by the copy']) expect((await call('run')).code).toBe(4);
  await minioClient().send(new DeleteObjectCommand({ Bucket: centre, Key: 'a', VersionId }));
  const run = await call('run');
  expect(run.code, run.stdout).toBe(0);
  expect(await historyOf(centre, 'a')).toEqual(await historyOf(source, 'a'));
});

it('finds a version that was changed, added or removed at the centre after its copy', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  for (const key of ['a', 'b', 'c']) await fiveAndTwo(source, key);
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  await put(centre, 'a', 'on top');
  const { Versions = [] } = await minioClient().send(new ListObjectVersionsCommand({ Bucket: centre, Prefix: 'b' }));
  await minioClient().send(
    new DeleteObjectCommand({ Bucket: centre, Key: 'b', VersionId: Versions.at(-1)?.VersionId }),
  );
  const verified = await call('verify');
  expect(verified.code).toBe(5);
  const { mismatched } = documentOf<{ mismatched: { key: string }[] }>(verified);
  expect(mismatched.sort((a, b) => (a.key < b.key ? -1 : 1))).toMatchObject([
    { key: 'a', reason: expect.stringContaining("0 states have vanished, 1 are not ferry's") as string },
    { key: 'b', reason: expect.stringContaining("1 states have vanished, 0 are not ferry's") as string },
  ]);
});

it('tombstones on top of a history and restores it to what it was', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await fiveAndTwo(source, 'a');
  await put(source, 'gone', 'deleted by its application');
  await erase(source, 'gone');
  const before = [await historyOf(source, 'a'), await historyOf(source, 'gone')];
  const { call } = planOf(source, centre, { finish: 'tombstoned' });
  expect((await call('run')).code).toBe(0);
  const hidden = await historyOf(source, 'a');
  expect(hidden.slice(0, -1)).toEqual(before[0]);
  expect(hidden.at(-1)?.metadata).toEqual({ 'ferry-tombstone': 'v1' });
  // The key stays deleted: a marker would bring it to light again.
  expect(await historyOf(source, 'gone')).toEqual(before[1]);
  const again = await call('run');
  expect(again.code).toBe(0);
  expect(documentOf<RunDocument>(again).totals.states['tombstoned']).toBe(2);
  expect((await call('restore')).code).toBe(0);
  expect([await historyOf(source, 'a'), await historyOf(source, 'gone')]).toEqual(before);
});

it('leaves a source alone that was written or deleted after its copy', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await put(source, 'written', 'one');
  await put(source, 'deleted', 'one');
  await put(source, 'same bytes', 'one');
  const { call, write } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  await put(source, 'written', 'two');
  await erase(source, 'deleted');
  await put(source, 'same bytes', 'one');
  write({ finish: 'tombstoned' });
  const run = await call('run');
  expect(run.code).toBe(4);
  expect(documentOf<RunDocument>(run).totals.states).toMatchObject({ conflict: 3, tombstoned: 0 });
  for (const key of ['written', 'deleted', 'same bytes']) expect(await historyOf(source, key)).toHaveLength(2);
  // A person looks and runs again: what came later is copied behind, and the source may be emptied.
  expect((await call('run')).code).toBe(0);
  expect((await historyOf(centre, 'written')).map(({ text }) => text)).toEqual(['one', 'two']);
  expect((await historyOf(centre, 'deleted')).map(({ marker }) => marker)).toEqual([false, true]);
});

it('moves what was written before versioning and while it was suspended', async () => {
  const [source, centre] = [await newBucket(), await newBucket({ versioned: true })];
  await put(source, 'a', 'before', { Tagging: 'when=before' });
  await put(source, 'b', 'before');
  await setVersioning(source, 'Enabled');
  await put(source, 'a', 'enabled', { Tagging: 'when=enabled' });
  await put(source, 'b', 'enabled');
  await setVersioning(source, 'Suspended');
  await put(source, 'a', 'suspended', { Tagging: 'when=suspended' });
  const before = { a: await historyOf(source, 'a'), b: await historyOf(source, 'b') };
  expect(before.a.map(({ text }) => text)).toEqual(['enabled', 'suspended']);
  const { call } = planOf(source, centre, { finish: 'tombstoned' });
  const run = await call('run');
  expect(run.code, run.stdout).toBe(0);
  expect(await historyOf(centre, 'a')).toEqual(before.a);
  expect(await historyOf(centre, 'b')).toEqual(before.b);
  expect((await call('restore')).code).toBe(0);
  expect((await historyOf(source, 'b')).at(-1)?.text).toBe('enabled');
  expect((await historyOf(source, 'a')).at(-1)).toEqual(before.a.at(-1));
});

it('never lets a tombstone destroy an older version that nobody copied', async () => {
  const [source, centre] = [await newBucket(), await newBucket({ versioned: true })];
  await put(source, 'a', 'the only copy of old bytes');
  await setVersioning(source, 'Enabled');
  await put(source, 'a', 'new');
  await setVersioning(source, 'Suspended');
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }];
  const { call } = planOf(source, centre, { finish: 'tombstoned', partitions });
  const run = await call('run');
  expect(run.code).toBe(4);
  expect(documentOf<RunDocument>(run).unresolved).toMatchObject([
    { key: 'a', state: 'failed', reason: expect.stringContaining('versioning is suspended') as string },
  ]);
  expect((await historyOf(source, 'a')).map(({ text }) => text)).toEqual(['the only copy of old bytes', 'new']);
});

it('refuses a centre that keeps no versions, and says so in the dry run', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
  await fiveAndTwo(source, 'a');
  const { call } = planOf(source, centre);
  expect(documentOf<PlanDocument>(await call('plan')).findings).toContainEqual(
    expect.objectContaining({ rule: 'versions', severity: 'error' }),
  );
  const run = await call('run');
  expect(run.code).toBe(3);
  expect(run.stderr).toContain('enable versioning there');
  expect(await historyOf(centre, 'a')).toEqual([]);
});

it('moves large versions in parts', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  const sizes = [40, 5, 33];
  for (const size of sizes) await put(source, 'big', randomBytes(size * 1024 ** 2));
  const { call } = planOf(source, centre);
  const run = await call('run');
  expect(run.code, run.stdout).toBe(0);
  const [before, there] = [await historyOf(source, 'big'), await historyOf(centre, 'big')];
  expect(there.map(({ text }) => text?.length)).toEqual(sizes.map((size) => size * 1024 ** 2));
  expect(there.every(({ text }, index) => text === before[index]?.text)).toBe(true);
});

it('goes on where it was when each run is killed before it hears of the first thing that it did', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await fiveAndTwo(source, 'users/a');
  const before = await historyOf(source, 'users/a');
  let running: Started | undefined;
  const proxy = await countingProxy(inject('minio').endpoint, {
    heard: (name) => {
      if (/^(PUT|POST|DELETE) /.test(name) && name.endsWith('users/a')) running?.child.kill('SIGKILL');
    },
  });
  const through = (bucket: string, place: string) => ({ ...bucketStore(bucket, place), endpoint: proxy.endpoint });
  const stores = { legacy: through(source, 'SG'), hamar: through(centre, 'NO') };
  const { plan } = planOf(source, centre, { stores, finish: 'tombstoned' });
  const codes: (number | null)[] = [];
  while (codes.at(-1) !== 0 && codes.length < 20) {
    running = startFerry(['run', plan, '--json'], minioEnv());
    codes.push((await running.ended).code);
  }
  // Seven states and the marker of the tombstone; then a run that finds all of it done.
  expect(codes).toEqual([...Array<null>(8).fill(null), 0]);
  expect(await historyOf(centre, 'users/a')).toEqual(before);
  expect((await historyOf(source, 'users/a')).slice(0, -1)).toEqual(before);
  running = undefined;
  expect((await ferry(['restore', plan, '--json'], minioEnv())).code).toBe(0);
  expect(await historyOf(source, 'users/a')).toEqual(before);
});

it('keeps the order where a server tells times only to the second', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await fiveAndTwo(source, 'a');
  const proxy = await countingProxy(inject('minio').endpoint, {
    listing: (body) => body.replaceAll(/(<LastModified>[^.<]*)[^<]*/g, '$1.000Z'),
  });
  const stores = {
    legacy: { ...bucketStore(source, 'SG'), endpoint: proxy.endpoint },
    hamar: bucketStore(centre, 'NO'),
  };
  const { call } = planOf(source, centre, { stores });
  const run = await call('run');
  expect(run.code, run.stdout).toBe(0);
  expect(await historyOf(centre, 'a')).toEqual(await historyOf(source, 'a'));
});

it('carries the locks of older versions, and copies nothing of a history that must stay', async () => {
  const lock = 'none by default' as const;
  const [source, centre] = [await newBucket({ versioned: true, lock }), await newBucket({ versioned: true, lock })];
  await put(source, 'a', 'held', { ObjectLockLegalHoldStatus: 'ON' });
  await put(source, 'a', 'free');
  const { call, write } = planOf(source, centre, { objectLock: 'refuse' });
  const refused = await call('run');
  expect(refused.code).toBe(4);
  expect(documentOf<RunDocument>(refused).unresolved).toMatchObject([{ key: 'a', state: 'held' }]);
  expect(await historyOf(centre, 'a')).toEqual([]);
  write({ objectLock: 'carry' });
  const run = await call('run');
  expect(run.code, run.stdout).toBe(0);
  const { Versions = [] } = await minioClient().send(new ListObjectVersionsCommand({ Bucket: centre, Prefix: 'a' }));
  const holds = Versions.map(
    async ({ VersionId }) =>
      (await minioClient().send(new HeadObjectCommand({ Bucket: centre, Key: 'a', VersionId })))
        .ObjectLockLegalHoldStatus,
  );
  expect(await Promise.all(holds)).toEqual([undefined, 'ON']);
});
