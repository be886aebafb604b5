import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { planDocument } from '../support/plan.ts';
import { countingProxy, type ProxyOptions } from '../support/proxy.ts';
import { listOutside } from '../support/servers/outside.ts';
import { tempDir } from '../support/temp.ts';
import { digestsIn, writeTree } from '../support/tree.ts';

interface Outcome {
  readonly totals: { readonly objects: number; readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const LARGE = Buffer.alloc(33 * 1024 ** 2, 'large and larger ');
const FILES = { 'users/small': Buffer.from('small'), 'users/empty': Buffer.alloc(0), 'users/large': LARGE };

function planOf(legacy: object, centre: object, tombstone: object, more: object = {}) {
  const dir = tempDir();
  const plan = join(dir, 'plan.json');
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre' }];
  const stores = { legacy, centre };
  writeFileSync(plan, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [], tombstone, ...more }));
  const call = async (command: string, ...args: string[]): Promise<Ended> =>
    await ferry([command, plan, '--json', ...args], minioEnv());
  return { dir, plan, call };
}

async function fill(bucket: string): Promise<void> {
  const client = minioClient();
  const facts = {
    Metadata: { owner: 'kari' },
    Tagging: 'team=north&n=1',
    ContentType: 'image/jpeg',
    CacheControl: 'no-store',
  };
  for (const [Key, Body] of Object.entries(FILES))
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...facts }));
}

/** All versions of all objects, oldest first, with what they carry; markers of tombstones by their name. */
async function historiesIn(Bucket: string): Promise<Record<string, object[]>> {
  const client = minioClient();
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
  expect(DeleteMarkers).toEqual([]);
  const found: Record<string, object[]> = {};
  for (const { Key = '', VersionId } of Versions) {
    const at = { Bucket, Key, VersionId };
    const got = await client.send(new GetObjectCommand(at));
    const bytes = (await got.Body?.transformToByteArray()) ?? new Uint8Array();
    const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(at));
    const tags = TagSet.map((tag) => `${tag.Key}=${tag.Value}`).sort();
    const { ContentType: type, CacheControl: cache, Metadata: metadata } = got;
    const isMarker = type === 'application/vnd.ferry.tombstone+json';
    const seen = isMarker ? { tombstone: true } : { sha256: sha256(bytes), type, cache, metadata, tags };
    found[Key] = [seen, ...(found[Key] ?? [])];
  }
  return found;
}

async function uploadsIn(Bucket: string): Promise<number> {
  // MinIO lists uploads of an exact key alone.
  let uploads = 0;
  for (const Prefix of await listOutside(minioClient(), Bucket)) {
    uploads += (await minioClient().send(new ListMultipartUploadsCommand({ Bucket, Prefix }))).Uploads?.length ?? 0;
  }
  return uploads;
}

const heldIn = async (bucket: string): Promise<string[]> =>
  (await listOutside(minioClient(), bucket)).filter((key) => /^\.ferry-held\/[0-9a-f]{64}$/.test(key));

const TOMBSTONE = { tombstone: true };

describe('restore gives back the exact object', () => {
  for (const keep of ['staged', 'centre', undefined]) {
    it(`of a folder, keep: ${keep}`, async () => {
      const dir = tempDir();
      const legacy = join(dir, 'legacy');
      writeTree(legacy, FILES);
      utimesSync(join(legacy, 'users/small'), 1_600_000_000, 1_600_000_000);
      const before = digestsIn(legacy, true);
      const { call } = planOf(
        { type: 'file', path: legacy, jurisdiction: 'SG' },
        { type: 'file', path: join(dir, 'centre'), jurisdiction: 'NO' },
        keep === undefined ? {} : { keep },
      );
      const run = await call('run');
      expect(run.code, run.stderr).toBe(0);
      expect(documentOf<Outcome>(run).totals.states).toMatchObject({ tombstoned: 3 });
      const held = existsSync(join(legacy, '.ferry-held')) ? readdirSync(join(legacy, '.ferry-held')) : [];
      expect(held.length > 0).toBe(keep !== 'centre');
      const back = await call('restore');
      expect(back.code, back.stderr).toBe(0);
      expect(digestsIn(legacy, true)).toEqual(before);
      expect(statSync(join(legacy, 'users/small')).mtimeMs).toBe(1_600_000_000_000);
    });
  }

  for (const keep of ['staged', 'centre', undefined]) {
    it(`of a bucket without versions, keep: ${keep}`, async () => {
      const [from, to] = [await newBucket(), await newBucket()];
      await fill(from);
      const other = { Bucket: from, Key: '.ferry-held/other', Body: 'of the user' };
      await minioClient().send(new PutObjectCommand(other));
      const before = await historiesIn(from);
      const { call } = planOf(bucketStore(from, 'SG'), bucketStore(to, 'NO'), keep === undefined ? {} : { keep });
      const run = await call('run');
      expect(run.code, run.stderr).toBe(0);
      expect(documentOf<Outcome>(run).totals).toMatchObject({ objects: 4, states: { tombstoned: 4 } });
      expect((await heldIn(from)).length).toBe(keep === 'staged' ? 4 : 0);
      const again = await call('run');
      expect(documentOf<Outcome>(again).totals).toMatchObject({ objects: 4, states: { tombstoned: 4 } });
      // With copies put aside, the source's own come back, whatever the centre has by then.
      if (keep === 'staged') {
        await minioClient().send(new PutObjectCommand({ Bucket: to, Key: 'users/small', Body: 'other' }));
      }
      const back = await call('restore');
      expect(back.code, back.stderr).toBe(0);
      expect(await historiesIn(from)).toEqual(before);
      expect(await uploadsIn(from)).toBe(0);
    });
  }

  for (const keep of ['version', 'centre', undefined]) {
    it(`of a bucket with versions, keep: ${keep}`, async () => {
      const [from, to] = [await newBucket({ versioned: true }), await newBucket()];
      await fill(from);
      const before = await historiesIn(from);
      const { call } = planOf(bucketStore(from, 'SG'), bucketStore(to, 'NO'), keep === undefined ? {} : { keep });
      const run = await call('run');
      expect(run.code, run.stderr).toBe(0);
      const back = await call('restore');
      expect(back.code, back.stderr).toBe(0);
      const above = (states: object[]) => (keep === 'centre' ? [...states, TOMBSTONE, ...states] : states);
      const after = Object.fromEntries(Object.entries(before).map(([key, states]) => [key, above(states)]));
      expect(await historiesIn(from)).toEqual(after);
    });
  }
});

it('purge removes a copy that was put aside', async () => {
  const [from, to] = [await newBucket(), await newBucket()];
  await minioClient().send(new PutObjectCommand({ Bucket: from, Key: 'a', Body: 'a' }));
  const { call } = planOf(bucketStore(from, 'SG'), bucketStore(to, 'NO'), { hold: '0s', keep: 'staged' });
  expect((await call('run')).code).toBe(0);
  expect(await heldIn(from)).toHaveLength(1);
  const purged = await call('purge', '--yes');
  expect(purged.stderr).not.toContain('fault');
  expect(await heldIn(from)).toEqual([]);
});

describe('a plan that asks for what the source does not keep', () => {
  const cases = [
    { keep: 'version', versioned: false, say: 'enable it, or say keep: staged' },
    { keep: 'staged', versioned: true, say: 'say keep: version, or leave it out' },
  ];
  for (const { keep, versioned, say } of cases) {
    it(`is refused before anything moves: ${keep}, versioned: ${versioned}`, async () => {
      const [from, to] = [await newBucket({ versioned }), await newBucket()];
      await minioClient().send(new PutObjectCommand({ Bucket: from, Key: 'a', Body: 'a' }));
      const { call } = planOf(bucketStore(from, 'SG'), bucketStore(to, 'NO'), { keep });
      const dry = documentOf<{ findings: { rule: string; severity: string }[] }>(await call('plan'));
      expect(dry.findings).toContainEqual(expect.objectContaining({ rule: 'keep', severity: 'error' }));
      const run = await call('run');
      expect(run.code, run.stderr).toBe(3);
      expect(run.stderr).toContain(say);
      expect(await listOutside(minioClient(), to)).toEqual([]);
    });
  }

  it('is refused for a folder and keep: version', async () => {
    const dir = tempDir();
    writeTree(join(dir, 'legacy'), { a: 'a' });
    const store = (name: string, jurisdiction: string) => ({ type: 'file', path: join(dir, name), jurisdiction });
    const { call } = planOf(store('legacy', 'SG'), store('centre', 'NO'), { keep: 'version' });
    const run = await call('run');
    expect(run.code, run.stderr).toBe(3);
    expect(run.stderr).toContain('legacy keeps no versions');
  });
});

/** A plan from one bucket to another, in which one request of the run can be seen before ferry hears of it. */
async function watched(
  tombstone: object,
  versioned: boolean,
  heard: (name: string, from: string) => ReturnType<NonNullable<ProxyOptions['heard']>>,
) {
  const [from, to] = [await newBucket({ versioned }), await newBucket()];
  const proxy = await countingProxy(inject('minio').endpoint, { heard: (name) => heard(name, from) });
  await minioClient().send(new PutObjectCommand({ Bucket: from, Key: 'a', Body: 'first', Metadata: { n: '1' } }));
  const laid = planOf(bucketStore(from, 'SG', { endpoint: proxy.endpoint }), bucketStore(to, 'NO'), tombstone);
  return { from, to, ...laid };
}

/** Runs a plan that is killed as soon as the server has answered a request. */
async function killedAt(tombstone: object, versioned: boolean, isPoint: (name: string, from: string) => boolean) {
  let kill: (() => void) | undefined;
  const laid = await watched(tombstone, versioned, (name, from) => {
    if (isPoint(name, from)) kill?.();
  });
  const started = startFerry(['run', laid.plan, '--json', '--progress', 'none'], minioEnv());
  kill = () => started.child.kill('SIGKILL');
  expect((await started.ended).code).toBe(null);
  kill = undefined;
  return laid;
}

const isStaging = (name: string): boolean => /^PUT .*\/\.ferry-held\/[0-9a-f]{64}$/.test(name);
const isMarking = (name: string, from: string): boolean => name === `PUT /${from}/a`;

describe('a run that is killed', () => {
  it('after a copy was put aside cleans it away where the object turns out to be a conflict', async () => {
    const { from, call } = await killedAt({ keep: 'staged' }, false, isStaging);
    expect(await heldIn(from)).toHaveLength(1);
    await minioClient().send(new PutObjectCommand({ Bucket: from, Key: 'a', Body: 'written since' }));
    const run = await call('run');
    expect(documentOf<Outcome>(run).totals.states).toMatchObject({ conflict: 1 });
    expect(await heldIn(from)).toEqual([]);
    expect((await historiesIn(from))['a']).toMatchObject([{ sha256: sha256(Buffer.from('written since')) }]);
  });

  it('after a copy was put aside goes on to the same end', async () => {
    const { from, call } = await killedAt({ keep: 'staged' }, false, isStaging);
    expect(documentOf<Outcome>(await call('run')).totals.states).toMatchObject({ tombstoned: 1 });
    expect(await heldIn(from)).toHaveLength(1);
    expect((await call('restore')).code).toBe(0);
    expect(await historiesIn(from)).toMatchObject({
      a: [{ sha256: sha256(Buffer.from('first')), metadata: { n: '1' } }],
    });
  });

  it('after its marker finds the copy that was put aside', async () => {
    const { from, to, call } = await killedAt({ keep: 'staged' }, false, isMarking);
    expect(documentOf<Outcome>(await call('run')).totals.states).toMatchObject({ tombstoned: 1 });
    await minioClient().send(new PutObjectCommand({ Bucket: to, Key: 'a', Body: 'other' }));
    expect((await call('restore')).code).toBe(0);
    expect(await historiesIn(from)).toMatchObject({ a: [{ sha256: sha256(Buffer.from('first')) }] });
    expect(await heldIn(from)).toEqual([]);
  });

  it('after its marker finds the version that it hides', async () => {
    const { from, call } = await killedAt({}, true, isMarking);
    expect((await historiesIn(from))['a']).toMatchObject([{ metadata: { n: '1' } }, TOMBSTONE]);
    expect(documentOf<Outcome>(await call('run')).totals.states).toMatchObject({ tombstoned: 1 });
    expect((await call('restore')).code).toBe(0);
    expect(await historiesIn(from)).toMatchObject({ a: [{ metadata: { n: '1' } }] });
  });

  it('in the middle of a restore leaves no copy aside', async () => {
    let kill: (() => void) | undefined;
    const { from, plan, call } = await watched({ keep: 'staged' }, false, (name, bucket) => {
      if (isMarking(name, bucket)) kill?.();
    });
    expect((await call('run')).code).toBe(0);
    const started = startFerry(['restore', plan, '--json'], minioEnv());
    kill = () => started.child.kill('SIGKILL');
    expect((await started.ended).code).toBe(null);
    kill = undefined;
    expect(await heldIn(from)).toHaveLength(1);
    expect((await call('restore')).code).toBe(0);
    expect(await historiesIn(from)).toMatchObject({ a: [{ sha256: sha256(Buffer.from('first')) }] });
    expect(await heldIn(from)).toEqual([]);
  });
});

it('sees the same bytes written again with other metadata right before the marker', async () => {
  let heads = 0;
  const seen = await watched({}, true, async (name, from) => {
    // The last look before the marker is the store's own, at the version that it is to hide.
    if (name !== `HEAD /${from}/a`) return;
    heads += 1;
    const again = { Bucket: from, Key: 'a', Body: 'first', Metadata: { n: '2' } };
    if (heads === 3) await minioClient().send(new PutObjectCommand(again));
  });
  const run = await seen.call('run');
  expect(run.code, run.stderr).toBe(4);
  expect(heads).toBeGreaterThanOrEqual(3);
  const [unresolved] = documentOf<Outcome>(run).unresolved;
  expect(unresolved).toMatchObject({ key: 'a', state: 'conflict' });
  expect(unresolved?.reason).toContain('the marker was taken away again');
  expect(await historiesIn(seen.from)).toMatchObject({ a: [{ metadata: { n: '1' } }, { metadata: { n: '2' } }] });
});
