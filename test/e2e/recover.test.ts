import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { type Laid, layOut, USERS } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { tempDir } from '../support/temp.ts';
import { digestsIn, factsIn, writeTree } from '../support/tree.ts';

interface Outcome {
  readonly ledger?: string;
  readonly totals: { readonly objects: number; readonly states: Readonly<Record<string, number>> };
  readonly transferred: { readonly objects: number };
  readonly recovered: Readonly<Record<string, number>> & { readonly leftKept: { readonly objects: number } };
  readonly notRecovered: readonly string[];
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
  readonly stores: readonly { readonly clean: boolean }[];
}

const KARI = 'users/NO/kari/a.json';
const FIVE = Object.fromEntries(Object.entries(USERS).filter(([key]) => key.startsWith('users/')));

async function onFolders(change: object = {}, files: Readonly<Record<string, string>> = USERS) {
  const laid = layOut({ ...change }, files);
  const state = join(laid.dir, '.ferry', 'test');
  const call = async (command: string, ...more: string[]): Promise<Ended> =>
    await ferry([command, laid.plan, '--json', ...more]);
  const before = digestsIn(laid.legacy);
  const run = await call('run');
  expect(run.code, run.stderr).toBe(0);
  const lose = (): void => rmSync(state, { recursive: true });
  return { ...laid, state, call, before, lose };
}

function stores({ legacy, hamar, dublin }: Laid): string[] {
  return [legacy, hamar, dublin].flatMap(factsIn);
}

describe('a state directory of folders that was lost', () => {
  it('is rebuilt without touching a store, so that a run sends nothing and a restore gives every byte back', async () => {
    const laid = await onFolders();
    laid.lose();
    writeTree(laid.legacy, { 'users/SE/new': 'after', 'users/DE/there': 'same' });
    writeTree(laid.dublin, { 'users/DE/there': 'same' });
    const was = stores(laid);
    const recovered = await laid.call('recover');
    expect(recovered.code, recovered.stderr + recovered.stdout).toBe(0);
    expect(stores(laid)).toEqual(was);
    expect(documentOf<Outcome>(recovered)).toMatchObject({
      totals: { objects: 7, states: { tombstoned: 5, planned: 2 } },
      recovered: { tombstones: 5, proven: 5, foreign: 0, leftKept: { objects: 0 } },
      unresolved: [],
    });
    expect(existsSync(join(laid.state, 'recovering'))).toBe(false);
    const run = documentOf<Outcome>(await laid.call('run'));
    // One is new; the centre had the other.
    expect(run).toMatchObject({ transferred: { objects: 1 }, totals: { states: { tombstoned: 7 } } });
    expect((await laid.call('verify')).code).toBe(0);
    const restored = await laid.call('restore');
    expect(restored.code, restored.stdout).toBe(0);
    expect(digestsIn(laid.legacy)).toMatchObject(laid.before);
    const access = await ferry(['policy', 'access', laid.plan]);
    expect(access.stdout).toContain('recover');
  });

  it('can be purged after the hold, and its evidence agrees and tells of the recovery', async () => {
    const laid = await onFolders({ tombstone: { hold: '0s' } });
    laid.lose();
    expect((await laid.call('recover')).code).toBe(0);
    const purged = await laid.call('purge', '--yes');
    expect(purged.code, purged.stdout).toBe(0);
    expect(documentOf<Outcome>(purged).totals.states).toMatchObject({ purged: 5 });
    expect(Object.keys(digestsIn(laid.legacy, true))).toEqual(['tmp/scratch']);
    const scan = await laid.call('scan');
    expect(
      documentOf<Outcome>(scan).stores.every(({ clean }) => clean),
      scan.stdout,
    ).toBe(true);
    const bundle = join(laid.dir, 'bundle');
    expect((await ferry(['evidence', 'export', laid.plan, '--out', bundle])).code).toBe(0);
    const verified = await ferry(['evidence', 'verify', bundle, '--key', join(laid.state, 'evidence.pub'), '--json']);
    expect(verified.code, verified.stderr).toBe(0);
    expect(documentOf<{ counted: object }>(verified).counted).toMatchObject({ recovered: 10, outcomes: { purged: 5 } });
  });

  it('is never taken where a ledger is, and a ledger that knows nothing is kept aside', async () => {
    const laid = await onFolders();
    const refused = await laid.call('recover');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('there is a ledger');
    laid.lose();
    expect((await laid.call('doctor')).code).toBe(0);
    const recovered = await laid.call('recover');
    expect(recovered.code, recovered.stderr).toBe(0);
    expect(readdirSync(laid.state)).toContain('ledger-empty.db');
    expect(documentOf<Outcome>(await laid.call('run')).totals.states).toMatchObject({ tombstoned: 5 });
  });

  it('goes on after a kill, and nothing else works with half of it', async () => {
    const files = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`users/NO/u${i}/data`, `data of ${i % 7}`]));
    const laid = await onFolders({ limits: { concurrency: 1 } }, files);
    laid.lose();
    const notes = join(laid.state, 'recovering', 'notes.db');
    const { child, ended } = startFerry(['recover', laid.plan, '--json']);
    while (!existsSync(notes)) await new Promise((done) => setTimeout(done, 5));
    child.kill('SIGKILL');
    expect((await ended).code).toBe(null);
    expect(existsSync(join(laid.state, 'ledger.db'))).toBe(false);
    const run = await laid.call('run');
    expect(run.code).toBe(3);
    expect(run.stderr).toContain('a recovery was begun');
    const recovered = await laid.call('recover');
    expect(recovered.code, recovered.stderr).toBe(0);
    expect(documentOf<Outcome>(recovered)).toMatchObject({
      totals: { states: { tombstoned: 60 } },
      recovered: { leftKept: { objects: 0 } },
    });
    expect((await laid.call('restore')).code).toBe(0);
    expect(digestsIn(laid.legacy)).toEqual(laid.before);
  });

  it('leaves tombstones whose copy is missing or differs to a person: no purge takes what they hide', async () => {
    const laid = await onFolders({ tombstone: { hold: '0s' } });
    laid.lose();
    rmSync(join(laid.hamar, KARI));
    writeFileSync(join(laid.dublin, 'users/DE/jonas/b.json'), '{"n":9}');
    const recovered = await laid.call('recover');
    expect(recovered.code, recovered.stdout).toBe(4);
    const { unresolved, totals } = documentOf<Outcome>(recovered);
    expect(totals.states).toMatchObject({ tombstoned: 3, failed: 2 });
    expect(unresolved.map(({ key }) => key).sort()).toEqual(['users/DE/jonas/b.json', KARI]);
    for (const { reason } of unresolved) expect(reason).toContain('`ferry restore` brings them back');
    const kept = Object.keys(digestsIn(join(laid.legacy, '.ferry-held'), true));
    expect(kept).toHaveLength(5);
    expect(documentOf<Outcome>(await laid.call('purge', '--yes')).totals.states).toMatchObject({
      purged: 3,
      failed: 2,
    });
    const again = await laid.call('run');
    expect(again.code).toBe(5);
    await laid.call('purge', '--yes');
    expect(Object.keys(digestsIn(join(laid.legacy, '.ferry-held'), true))).toHaveLength(2);
    // The hold is over, and they come back all the same.
    await laid.call('restore');
    expect(readFileSync(join(laid.legacy, KARI), 'utf8')).toBe('{"n":1}');
    expect(readFileSync(join(laid.legacy, 'users/DE/jonas/b.json'), 'utf8')).toBe('{"n":2}');
    const bundle = join(laid.dir, 'bundle');
    expect((await ferry(['evidence', 'export', laid.plan, '--out', bundle])).code).toBe(0);
    const verified = await ferry(['evidence', 'verify', bundle, '--key', join(laid.state, 'evidence.pub')]);
    expect(verified.code, verified.stderr).toBe(0);
  });

  it('takes a copy that is back at its centre, with the next run', async () => {
    const laid = await onFolders();
    laid.lose();
    renameSync(join(laid.hamar, KARI), join(laid.dir, 'aside'));
    expect((await laid.call('recover')).code).toBe(4);
    renameSync(join(laid.dir, 'aside'), join(laid.hamar, KARI));
    const run = await laid.call('run');
    expect(run.code, run.stdout).toBe(0);
    expect(documentOf<Outcome>(run).totals.states).toMatchObject({ tombstoned: 5 });
    expect((await laid.call('restore')).code).toBe(0);
    expect(digestsIn(laid.legacy)).toEqual(laid.before);
  });

  it('lists tombstones of others, and asks which ledger it was where there are several', async () => {
    const laid = await onFolders();
    const marker = readFileSync(join(laid.legacy, KARI), 'utf8');
    laid.lose();
    const told = JSON.parse(marker) as { ledger: string };
    const other = '00000000-0000-4000-8000-000000000000';
    // The members keep their order, which is that of the format.
    const put = (key: string, change: object): void =>
      writeTree(laid.legacy, { [key]: `${JSON.stringify({ ...JSON.parse(marker), ...change, key })}\n` });
    put('users/NO/x/other-plan', { plan: 'another' });
    put('users/NO/x/other-ledger', { ledger: other });
    const asked = await laid.call('recover');
    expect(asked.code).toBe(3);
    expect(asked.stderr).toContain(`${told.ledger} (5 objects), ${other} (1 objects)`);
    const recovered = await laid.call('recover', '--ledger', told.ledger);
    expect(recovered.code, recovered.stderr).toBe(4);
    const { unresolved, ...rest } = documentOf<Outcome>(recovered);
    expect(rest).toMatchObject({ ledger: told.ledger, totals: { states: { tombstoned: 5, failed: 2 } } });
    expect(unresolved.map(({ key }) => key).sort()).toEqual(['users/NO/x/other-ledger', 'users/NO/x/other-plan']);
    for (const { reason } of unresolved) expect(reason).toContain('left alone');
  });

  it('shows a late write into what a tombstone hides, and takes it for nobody’s', async () => {
    const laid = await onFolders({ tombstone: { hold: '0s' } });
    laid.lose();
    const held = Object.keys(digestsIn(join(laid.legacy, '.ferry-held'), true)).map((name) =>
      join(laid.legacy, '.ferry-held', name),
    );
    const file = held.find((path) => readFileSync(path, 'utf8') === '{"n":1}') ?? '';
    writeFileSync(file, '{"n":X}');
    const recovered = await laid.call('recover');
    expect(recovered.code).toBe(4);
    expect(documentOf<Outcome>(recovered).recovered.leftKept).toEqual({ objects: 1, bytes: 7 });
    await laid.call('purge', '--yes');
    expect(readFileSync(file, 'utf8')).toBe('{"n":X}');
  });

  it('knows from the evidence what was purged and restored', async () => {
    const laid = await onFolders({ tombstone: { hold: '1h' } });
    expect((await laid.call('restore', '--key', KARI)).code).toBe(0);
    const bundle = join(laid.dir, 'bundle');
    const key = join(laid.dir, 'signer');
    expect((await ferry(['keygen', '--out', key])).code).toBe(0);
    const exported = await ferry([
      'evidence',
      'export',
      laid.plan,
      '--out',
      bundle,
      '--keys',
      'plain',
      '--key',
      `${key}.key`,
    ]);
    expect(exported.code, exported.stderr).toBe(0);
    laid.lose();
    rmSync(join(laid.legacy, 'users/SE/sven/photo 1.jpg'));
    const unsigned = await laid.call('recover', '--evidence', bundle);
    expect(unsigned.code).toBe(2);
    const recovered = await laid.call('recover', '--evidence', bundle, '--key', `${key}.pub`);
    expect(recovered.code, recovered.stderr).toBe(4);
    expect(documentOf<Outcome>(recovered)).toMatchObject({
      totals: { objects: 5, states: { restored: 1, tombstoned: 3, failed: 1 } },
      recovered: { restored: 1, missing: 1, purged: 0 },
    });
    const run = documentOf<Outcome>(await laid.call('run'));
    expect(run.totals.states).toMatchObject({ restored: 1 });
    expect(readFileSync(join(laid.legacy, KARI), 'utf8')).toBe('{"n":1}');
  });
});

describe.each([false, true])('a state directory of buckets that was lost (versioned: %s)', (versioned) => {
  async function lay(change: object = {}) {
    const [from, to] = [await newBucket({ versioned }), await newBucket()];
    const proxy = await countingProxy(inject('minio').endpoint);
    const dir = tempDir();
    const plan = join(dir, 'plan.json');
    writeFileSync(
      plan,
      JSON.stringify({
        apiVersion: 'ferry/v1',
        name: 'test',
        runner: { jurisdiction: 'IE' },
        stores: { legacy: bucketStore(from, 'SG'), centre: { ...bucketStore(to, 'NO'), endpoint: proxy.endpoint } },
        partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'centre' }],
        finish: 'tombstoned',
        tombstone: { hold: '0s', markers: 'remove', ...(versioned ? {} : { keep: 'staged' }) },
        ...change,
      }),
    );
    const client = minioClient();
    const bodies = { ...FIVE, 'users/NO/twin': '{"n":1}' };
    for (const [Key, Body] of Object.entries(bodies))
      await client.send(
        new PutObjectCommand({
          Bucket: from,
          Key,
          Body: Buffer.from(Body),
          Metadata: { of: Buffer.from(Key).toString('hex') },
        }),
      );
    const call = async (command: string, ...more: string[]): Promise<Ended> =>
      await ferry([command, plan, '--json', ...more], minioEnv());
    const run = await call('run');
    expect(run.code, run.stderr + run.stdout).toBe(0);
    rmSync(join(dir, '.ferry'), { recursive: true });
    const puts = (): number =>
      [...proxy.done].reduce((sum, [name, n]) => (name.startsWith(`PUT /${to}/users`) ? sum + n : sum), 0);
    return { from, to, client, call, puts, bodies };
  }

  it('is rebuilt: nothing is sent again, restore gives all back, with what each object carried', async () => {
    const { from, call, client, puts, bodies } = await lay({
      tombstone: { hold: '1h', ...(versioned ? {} : { keep: 'staged' }) },
    });
    const sent = puts();
    const recovered = await call('recover');
    expect(recovered.code, recovered.stderr + recovered.stdout).toBe(0);
    expect(documentOf<Outcome>(recovered)).toMatchObject({
      recovered: { tombstones: 6, proven: 6, leftKept: { objects: 0 } },
    });
    const run = await call('run');
    expect(documentOf<Outcome>(run)).toMatchObject({
      transferred: { objects: 0 },
      totals: { states: { tombstoned: 6 } },
    });
    expect(puts()).toBe(sent);
    const restored = await call('restore');
    expect(restored.code, restored.stdout).toBe(0);
    for (const [Key, body] of Object.entries(bodies)) {
      const got = await client.send(new GetObjectCommand({ Bucket: from, Key }));
      expect(await got.Body?.transformToString()).toBe(body);
      expect(got.Metadata).toEqual({ of: Buffer.from(Key).toString('hex') });
    }
  });

  it('is purged to nothing after the hold, but for what is not proven', async () => {
    const { from, to, call, client } = await lay();
    await client.send(new DeleteObjectCommand({ Bucket: to, Key: KARI }));
    const recovered = await call('recover');
    expect(recovered.code, recovered.stdout).toBe(4);
    const purged = await call('purge', '--yes');
    expect(documentOf<Outcome>(purged).totals.states, purged.stderr).toMatchObject({ purged: 5, failed: 1 });
    const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: from }));
    expect(Versions).toHaveLength(2);
    expect((await call('restore')).code).toBe(0);
    const got = await client.send(new GetObjectCommand({ Bucket: from, Key: KARI }));
    expect(await got.Body?.transformToString()).toBe('{"n":1}');
  });

  if (!versioned) return;
  it('leaves to a person what was written or deleted over a tombstone, or came to lie under it', async () => {
    const { from, call, client } = await lay();
    await client.send(new DeleteObjectCommand({ Bucket: from, Key: KARI }));
    await client.send(new PutObjectCommand({ Bucket: from, Key: 'users/DE/jonas/b.json', Body: 'newer' }));
    // The version that a tombstone covers goes, and another lies there.
    const Key = 'users/IE/aoife/c.json';
    const got = await client.send(new GetObjectCommand({ Bucket: from, Key }));
    const marker = (await got.Body?.transformToByteArray()) ?? new Uint8Array();
    await client.send(new PutObjectCommand({ Bucket: from, Key, Body: 'late' }));
    await client.send(new PutObjectCommand({ Bucket: from, Key, Body: marker }));
    const recovered = await call('recover');
    expect(recovered.code, recovered.stdout).toBe(4);
    const { totals, unresolved } = documentOf<Outcome>(recovered);
    expect(totals.states).toMatchObject({ tombstoned: 3, planned: 1, failed: 1, conflict: 1 });
    expect(Object.fromEntries(unresolved.map(({ key, reason }) => [key, reason]))).toEqual({
      [KARI]: expect.stringContaining('below a delete marker') as string,
      [Key]: expect.stringContaining('came to lie under it') as string,
    });
    const count = async (): Promise<number> =>
      (await client.send(new ListObjectVersionsCommand({ Bucket: from }))).Versions?.length ?? 0;
    const before = await count();
    expect(documentOf<Outcome>(await call('run')).totals.states).toMatchObject({
      tombstoned: 3,
      conflict: 1,
      gone: 1,
      failed: 1,
    });
    await call('purge', '--yes');
    // Two of each of the three that were proven.
    expect(await count()).toBe(before - 6);
    const head = await client.send(new HeadObjectCommand({ Bucket: from, Key: 'users/DE/jonas/b.json' }));
    expect(head.ContentLength).toBe(5);
  });
});
