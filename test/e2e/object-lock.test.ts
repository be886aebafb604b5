import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { liar } from '../support/liar.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { tempDir } from '../support/temp.ts';

interface PlanDocument {
  readonly partitions: readonly { readonly losses: Readonly<Record<string, number>>; readonly held: number }[];
  readonly findings: readonly { readonly rule: string; readonly severity: string; readonly message: string }[];
}

interface RunDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

const DAY = 86_400_000;
const LARGE = new Dice('locked').bytes(40 * 1024 ** 2);

/** To whole seconds, as every server keeps them. */
const inDays = (days: number): Date => new Date(Math.floor(Date.now() / 1000) * 1000 + days * DAY);

const until = inDays(30);
const GOVERNED = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until } as const;
const ON = { ObjectLockLegalHoldStatus: 'ON' } as const;

async function put(bucket: string, Key: string, more: Partial<PutObjectCommandInput> = {}): Promise<void> {
  // The SDK adds the checksum that a bucket with object lock asks for.
  const input = { Bucket: bucket, Key, Body: `of ${Key}`, ChecksumAlgorithm: 'SHA256' as const, ...more };
  await minioClient().send(new PutObjectCommand(input));
}

async function lockOf(Bucket: string, Key: string, VersionId?: string) {
  const head = await minioClient().send(new HeadObjectCommand({ Bucket, Key, ...(VersionId && { VersionId }) }));
  const { ObjectLockMode, ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus } = head;
  return {
    ...(ObjectLockMode && { ObjectLockMode, ObjectLockRetainUntilDate }),
    ...(ObjectLockLegalHoldStatus === 'ON' && ON),
  };
}

async function textOf(Bucket: string, Key: string): Promise<string | undefined> {
  return await (await minioClient().send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();
}

async function keysIn(Bucket: string): Promise<string[]> {
  const { Contents = [] } = await minioClient().send(new ListObjectsV2Command({ Bucket }));
  return Contents.map(({ Key }) => Key ?? '');
}

/** A plan from one bucket to another, with a function that calls ferry with it. */
function planTo(source: string, centre: string, change: object = {}) {
  const plan = join(tempDir(), 'plan.json');
  const write = (more: object): void =>
    writeFileSync(
      plan,
      JSON.stringify({
        apiVersion: 'ferry/v1',
        name: 'locks',
        runner: { jurisdiction: 'IE' },
        stores: { legacy: bucketStore(source, 'SG'), hamar: bucketStore(centre, 'NO') },
        partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }],
        ...change,
        ...more,
      }),
    );
  write({});
  const call = async (command: string) =>
    await ferry([command, plan, '--json', ...(command === 'run' ? ['--progress', 'none'] : [])], minioEnv());
  return { write, call };
}

describe('retention and legal hold', () => {
  it('go along, small and in parts, outlive the tombstone, and come back with a restore', async () => {
    const [source, centre] = [
      await newBucket({ lock: 'none by default' }),
      await newBucket({ lock: 'none by default' }),
    ];
    await put(source, 'governed', GOVERNED);
    await put(source, 'held', ON);
    await put(source, 'both', { ...GOVERNED, ...ON, Body: LARGE });
    await put(source, 'free');
    const { call } = planTo(source, centre, { finish: 'tombstoned' });
    const dry = documentOf<PlanDocument>(await call('plan'));
    expect(dry.partitions[0]).toMatchObject({ losses: {}, held: 0 });

    const ended = await call('run');
    expect(ended.code, ended.stderr + ended.stdout).toBe(0);
    expect(documentOf<RunDocument>(ended).totals.states).toMatchObject({ tombstoned: 4 });
    expect(await lockOf(centre, 'governed')).toEqual(GOVERNED);
    expect(await lockOf(centre, 'held')).toEqual(ON);
    expect(await lockOf(centre, 'both')).toEqual({ ...GOVERNED, ...ON });
    expect(await lockOf(centre, 'free')).toEqual({});
    const checked = await call('verify');
    expect(checked.code, checked.stdout).toBe(0);

    // The markers are new versions; what they hide is still there, and still locked.
    const { Versions = [] } = await minioClient().send(
      new ListObjectVersionsCommand({ Bucket: source, Prefix: 'governed' }),
    );
    expect(Versions.map(({ IsLatest, Size }) => [IsLatest, Size === 11])).toEqual([
      [true, false],
      [false, true],
    ]);
    expect(await lockOf(source, 'governed', Versions[1]?.VersionId)).toEqual(GOVERNED);
    expect(await lockOf(source, 'governed')).toEqual({});

    const restored = await call('restore');
    expect(restored.code, restored.stderr + restored.stdout).toBe(0);
    expect(await textOf(source, 'governed')).toBe('of governed');
    expect(await lockOf(source, 'governed')).toEqual(GOVERNED);
    expect(await lockOf(source, 'both')).toEqual({ ...GOVERNED, ...ON });
    expect(await lockOf(source, 'free')).toEqual({});
  });

  it('are named in the dry run where the centre has no lock, and nothing is copied until that is accepted', async () => {
    const [source, centre] = [await newBucket({ lock: 'none by default' }), await newBucket({ versioned: true })];
    await put(source, 'governed', GOVERNED);
    await put(source, 'held', { ...ON, Body: LARGE });
    await put(source, 'free');
    const { write, call } = planTo(source, centre);
    const dry = documentOf<PlanDocument>(await call('plan'));
    expect(dry.partitions[0]?.losses).toEqual({ objectLock: 2 });
    expect(dry.findings).toContainEqual({
      rule: 'loss',
      severity: 'error',
      subject: 'partitions[0]',
      message: '2 objects of all would lose objectLock at hamar: name it in accept: or choose another centre',
    });

    const refused = await call('run');
    expect(refused.code, refused.stderr).toBe(4);
    const { totals, unresolved } = documentOf<RunDocument>(refused);
    expect(totals.states).toMatchObject({ verified: 1, failed: 2 });
    expect(unresolved.map(({ key }) => key).sort()).toEqual(['governed', 'held']);
    expect(unresolved[0]?.reason).toContain('lose objectLock at hamar');
    expect(await keysIn(centre)).toEqual(['free']);

    write({ accept: ['objectLock'] });
    expect(documentOf<PlanDocument>(await call('plan')).findings).toContainEqual(
      expect.objectContaining({ rule: 'loss', severity: 'warning' }),
    );
    const accepted = await call('run');
    expect(accepted.code, accepted.stdout).toBe(0);
    expect(await keysIn(centre)).toEqual(['free', 'governed', 'held']);
  });

  it('hold an object back where the plan says so, with the date, and only there', async () => {
    const [source, centre] = [
      await newBucket({ lock: 'none by default' }),
      await newBucket({ lock: 'none by default' }),
    ];
    await put(source, 'a/governed', GOVERNED);
    await put(source, 'a/held', ON);
    await put(source, 'a/free');
    await put(source, 'b/governed', GOVERNED);
    const way = { from: 'legacy', to: 'hamar' };
    const { write, call } = planTo(source, centre, {
      objectLock: 'refuse',
      partitions: [
        { name: 'a', select: { prefix: 'a/' }, ...way },
        { name: 'b', select: { prefix: 'b/' }, ...way, objectLock: 'carry' },
      ],
    });
    const dry = documentOf<PlanDocument>(await call('plan'));
    expect(dry.partitions.map(({ held }) => held)).toEqual([2, 0]);
    expect(dry.findings).toContainEqual(expect.objectContaining({ rule: 'held', subject: 'partitions[0]' }));
    const ended = await call('run');
    expect(ended.code, ended.stderr).toBe(4);
    const { totals, unresolved } = documentOf<RunDocument>(ended);
    expect(totals.states).toMatchObject({ verified: 2, held: 2, failed: 0 });
    const reasons = Object.fromEntries(unresolved.map(({ key, reason }) => [key, reason]));
    expect(reasons['a/governed']).toContain(`GOVERNANCE until ${until.toISOString()}`);
    expect(reasons['a/held']).toContain('legal hold');
    expect(await keysIn(centre)).toEqual(['a/free', 'b/governed']);

    write({ objectLock: 'carry' });
    const carried = await call('run');
    expect(carried.code, carried.stderr + carried.stdout).toBe(0);
    expect(await lockOf(centre, 'a/held')).toEqual(ON);
  });

  it('are missed in a copy that was there before, and more of them is no loss', async () => {
    const [source, centre] = [
      await newBucket({ lock: 'none by default' }),
      await newBucket({ lock: 'none by default' }),
    ];
    const later = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inDays(31) } as const;
    for (const [key, there] of Object.entries({
      none: {},
      sooner: { ...GOVERNED, ObjectLockRetainUntilDate: inDays(29) },
      more: { ...later, ...ON },
    })) {
      await put(source, key, GOVERNED);
      await put(centre, key, there);
    }
    const { call } = planTo(source, centre);
    const ended = await call('run');
    expect(ended.code).toBe(4);
    const { totals, unresolved } = documentOf<RunDocument>(ended);
    expect(totals.states).toMatchObject({ verified: 1, failed: 2 });
    expect(unresolved.find(({ key }) => key === 'none')?.reason).toContain(
      `has not kept objectLock (none there, GOVERNANCE until ${until.toISOString()} copied)`,
    );
    expect(unresolved.map(({ key }) => key).sort()).toEqual(['none', 'sooner']);
  });

  it('are counted where the source may not be asked about them, and not trusted to a centre that may not be', async () => {
    const source = await newBucket({ lock: 'none by default' });
    await put(source, 'k', GOVERNED);
    const silent = await liar(
      inject('minio').endpoint,
      () => false,
      (asked, told) => {
        if (!/[?&]object-lock/.test(asked.url ?? '')) return false;
        told.writeHead(403, { 'content-type': 'application/xml' });
        told.end('<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>');
        return true;
      },
    );
    const centre = await newBucket({ lock: 'none by default' });
    const stores = {
      legacy: bucketStore(source, 'SG', { endpoint: silent }),
      hamar: bucketStore(centre, 'NO', { endpoint: silent }),
    };
    const { call } = planTo(source, centre, { stores });
    expect(documentOf<PlanDocument>(await call('plan')).partitions[0]?.losses).toEqual({ objectLock: 1 });
    const ended = await call('run');
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended).unresolved[0]?.reason).toContain(
      'would lose objectLock at hamar (it may not be asked about its object lock)',
    );
    expect(await keysIn(centre)).toEqual([]);
  });

  it('that were extended since the copy are a conflict, and the source stays', async () => {
    const [source, centre] = [
      await newBucket({ lock: 'none by default' }),
      await newBucket({ lock: 'none by default' }),
    ];
    await put(source, 'k', GOVERNED);
    const { write, call } = planTo(source, centre);
    expect((await call('run')).code).toBe(0);
    const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: inDays(60) } as const;
    const input = { Bucket: source, Key: 'k', Retention, ChecksumAlgorithm: 'SHA256' } as const;
    await minioClient().send(new PutObjectRetentionCommand(input));
    write({ finish: 'tombstoned' });
    const ended = await call('run');
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended).totals.states).toMatchObject({ conflict: 1, tombstoned: 0 });
    expect(await textOf(source, 'k')).toBe('of k');
  });

  it.each(['GOVERNANCE', 'COMPLIANCE'] as const)('by default (%s) on both sides stand in no way', async (lock) => {
    const [source, centre] = [await newBucket({ lock }), await newBucket({ lock })];
    await put(source, 'k');
    await put(source, 'large', { Body: LARGE });
    const before = await lockOf(source, 'k');
    expect(before.ObjectLockMode).toBe(lock);
    const { call } = planTo(source, centre, { finish: 'tombstoned' });
    const ended = await call('run');
    expect(ended.code, ended.stderr + ended.stdout).toBe(0);
    expect(await lockOf(centre, 'k')).toEqual(before);
    // What was put there to try the server is hidden, as it cannot be deleted.
    expect([await keysIn(source), await keysIn(centre)]).toEqual([
      ['k', 'large'],
      ['k', 'large'],
    ]);
    expect((await lockOf(source, 'k')).ObjectLockMode).toBe(lock);
    expect((await call('verify')).code).toBe(0);
    const restored = await call('restore');
    expect(restored.code, restored.stderr + restored.stdout).toBe(0);
    expect(await textOf(source, 'k')).toBe('of k');
    expect(await lockOf(source, 'k')).toEqual(before);
  });

  it('that a centre adds by default are no difference', async () => {
    const [source, centre] = [await newBucket(), await newBucket({ lock: 'COMPLIANCE' })];
    await put(source, 'k');
    const { call } = planTo(source, centre, { finish: 'tombstoned' });
    const ended = await call('run');
    expect(ended.code, ended.stderr + ended.stdout).toBe(0);
    expect((await lockOf(centre, 'k')).ObjectLockMode).toBe('COMPLIANCE');
    expect((await call('restore')).code).toBe(0);
    expect(await textOf(source, 'k')).toBe('of k');
  });
});
