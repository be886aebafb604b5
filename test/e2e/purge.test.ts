import { randomBytes } from 'node:crypto';
import { openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { expect, inject, it } from 'vitest';
import { documentOf, type Ended, ferry, onTerminal, type Started, startFerry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { layOut } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { tempDir } from '../support/temp.ts';
import { digestsIn } from '../support/tree.ts';

interface PurgeDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly purged: Readonly<Record<string, number>>;
  readonly notDue: { readonly objects: number; readonly first?: string };
  readonly left: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

function planOf(source: string, centre: string, change: object = {}) {
  const dir = tempDir();
  const plan = join(dir, 'plan.json');
  const write = (more: object): void =>
    writeFileSync(
      plan,
      JSON.stringify({
        apiVersion: 'ferry/v1',
        name: 'purge',
        runner: { jurisdiction: 'IE' },
        stores: { legacy: bucketStore(source, 'SG'), hamar: bucketStore(centre, 'NO') },
        partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }],
        exclude: [{ from: 'legacy', prefix: 'tmp/', reason: 'scratch' }],
        finish: 'tombstoned',
        tombstone: { hold: '0s' },
        ...change,
        ...more,
      }),
    );
  write({});
  const call = async (command: string, ...more: string[]): Promise<Ended> =>
    await ferry([command, plan, '--json', ...more], minioEnv());
  return { dir, plan, write, call };
}

const put = async (Bucket: string, Key: string, Body: string | Uint8Array, more: Partial<PutObjectCommandInput> = {}) =>
  await minioClient().send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

/** What an outside client finds in a bucket: versions, delete markers and unfinished uploads, by key. */
async function everything(Bucket: string): Promise<string[]> {
  const client = minioClient();
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  return [
    ...Versions.map(({ Key }) => `version ${Key}`),
    ...DeleteMarkers.map(({ Key }) => `marker ${Key}`),
    ...Uploads.map(({ Key }) => `upload ${Key}`),
  ].sort();
}

async function beginUpload(Bucket: string, Key: string): Promise<void> {
  const { UploadId } = await minioClient().send(new CreateMultipartUploadCommand({ Bucket, Key }));
  await minioClient().send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: randomBytes(100) }));
}

it('leaves nothing of user data in a versioned bucket, by the word of an outside client', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  for (const text of ['one', 'two', 'three']) await put(source, 'users/a', text);
  await minioClient().send(new DeleteObjectCommand({ Bucket: source, Key: 'users/a' }));
  await put(source, 'users/a', 'four');
  await put(source, 'users/gone', 'deleted by its application');
  await minioClient().send(new DeleteObjectCommand({ Bucket: source, Key: 'users/gone' }));
  await put(source, 'users/\u0001 odd', 'a key that XML cannot carry');
  await put(source, 'tmp/scratch', 'excluded');
  await beginUpload(source, 'users/a');
  await beginUpload(source, 'users/never finished');
  await beginUpload(source, 'tmp/scratch');
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar', versions: 'all' }];
  const { call } = planOf(source, centre, { partitions });
  expect((await call('run')).code).toBe(0);
  const purged = await call('purge', '--yes');
  expect(purged.code, purged.stdout).toBe(0);
  expect(documentOf<PurgeDocument>(purged)).toMatchObject({
    totals: { states: { purged: 3, tombstoned: 0 } },
    purged: { objects: 3, versions: 6, deleteMarkers: 2, uploads: 2, markersLeft: 0 },
    left: [],
  });
  expect(await everything(source)).toEqual(['upload tmp/scratch', 'version tmp/scratch']);
  expect((await call('verify')).code).toBe(0);
  // Nothing comes of a run after that, nor of a restore.
  expect(documentOf<PurgeDocument>(await call('run')).totals.states['purged']).toBe(3);
  await call('restore');
  expect(await everything(source)).toEqual(['upload tmp/scratch', 'version tmp/scratch']);
});

it('keeps what is within its hold, and asks before anything goes', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await put(source, 'users/a', 'one');
  const { call } = planOf(source, centre, { tombstone: { hold: '30d' } });
  expect((await call('run')).code).toBe(0);
  const before = await everything(source);
  const asked = await call('purge');
  expect(asked.code).toBe(2);
  expect(asked.stderr).toContain('--yes');
  const early = await call('purge', '--yes');
  expect(early.code).toBe(0);
  expect(documentOf<PurgeDocument>(early)).toMatchObject({ purged: { objects: 0 }, notDue: { objects: 1 } });
  expect(await everything(source)).toEqual(before);
});

it('leaves older versions that nobody copied, and says so', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  await put(source, 'users/a', 'an older version');
  await put(source, 'users/a', 'now');
  await put(source, 'users/same', 'twice');
  await put(source, 'users/same', 'twice');
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  const purged = await call('purge', '--yes');
  expect(purged.code).toBe(4);
  expect(documentOf<PurgeDocument>(purged)).toMatchObject({
    totals: { states: { purged: 1, tombstoned: 1 } },
    left: [{ key: 'users/a', reason: expect.stringContaining('1 older versions were never copied') as string }],
  });
  expect(await everything(source)).toEqual(Array<string>(3).fill('version users/a'));
});

it('lists what a lock holds, with its date, and takes it when the lock is gone', async () => {
  const lock = 'none by default' as const;
  const [source, centre] = [await newBucket({ versioned: true, lock }), await newBucket({ versioned: true, lock })];
  const until = new Date(Date.now() + 86_400_000);
  await put(source, 'users/compliance', 'one', { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: until });
  const { VersionId } = await put(source, 'users/hold', 'two', { ObjectLockLegalHoldStatus: 'ON' });
  await put(source, 'users/free', 'three');
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  const first = await call('purge', '--yes');
  expect(first.code, first.stdout).toBe(4);
  const { totals, left } = documentOf<PurgeDocument>(first);
  expect(totals.states).toMatchObject({ held: 2, purged: 1 });
  const reasons = Object.fromEntries(left.map(({ key, reason }) => [key, reason]));
  expect(reasons['users/compliance']).toContain(`COMPLIANCE until ${until.toISOString().slice(0, 19)}`);
  expect(reasons['users/hold']).toContain('legal hold');
  const held = ['users/compliance', 'users/compliance', 'users/hold', 'users/hold'].map((key) => `version ${key}`);
  expect(await everything(source)).toEqual(held);
  const LegalHold = { Status: 'OFF' as const };
  await minioClient().send(
    new PutObjectLegalHoldCommand({
      Bucket: source,
      Key: 'users/hold',
      VersionId,
      LegalHold,
      ChecksumAlgorithm: 'SHA256',
    }),
  );
  // A run between the two finds the tombstones as they are.
  expect((await call('run')).code).toBe(0);
  const second = await call('purge', '--yes');
  expect(second.code, second.stdout).toBe(4);
  expect(await everything(source)).toEqual(held.slice(0, 2));
}, 60_000);

it('touches nothing that was written after the tombstone', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  for (const key of ['users/a', 'users/b']) await put(source, key, 'one');
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  await put(source, 'users/a', 'written late');
  const purged = await call('purge', '--yes');
  expect(purged.code).toBe(4);
  expect(documentOf<PurgeDocument>(purged)).toMatchObject({
    totals: { states: { purged: 1, conflict: 1 } },
    left: [{ key: 'users/a', state: 'conflict' }],
  });
  expect(await everything(source)).toEqual(Array<string>(3).fill('version users/a'));
});

it('purges nothing whose copy is not the one that was verified', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
  await put(source, 'users/a', 'one');
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  await put(centre, 'users/a', 'other bytes');
  const before = await everything(source);
  const purged = await call('purge', '--yes');
  expect(purged.code).toBe(5);
  expect(await everything(source)).toEqual(before);
});

it('leaves markers where a delete could take a write along, unless the plan says otherwise', async () => {
  const [source, centre] = [await newBucket(), await newBucket()];
  await put(source, 'users/a', 'one');
  await beginUpload(source, 'users/a');
  const { call, write } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  const first = await call('purge', '--yes');
  expect(first.code, first.stdout).toBe(0);
  expect(documentOf<PurgeDocument>(first)).toMatchObject({
    totals: { states: { purged: 1 } },
    purged: { markersLeft: 1, uploads: 1 },
  });
  expect(await everything(source)).toEqual(['version users/a']);
  // The marker is known as what it is.
  expect(documentOf<PurgeDocument>(await call('run')).totals.states).toMatchObject({ purged: 1, conflict: 0 });
  write({ tombstone: { hold: '0s', markers: 'remove' } });
  await put(source, 'users/b', 'two');
  expect((await call('run')).code).toBe(0);
  const second = await call('purge', '--yes');
  expect(second.code, second.stdout).toBe(0);
  const { Contents = [] } = await minioClient().send(new ListObjectsV2Command({ Bucket: source }));
  expect(Contents.map(({ Key }) => Key)).toEqual([]);
});

it('asks for the name of the plan on a terminal', async () => {
  const laid = layOut({ tombstone: { hold: '0s' } });
  expect((await ferry(['run', laid.plan, '--json'])).code).toBe(0);
  const wrong = await onTerminal('yes', ['purge', laid.plan]);
  expect(wrong.code).toBe(3);
  expect(wrong.stdout).toContain('nothing was purged');
  expect(Object.keys(digestsIn(laid.legacy, true)).filter((name) => name.startsWith('.ferry-held/'))).not.toEqual([]);
  const right = await onTerminal('test', ['purge', laid.plan]);
  expect(right.code).toBe(0);
  expect(Object.keys(digestsIn(laid.legacy, true))).toEqual(['tmp/scratch']);
});

it('empties folders to the last byte, and keeps kept bytes that someone wrote', async () => {
  const laid = layOut({ tombstone: { hold: '0s' } });
  const open = openSync(join(laid.legacy, 'users/NO/kari/a.json'), 'r+');
  expect((await ferry(['run', laid.plan, '--json'])).code).toBe(0);
  // An application that had the file open all the time.
  writeSync(open, 'X', 0);
  const purged = await ferry(['purge', laid.plan, '--json', '--yes']);
  expect(purged.code, purged.stdout).toBe(4);
  expect(documentOf<PurgeDocument>(purged).left).toMatchObject([{ key: 'users/NO/kari/a.json', state: 'conflict' }]);
  const rest = Object.keys(digestsIn(laid.legacy, true));
  expect(rest.filter((name) => name.startsWith('.ferry-held/'))).toHaveLength(1);
  expect(rest.filter((name) => name.startsWith('users/'))).toEqual(['users/NO/kari/a.json']);
});

it('goes on where it was when each purge is killed before it hears of the first thing that it did', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  for (const text of ['one', 'two']) await put(source, 'users/a', text);
  await beginUpload(source, 'users/a');
  let running: Started | undefined;
  const proxy = await countingProxy(inject('minio').endpoint, {
    heard: (name) => {
      if (/^(PUT|POST|DELETE) /.test(name)) running?.child.kill('SIGKILL');
    },
  });
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar', versions: 'all' }];
  const stores = {
    legacy: bucketStore(source, 'SG', { endpoint: proxy.endpoint }),
    hamar: bucketStore(centre, 'NO', { endpoint: proxy.endpoint }),
  };
  const { plan, call } = planOf(source, centre, { partitions, stores });
  expect((await call('run')).code).toBe(0);
  const codes: (number | null)[] = [];
  while (codes.at(-1) !== 0 && codes.length < 10) {
    running = startFerry(['purge', plan, '--json', '--yes'], minioEnv());
    codes.push((await running.ended).code);
  }
  // The hidden versions in one request, the marker, the upload.
  expect(codes).toEqual([null, null, null, 0]);
  expect(await everything(source)).toEqual([]);
});

it('spares a hidden version null where versioning was suspended since, which a write could have become', async () => {
  const [source, centre] = [await newBucket(), await newBucket()];
  const versioning = async (Status: 'Enabled' | 'Suspended') =>
    await minioClient().send(new PutBucketVersioningCommand({ Bucket: source, VersioningConfiguration: { Status } }));
  await put(source, 'users/a', 'before versioning');
  await versioning('Enabled');
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  await versioning('Suspended');
  const before = await everything(source);
  const spared = await call('purge', '--yes');
  expect(spared.code, spared.stdout).toBe(4);
  expect(documentOf<PurgeDocument>(spared).left).toMatchObject([
    { key: 'users/a', state: 'tombstoned', reason: expect.stringContaining('versioning is suspended') as string },
  ]);
  expect(await everything(source)).toEqual(before);
  await versioning('Enabled');
  expect((await call('purge', '--yes')).code).toBe(0);
  expect(await everything(source)).toEqual([]);
});

it('knows a bucket whose versioning is suspended', async () => {
  const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
  await put(source, 'users/a', 'one');
  const VersioningConfiguration = { Status: 'Suspended' as const };
  await minioClient().send(new PutBucketVersioningCommand({ Bucket: source, VersioningConfiguration }));
  const { call } = planOf(source, centre);
  expect((await call('run')).code).toBe(0);
  expect(await everything(source)).toEqual(Array<string>(2).fill('version users/a'));
  const purged = await call('purge', '--yes');
  expect(purged.code, purged.stdout).toBe(0);
  // What was copied is gone; the marker, whose version is null as any other write's would be, is left.
  const { Versions = [] } = await minioClient().send(new ListObjectVersionsCommand({ Bucket: source }));
  expect(Versions.map(({ VersionId }) => VersionId)).toEqual(['null']);
});
