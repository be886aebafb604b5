import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { type Ended, ferry } from '../support/cli.ts';
import { liar } from '../support/liar.ts';
import { limitedTo } from '../support/limited.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { layOut } from '../support/plan.ts';
import { type Scanned, scanned } from '../support/scanned.ts';
import { tempDir } from '../support/temp.ts';
import { factsIn, writeTree } from '../support/tree.ts';

/** A plan from a bucket, or a prefix in one, with a function that calls ferry with it. */
function planOf(source: string, centre: string, change: object = {}) {
  const dir = tempDir();
  const plan = join(dir, 'plan.json');
  const document = {
    apiVersion: 'ferry/v1',
    name: 'scan',
    runner: { jurisdiction: 'IE' },
    stores: { legacy: bucketStore(source, 'SG', { prefix: 'old/' }), hamar: bucketStore(centre, 'NO') },
    partitions: [{ name: 'users', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }],
    exclude: [{ from: 'legacy', prefix: 'tmp/', reason: 'scratch' }],
    unassigned: 'allow',
    finish: 'tombstoned',
    ...change,
  };
  const write = (more: object): void => writeFileSync(plan, JSON.stringify({ ...document, ...more }));
  write({});
  const call = async (command: string, ...more: string[]): Promise<Ended> =>
    await ferry([command, plan, '--json', ...more], minioEnv());
  return { dir, plan, write, call, scan: async () => scanned(await call('scan')) };
}

const put = async (Bucket: string, key: string, Body: string, more: Partial<PutObjectCommandInput> = {}) =>
  await minioClient().send(new PutObjectCommand({ Bucket, Key: `old/${key}`, Body, ...more }));
const erase = async (Bucket: string, key: string) =>
  await minioClient().send(new DeleteObjectCommand({ Bucket, Key: `old/${key}` }));

/** What an outside client counts below a prefix: states by whether they are the newest, tombstones by their metadata. */
async function outside(Bucket: string, prefix: string) {
  const client = minioClient();
  const found = { objects: 0, versions: 0, deleteMarkers: 0, tombstones: 0, bytes: 0 };
  const { Versions = [], DeleteMarkers = [] } = await client.send(
    new ListObjectVersionsCommand({ Bucket, Prefix: `old/${prefix}` }),
  );
  for (const { Key, VersionId, IsLatest, Size = 0 } of Versions) {
    const { Metadata } = await client.send(new GetObjectCommand({ Bucket, Key, VersionId }));
    if (Metadata?.['ferry-tombstone'] !== undefined) found.tombstones += 1;
    else {
      found[IsLatest === true ? 'objects' : 'versions'] += 1;
      found.bytes += Size;
    }
  }
  return { ...found, deleteMarkers: DeleteMarkers.length };
}

const counts = ({ objects, versions, deleteMarkers, tombstones, bytes }: Scanned) => ({
  objects,
  versions,
  deleteMarkers,
  tombstones,
  bytes: bytes.objects + bytes.versions,
});

const reasons = ({ remaining }: Scanned) =>
  Object.fromEntries(remaining.map(({ kind, key, reason }) => [`${kind} ${key}`, reason]));

describe('ferry scan of a versioned bucket', () => {
  it('counts what an outside client counts: before a run, within the hold, after a restore', async () => {
    const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
    for (const key of ['users/a', 'users/b', 'tmp/x', 'other/y']) await put(source, key, `first ${key}`);
    await put(source, 'users/b', 'second');
    await put(source, 'users/gone', 'deleted by its application');
    await erase(source, 'users/gone');
    // Beside the store's prefix: of no concern to the plan.
    await minioClient().send(new PutObjectCommand({ Bucket: source, Key: 'users/a', Body: 'not ours' }));
    const { call, scan } = planOf(source, centre);

    const before = await scan();
    expect(before.code).toBe(4);
    const [first] = before.stores;
    expect(first && counts(first)).toEqual(await outside(source, 'users/'));
    expect(first).toMatchObject({
      name: 'legacy',
      objects: 2,
      versions: 2,
      deleteMarkers: 1,
      tombstones: 0,
      late: 0,
      clean: false,
      excluded: { objects: 1, versions: 0, sample: ['tmp/x'], bytes: { objects: 11 } },
      unassigned: { objects: 1, sample: ['other/y'] },
    });
    expect(first && reasons(first)).toEqual({
      'object users/a': 'not yet moved: it is not in the ledger',
      'object users/b': 'not yet moved: it is not in the ledger',
      'version users/b': 'older version that was never copied (versions: current)',
      'version users/gone': 'older version that was never copied (versions: current)',
    });

    const run = await call('run');
    expect(run.code, run.stdout + run.stderr).toBe(0);
    const { code, stores } = await scan();
    expect(code).toBe(4);
    const [held] = stores;
    expect(held && counts(held)).toEqual(await outside(source, 'users/'));
    expect(held).toMatchObject({ objects: 0, versions: 4, tombstones: 2, deleteMarkers: 1, late: 0, clean: false });
    expect(held && reasons(held)).toMatchObject({
      'version users/a': expect.stringMatching(/^kept for restore until 20\d\d-/),
      'version users/gone': 'older version that was never copied (versions: current)',
    });

    expect((await call('restore')).code).toBe(0);
    const [restored] = (await scan()).stores;
    expect(restored && counts(restored)).toEqual(await outside(source, 'users/'));
    expect(restored).toMatchObject({ objects: 2, versions: 2, tombstones: 0 });
    expect(restored && reasons(restored)['object users/a']).toBe('restored: a run leaves it alone');
  });

  it('says of whole histories which states are at the centre', async () => {
    const [source, centre] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
    await put(source, 'users/a', 'one');
    await put(source, 'users/a', 'two');
    await put(source, 'users/gone', 'three');
    await erase(source, 'users/gone');
    const partitions = [{ name: 'users', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar', versions: 'all' }];
    const { call, scan, write } = planOf(source, centre, { partitions });
    expect((await call('run', '--until', 'verified')).code).toBe(0);
    const [copied] = (await scan()).stores;
    expect(copied && reasons(copied)).toEqual({
      'object users/a': 'verified at hamar, not yet tombstoned',
      'version users/a': 'older version, copied to hamar, not yet tombstoned',
      'version users/gone': 'older version, copied to hamar, not yet tombstoned',
    });
    write({ tombstone: { hold: '0s' }, partitions });
    expect((await call('run')).code).toBe(0);
    const [held] = (await scan()).stores;
    expect(held && counts(held)).toEqual(await outside(source, 'users/'));
    expect(held).toMatchObject({ objects: 0, versions: 3, tombstones: 1, deleteMarkers: 1 });
    for (const { reason } of held?.remaining ?? []) expect(reason).toMatch(/^kept by its tombstone, whose hold ended/);
    // What came on top since.
    await put(source, 'users/a', 'late');
    const [late] = (await scan()).stores;
    expect(late && counts(late)).toEqual(await outside(source, 'users/'));
    expect(late).toMatchObject({ objects: 1, versions: 3, tombstones: 1, late: 1 });
  });

  it('finds nothing any more once it was purged', async () => {
    const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
    await put(source, 'users/a', 'one');
    const { call, scan } = planOf(source, centre, { tombstone: { hold: '0s' } });
    expect((await call('run')).code).toBe(0);
    expect((await scan()).stores[0]).toMatchObject({ versions: 1, tombstones: 1, clean: false });
    const purged = await call('purge', '--yes');
    expect(purged.code, purged.stdout + purged.stderr).toBe(0);
    const { code, stores } = await scan();
    expect(code).toBe(0);
    expect(stores[0] && counts(stores[0])).toEqual(await outside(source, 'users/'));
    expect(stores[0]).toMatchObject({ objects: 0, versions: 0, clean: true });
  });

  it('tells what a lock keeps, and until when', async () => {
    const [source, centre] = [await newBucket({ lock: 'none by default' }), await newBucket()];
    const until = new Date(Math.floor(Date.now() / 1000) * 1000 + 86_400_000);
    await put(source, 'users/a', 'locked', {
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: until,
      ChecksumAlgorithm: 'SHA256',
    });
    await put(source, 'users/b', 'free', { ChecksumAlgorithm: 'SHA256' });
    const { call, scan } = planOf(source, centre, { accept: ['objectLock'] });
    expect((await call('run')).code).toBe(0);
    const [held] = (await scan()).stores;
    expect(held).toMatchObject({ objects: 0, versions: 2, tombstones: 2 });
    expect(held && reasons(held)['version users/a']).toMatch(/^kept for restore until .*; locked: GOVERNANCE until/);
    expect(held && reasons(held)['version users/a']).toContain(`locked: GOVERNANCE until ${until.toISOString()}`);
    expect(held && reasons(held)['version users/b']).not.toContain('locked');
  });

  it('does not call clean what it may not see: versions and uploads denied', async () => {
    const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
    await put(source, 'users/a', 'hidden');
    await erase(source, 'users/a');
    const env = await limitedTo(['s3:ListBucket', 's3:GetObject', 's3:GetBucketVersioning'], source);
    const credentials = {
      accessKeyIdEnv: 'LIMITED_KEY',
      secretAccessKeyEnv: 'LIMITED_SECRET',
      sessionTokenEnv: 'LIMITED_TOKEN',
    };
    // MinIO takes the right to list objects for that to list versions; AWS does not.
    const endpoint = await liar(
      inject('minio').endpoint,
      () => false,
      (asked, told) => {
        if (!/[?&]versions(=|&|$)/.test(asked.url ?? '')) return false;
        told.writeHead(403, { 'content-type': 'application/xml' });
        told.end('<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>no</Message></Error>');
        return true;
      },
    );
    const legacy = bucketStore(source, 'SG', { prefix: 'old/', credentials, endpoint });
    const { plan } = planOf(source, centre, { stores: { legacy, hamar: bucketStore(centre, 'NO') } });
    const { code, stores } = scanned(await ferry(['scan', plan, '--json'], { ...minioEnv(), ...env }));
    expect(code).toBe(4);
    expect(stores[0]).toMatchObject({ objects: 0, versions: 0, clean: false, proven: false });
    expect(stores[0]?.unseen).toEqual([
      expect.stringMatching(/^unfinished uploads: AccessDenied/),
      expect.stringMatching(/^older versions and delete markers: AccessDenied/),
      expect.stringContaining("under another object's key"),
    ]);
    const text = await ferry(['scan', plan], { ...minioEnv(), ...env });
    expect(text.stdout).toContain('not all could be seen');
  });

  it('goes on where a listing broke, in the middle of a key, and counts nothing twice', async () => {
    const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
    await Promise.all(Array.from({ length: 1_050 }, (_, n) => put(source, `users/${n % 3}`, `body ${n}`)));
    let asked = 0;
    const endpoint = await liar(
      inject('minio').endpoint,
      () => false,
      (request, told) => {
        if (!/[?&]versions(=|&|$)/.test(request.url ?? '')) return false;
        asked += 1;
        if (asked !== 2) return false;
        told.writeHead(503);
        told.end();
        return true;
      },
    );
    const { scan } = planOf(source, centre, {
      stores: { legacy: bucketStore(source, 'SG', { prefix: 'old/', endpoint }), hamar: bucketStore(centre, 'NO') },
    });
    const { stores } = await scan();
    expect(stores[0]).toMatchObject({ objects: 3, versions: 1_047, more: 50 });
    expect(asked).toBe(3);
  });
});

describe('ferry scan of other buckets', () => {
  it('finds nothing but tombstones after a run, in a bucket without versions, and says what it cannot prove', async () => {
    const [source, centre] = [await newBucket(), await newBucket()];
    await put(source, 'users/a', 'one');
    await put(source, 'users/b', 'two');
    const { call, scan, plan } = planOf(source, centre);
    expect((await call('run')).code).toBe(0);
    const { code, stores } = await scan();
    expect(code).toBe(0);
    expect(stores[0]).toMatchObject({ objects: 0, versions: 0, tombstones: 2, clean: true, proven: false, late: 0 });
    const text = await ferry(['scan', plan], minioEnv());
    expect(text.stdout).toMatch(/^legacy +0 .* clean as far as this server can show$/m);

    // Writers who did not know: a new key, another body over a tombstone, and one over it with the bytes of a tombstone of another key.
    await put(source, 'users/c', 'new');
    await put(source, 'users/a', 'written again');
    const client = minioClient();
    const other = await client.send(new GetObjectCommand({ Bucket: source, Key: 'old/users/b' }));
    await put(source, 'users/d', (await other.Body?.transformToString()) ?? '');
    const late = await scan();
    expect(late.code).toBe(4);
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: source, Prefix: 'old/users/' }));
    expect(Contents).toHaveLength(4);
    expect(late.stores[0]).toMatchObject({ objects: 3, late: 3, tombstones: 1, clean: false });
    expect(late.stores[0] && reasons(late.stores[0])).toEqual({
      'object users/a': 'written again after its tombstone; a new run lists it as a conflict',
      'object users/c': 'it appeared after the inventory; a new run takes it',
      'object users/d': 'it appeared after the inventory; a new run takes it',
    });
  });

  it('knows tombstones by their bytes where the ledger is lost, and no others', async () => {
    const [source, centre] = [await newBucket(), await newBucket()];
    await put(source, 'users/a', 'one');
    await put(source, 'users/b', 'two');
    const { call, plan, dir } = planOf(source, centre);
    expect((await call('run')).code).toBe(0);
    const client = minioClient();
    const b = await client.send(new GetObjectCommand({ Bucket: source, Key: 'old/users/b' }));
    // A tombstone that something was added to is someone's data.
    await put(source, 'users/b', `${(await b.Body?.transformToString())?.replace('"plan"', '"extra":"mine","plan"')}`);
    const { stores } = scanned(await ferry(['scan', plan, '--json', '--state', join(dir, 'empty')], minioEnv()));
    expect(stores[0]).toMatchObject({ objects: 1, tombstones: 1, late: 0 });
    expect(stores[0]?.remaining[0]?.key).toBe('users/b');
  });

  it('sees hidden versions where versioning is suspended', async () => {
    const [source, centre] = [await newBucket({ versioned: true }), await newBucket()];
    await put(source, 'users/a', 'one');
    const VersioningConfiguration = { Status: 'Suspended' as const };
    await minioClient().send(new PutBucketVersioningCommand({ Bucket: source, VersioningConfiguration }));
    await put(source, 'users/a', 'null');
    const { scan } = planOf(source, centre);
    const [found] = (await scan()).stores;
    expect(found && counts(found)).toEqual(await outside(source, 'users/'));
    expect(found).toMatchObject({ objects: 1, versions: 1 });
  });

  it('counts bytes that are kept under keys of their own, and no object for them', async () => {
    const [source, centre] = [await newBucket(), await newBucket()];
    await put(source, `.ferry-held/${'ab'.repeat(32)}`, 'kept');
    await put(source, '.ferry-held/users', 'an object of its own');
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }];
    const { scan } = planOf(source, centre, { partitions, exclude: [] });
    const { stores } = await scan();
    expect(stores[0]).toMatchObject({ objects: 1, kept: 1, bytes: { kept: 4 }, clean: false });
    expect(stores[0]?.remaining.map(({ kind, version }) => [kind, version])).toEqual([
      ['object', undefined],
      ['kept', 'ab'.repeat(32)],
    ]);
  });

  it('says of staged bytes whose they are and how long they are held', async () => {
    const [source, centre] = [await newBucket(), await newBucket()];
    await put(source, 'users/a', 'one');
    await put(source, 'users/b', 'three');
    const { call, scan } = planOf(source, centre, { tombstone: { keep: 'staged' } });
    const run = await call('run');
    expect(run.code, run.stdout + run.stderr).toBe(0);
    const { Contents = [] } = await minioClient().send(
      new ListObjectsV2Command({ Bucket: source, Prefix: 'old/.ferry-held/' }),
    );
    const { stores } = await scan();
    expect(stores[0]).toMatchObject({ objects: 0, tombstones: 2, kept: Contents.length, bytes: { kept: 8 } });
    expect(stores[0] && reasons(stores[0])).toEqual({
      'kept users/a': expect.stringMatching(/^kept for restore until 20/),
      'kept users/b': expect.stringMatching(/^kept for restore until 20/),
    });
    expect((await call('restore')).code).toBe(0);
    expect((await scan()).stores[0]).toMatchObject({ objects: 2, kept: 0, tombstones: 0 });
  });

  it('ends with 75 where the store cannot be reached, and asks nothing of the centres', async () => {
    const source = await newBucket();
    await put(source, 'users/a', 'one');
    const nowhere = { endpoint: 'http://127.0.0.1:9' };
    const legacy = bucketStore(source, 'SG', { prefix: 'old/' });
    const far = planOf('', '', { stores: { legacy, hamar: bucketStore('not-there', 'NO', nowhere) } });
    expect((await far.scan()).stores[0]).toMatchObject({ objects: 1 });
    far.write({ stores: { legacy: { ...legacy, ...nowhere }, hamar: bucketStore('not-there', 'NO') } });
    expect((await far.call('scan')).code).toBe(75);
  });
});

describe('ferry scan of a folder', () => {
  const scanOf = async (plan: string, ...more: string[]) => scanned(await ferry(['scan', plan, '--json', ...more]));

  it('counts objects before a run and kept bytes after it, each with its reason, and touches nothing', async () => {
    const laid = layOut();
    const before = factsIn(laid.legacy);
    const first = await scanOf(laid.plan);
    expect(first.code).toBe(4);
    expect(first.stores[0]).toMatchObject({ objects: 5, kept: 0, proven: true, unseen: [], excluded: { objects: 1 } });
    expect(factsIn(laid.dir).filter((line) => line.startsWith('.ferry'))).toEqual([]);
    expect(factsIn(laid.legacy)).toEqual(before);

    expect((await ferry(['run', laid.plan])).code).toBe(0);
    const held = await scanOf(laid.plan);
    const files = readdirSync(join(laid.legacy, '.ferry-held'), { recursive: true, withFileTypes: true });
    expect(held.stores[0]).toMatchObject({ objects: 0, kept: 5, tombstones: 5, clean: false });
    expect(files.filter((file) => file.isFile())).toHaveLength(5);
    expect(held.stores[0]?.bytes.kept).toBe(first.stores[0]?.bytes.objects);
    expect(held.stores[0]?.remaining.map(({ key }) => key).sort()).toEqual([
      'users/DE/jonas/b.json',
      'users/IE/aoife/c.json',
      'users/NO/kari/a.json',
      'users/NO/kari/empty',
      'users/SE/sven/photo 1.jpg',
    ]);
    for (const { reason } of held.stores[0]?.remaining ?? []) expect(reason).toMatch(/^kept for restore until 20/);

    expect((await ferry(['restore', laid.plan])).code).toBe(0);
    const restored = await scanOf(laid.plan);
    expect(restored.stores[0]).toMatchObject({ objects: 5, kept: 0, tombstones: 0 });

    rmSync(join(laid.legacy, 'users'), { recursive: true });
    const empty = await scanOf(laid.plan);
    expect(empty).toMatchObject({ code: 0, stores: [{ objects: 0, kept: 0, clean: true, proven: true }] });
  });

  it('is clean, and proven to be, after a purge', async () => {
    const laid = layOut({ tombstone: { hold: '0s' } });
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    expect((await scanOf(laid.plan)).stores[0]).toMatchObject({ kept: 5, clean: false });
    expect((await ferry(['purge', laid.plan, '--yes'])).code).toBe(0);
    expect(await scanOf(laid.plan)).toMatchObject({ code: 0, stores: [{ kept: 0, clean: true, proven: true }] });
  });

  it('finds what tombstones of an earlier time keep, and what a stopped run left', async () => {
    const laid = layOut();
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    // Written again, moved by another ledger: two bodies are kept of one key, and this ledger knows one.
    writeTree(laid.legacy, { 'users/NO/kari/a.json': 'again' });
    rmSync(join(laid.hamar, 'users/NO/kari/a.json'));
    expect((await ferry(['run', laid.plan, '--state', join(laid.dir, 'second')])).code).toBe(4);
    writeTree(laid.legacy, { '.ferry-tmp/1-abc/object': 'set aside', '.ferry-tmp/1-abc/note.json': '{}' });
    const { stores } = await scanOf(laid.plan);
    expect(stores[0]).toMatchObject({ kept: 7, tombstones: 5, objects: 0 });
    const unknown = stores[0]?.remaining.filter(({ key }) => key === undefined) ?? [];
    expect(unknown.map(({ reason }) => reason.slice(0, 20)).sort()).toEqual([
      'being written or set',
      'kept by no tombstone',
    ]);
  });

  it('counts what came or changed after the inventory as late', async () => {
    const laid = layOut({ finish: 'verified' });
    expect((await ferry(['run', laid.plan])).code).toBe(0);
    const done = await scanOf(laid.plan);
    expect(done.stores[0]).toMatchObject({ objects: 5, late: 0 });
    expect(done.stores[0]?.remaining[0]?.reason).toMatch(/^verified at \w+; finish: verified leaves it$/);
    writeTree(laid.legacy, { 'users/NO/new': 'new', 'users/NO/kari/a.json': 'changed since' });
    const late = await scanOf(laid.plan);
    expect(late.stores[0]).toMatchObject({ objects: 6, late: 2 });
  });

  it('lists all with --all, and no more than 1,000 in a document', async () => {
    const files = Object.fromEntries(Array.from({ length: 1_100 }, (_, n) => [`users/NO/${n}`, `${n}`]));
    const laid = layOut({}, files);
    const { stores } = await scanOf(laid.plan, '--all');
    expect(stores[0]).toMatchObject({ objects: 1_100, more: 100 });
    expect(stores[0]?.remaining).toHaveLength(1_000);
    const some = await ferry(['scan', laid.plan]);
    expect(some.stdout.split('\n').filter((line) => line.startsWith('  legacy  object  '))).toHaveLength(20);
    expect(some.stdout).toContain('and 1080 more at legacy; --all lists all');
    const all = await ferry(['scan', laid.plan, '--all']);
    expect(all.stdout.split('\n').filter((line) => line.startsWith('  legacy  object  '))).toHaveLength(1_100);
  });

  it('refuses a plan that does not validate', async () => {
    const laid = layOut({ finish: 'burnt' });
    expect((await ferry(['scan', laid.plan])).code).toBe(2);
  });
});
