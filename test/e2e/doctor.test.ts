import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLockConfigurationCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { takeLock } from '../../src/ledger/lock.ts';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { type Lie, liar } from '../support/liar.ts';
import { limitedTo } from '../support/limited.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';
import { makeCertificate } from '../support/tls-minio.ts';
import { factsIn, writeTree } from '../support/tree.ts';

interface Capability {
  readonly id: string;
  readonly result: 'yes' | 'no' | 'unknown';
  readonly needed: boolean;
  readonly detail: string;
  readonly fix?: string;
  readonly warning?: true;
  readonly probedAt: string;
}

interface DoctorDocument {
  readonly plan: string;
  readonly stores: readonly {
    readonly name: string;
    readonly role: string;
    readonly location: string;
    readonly ok: boolean;
    readonly written: boolean;
    readonly left: readonly string[];
    readonly capabilities: readonly Capability[];
  }[];
}

const bucketStore = (bucket: string, more: Readonly<Record<string, unknown>> = {}) => ({
  type: 's3',
  endpoint: inject('minio').endpoint,
  region: 'us-east-1',
  bucket,
  jurisdiction: 'NO',
  credentials: { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' },
  ...more,
});

function planOf(dir: string, legacy: unknown, hamar: unknown, more: Readonly<Record<string, unknown>> = {}): string {
  const file = join(dir, 'plan.json');
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }];
  const stores = { legacy, hamar };
  writeFileSync(file, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [], ...more }));
  return file;
}

const doctor = async (file: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  await ferry(['doctor', file, '--json'], { ...minioEnv(), ...env });

function found(ended: Ended, store: string) {
  const one = documentOf<DoctorDocument>(ended).stores.find(({ name }) => name === store);
  if (one === undefined) throw new Error(`no store ${store}: ${ended.stdout}\n${ended.stderr}`);
  return { ...one, of: (id: string) => one.capabilities.find((capability) => capability.id === id) };
}

const results = (ended: Ended, store: string) =>
  Object.fromEntries(found(ended, store).capabilities.map(({ id, result }) => [id, result]));

/** What `plan` says of keys that its source may hide. */
async function hiddenKeys(file: string) {
  const ended = await ferry(['plan', file, '--json'], minioEnv());
  const { findings } = documentOf<{ findings: { rule: string; message: string }[] }>(ended);
  return findings.filter(({ rule }) => rule === 'hidden-keys');
}

/** Everything in a bucket that costs money or holds data. */
async function contents(bucket: string): Promise<readonly unknown[]> {
  const client = minioClient();
  const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return [...Versions, ...DeleteMarkers, ...Uploads].map(({ Key }) => Key);
}

const LIMITED = {
  credentials: {
    accessKeyIdEnv: 'LIMITED_KEY',
    secretAccessKeyEnv: 'LIMITED_SECRET',
    sessionTokenEnv: 'LIMITED_TOKEN',
  },
};
const READ = ['s3:ListBucket', 's3:GetObject', 's3:GetBucketVersioning', 's3:GetBucketLocation'];

const MINIO_DOES = {
  reach: 'yes',
  clock: 'yes',
  list: 'yes',
  'list-versions': 'yes',
  'list-uploads': 'yes',
  write: 'yes',
  read: 'yes',
  remove: 'yes',
  'create-if-absent': 'yes',
  'create-if-absent-races': 'yes',
  'replace-if-unchanged': 'yes',
  'complete-if-absent': 'yes',
  'complete-if-unchanged': 'yes',
  'delete-if-unchanged': 'no',
  'list-uploads-by-prefix': 'no',
  'chunked-trailer': 'yes',
  'checksum-sha256': 'yes',
  'checksum-composite': 'yes',
  metadata: 'yes',
  tags: 'yes',
  encryption: 'no',
  'lists-key-under-key': 'no',
  'keeps-leading-slash': 'no',
};

describe('ferry doctor on MinIO', () => {
  it('shows what buckets of each kind do, leaves nothing behind, and later commands know', async () => {
    const [plain, versioned, suspended] = [await newBucket(), await newBucket({ versioned: true }), await newBucket()];
    const locked = await newBucket({ lock: 'none by default' });
    await minioClient().send(
      new PutBucketVersioningCommand({ Bucket: suspended, VersioningConfiguration: { Status: 'Suspended' } }),
    );
    const dir = tempDir();
    const stores = {
      legacy: bucketStore(versioned, { prefix: 'some where/', jurisdiction: 'SG' }),
      plain: bucketStore(plain),
      suspended: bucketStore(suspended, { encryption: { type: 'SSE-S3' } }),
      locked: bucketStore(locked),
    };
    const partitions = ['plain', 'suspended', 'locked'].map((name) => ({
      name,
      from: 'legacy',
      select: { prefix: `${name}/` },
      to: name,
    }));
    const file = planOf(dir, {}, {}, { stores, partitions });
    expect(await hiddenKeys(file)).toMatchObject([{ message: expect.stringContaining('not known') }]);

    const ended = await doctor(file);
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    expect(ended.stderr).toContain('puts a probe object in legacy, plain, suspended, locked');
    expect(results(ended, 'legacy')).toEqual({ ...MINIO_DOES, versioning: 'yes', 'object-lock': 'no' });
    expect(results(ended, 'plain')).toEqual({ ...MINIO_DOES, versioning: 'no', 'object-lock': 'no' });
    expect(results(ended, 'suspended')).toEqual({
      ...MINIO_DOES,
      versioning: 'no',
      'object-lock': 'no',
      encryption: 'yes',
    });
    expect(results(ended, 'locked')).toEqual({ ...MINIO_DOES, versioning: 'yes', 'object-lock': 'yes' });
    expect(found(ended, 'suspended').of('versioning')?.detail).toBe('suspended');
    expect(found(ended, 'suspended').of('encryption')).toMatchObject({ needed: true, detail: 'SSE-S3' });
    expect(found(ended, 'legacy')).toMatchObject({ role: 'source', ok: true, written: true, left: [] });
    expect(found(ended, 'legacy').of('replace-if-unchanged')?.needed).toBe(true);
    expect(found(ended, 'legacy').of('create-if-absent')?.needed).toBe(false);
    expect(found(ended, 'plain').of('lists-key-under-key')?.fix).toContain('leaves such keys at the source');
    for (const bucket of [plain, versioned, suspended, locked]) expect(await contents(bucket)).toEqual([]);

    expect(await hiddenKeys(file)).toMatchObject([{ message: expect.stringContaining('legacy hides') }]);
    const ledger = Ledger.read(join(dir, '.ferry/test'));
    expect(ledger?.probes.result('plain', 'create-if-absent')).toBe(true);
    expect(ledger?.probes.result('legacy', 'lists-key-under-key')).toBe(false);
    expect(ledger?.probes.result('legacy', 'no-such-thing')).toBeUndefined();
    ledger?.close();
  });

  it('wants a centre to keep versions where whole histories move to it', async () => {
    const [from, to] = [await newBucket({ versioned: true }), await newBucket()];
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar', versions: 'all' }];
    const ended = await doctor(planOf(tempDir(), bucketStore(from), bucketStore(to), { partitions }));
    expect(ended.code, ended.stdout + ended.stderr).toBe(3);
    const versioning = { result: 'no', needed: true, fix: expect.stringContaining('enable versioning') };
    expect(found(ended, 'hamar').of('versioning')).toMatchObject(versioning);
    expect(found(ended, 'legacy')).toMatchObject({ ok: true });
    expect(found(ended, 'legacy').of('list-versions')).toMatchObject({ result: 'yes', needed: true });
  });

  it('writes nothing where a default retention would keep it, and cannot vouch for such a centre', async () => {
    const bucket = await newBucket({ lock: 'none by default' });
    const DefaultRetention = { Mode: 'GOVERNANCE' as const, Days: 1 };
    await minioClient().send(
      new PutObjectLockConfigurationCommand({
        Bucket: bucket,
        ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } },
      }),
    );
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    const ended = await doctor(planOf(dir, planDocument().stores.legacy, bucketStore(bucket)));
    expect(ended.code).toBe(3);
    expect(found(ended, 'hamar')).toMatchObject({ ok: false, written: false });
    expect(found(ended, 'hamar').of('object-lock')).toMatchObject({ result: 'yes', warning: true });
    expect(found(ended, 'hamar').of('write')).toMatchObject({
      result: 'unknown',
      detail: expect.stringContaining('default retention of 1 d (GOVERNANCE)'),
      fix: expect.stringContaining('no default retention'),
    });
    expect(await contents(bucket)).toEqual([]);
  });

  it.each([
    ['verified', 0],
    ['tombstoned', 3],
  ])('wants to write a source that may only be read where it is emptied: finish %s', async (finish, code) => {
    const bucket = await newBucket({ versioned: true });
    await minioClient().send(new PutObjectCommand({ Bucket: bucket, Key: 'users/a', Body: 'theirs' }));
    const env = await limitedTo(READ, bucket);
    const { hamar } = planDocument().stores;
    const dir = tempDir();
    const ended = await doctor(planOf(dir, bucketStore(bucket, LIMITED), hamar, { finish }), env);
    expect(ended.code, ended.stdout + ended.stderr).toBe(code);
    const legacy = found(ended, 'legacy');
    expect(legacy).toMatchObject({ ok: code === 0, written: false, left: [] });
    expect(legacy.of('write')).toMatchObject({ result: 'no', needed: code === 3 });
    expect(legacy.of('write')?.fix === undefined).toBe(code === 0);
    expect(legacy.of('read')).toMatchObject({ result: 'yes' });
    // What was not tried is not known: a later run must not take it for a no.
    expect(legacy.of('replace-if-unchanged')).toMatchObject({ result: 'unknown' });
    const ledger = Ledger.read(join(dir, '.ferry/test'));
    expect(ledger?.probes.result('legacy', 'write')).toBe(false);
    expect(ledger?.probes.result('legacy', 'replace-if-unchanged')).toBeUndefined();
    ledger?.close();
    expect(legacy.of('list-uploads')).toMatchObject({
      result: 'no',
      fix: expect.stringContaining('ListBucketMultipartUploads'),
    });
    const { stdout } = await ferry(['doctor', join(dir, 'plan.json')], { ...minioEnv(), ...env });
    expect(stdout).toMatch(/^check +legacy +hamar$/m);
    expect(stdout).toMatch(code === 3 ? /^write +NO +yes$/m : /^write +no +yes$/m);
    expect(stdout).toMatch(/^hard-links +- +yes$/m);
    expect(stdout).toContain(`  rights it takes: s3:ListBucketMultipartUploads on arn:aws:s3:::${bucket}\n`);
    const put = `  rights it takes: s3:PutObject on arn:aws:s3:::${bucket}/*\n`;
    expect(stdout.includes(put)).toBe(code === 3);
    expect(await contents(bucket)).toEqual(['users/a']);
  });

  it('stops writing at the first object that it may not remove, and tells which one stays', async () => {
    const bucket = await newBucket();
    const env = await limitedTo([...READ, 's3:PutObject'], bucket);
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    const ended = await doctor(planOf(dir, planDocument().stores.legacy, bucketStore(bucket, LIMITED)), env);
    expect(ended.code, ended.stdout + ended.stderr).toBe(3);
    const hamar = found(ended, 'hamar');
    expect(hamar.of('remove')).toMatchObject({
      result: 'no',
      needed: true,
      fix: expect.stringContaining('DeleteObject'),
    });
    expect(hamar.left).toHaveLength(1);
    expect(await contents(bucket)).toEqual(hamar.left);
    expect(ended.stderr).toContain(`left behind at hamar, remove it by hand: "${hamar.left[0]}"`);
    expect(hamar.of('create-if-absent')).toMatchObject({ result: 'unknown' });
  });

  it('tells of a clock that is off: a warning first, then an error', async () => {
    const bucket = await newBucket();
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    const ahead =
      (ms: number): Lie =>
      (_asked, answer, told) => {
        told.writeHead(answer.statusCode ?? 502, {
          ...answer.headers,
          date: new Date(Date.now() + ms).toUTCString(),
        });
        answer.pipe(told);
        return true;
      };
    const at = async (ms: number): Promise<Ended> => {
      const endpoint = await liar(inject('minio').endpoint, ahead(ms));
      return await doctor(planOf(dir, planDocument().stores.legacy, bucketStore(bucket, { endpoint })));
    };
    const warned = await at(2 * 60_000);
    expect(warned.code, warned.stderr).toBe(0);
    expect(found(warned, 'hamar').of('clock')).toMatchObject({
      result: 'yes',
      warning: true,
      fix: expect.stringContaining('NTP'),
      detail: expect.stringMatching(/1(19|20|21) s ahead/),
    });
    const refused = await at(-10 * 60_000);
    expect(refused.code, refused.stderr).toBe(3);
    expect(found(refused, 'hamar').of('clock')).toMatchObject({
      result: 'no',
      needed: true,
      detail: expect.stringMatching(/ s behind/),
    });
    expect(await contents(bucket)).toEqual([]);
  });

  it('goes on with the other stores where one cannot be reached', async () => {
    const bucket = await newBucket();
    const far = bucketStore(bucket, { endpoint: 'http://127.0.0.1:1' });
    const ended = await doctor(planOf(tempDir(), far, bucketStore(bucket)));
    expect(ended.code, ended.stderr).toBe(75);
    const legacy = found(ended, 'legacy');
    expect(legacy).toMatchObject({ ok: false, written: false });
    expect(legacy.of('reach')).toMatchObject({ result: 'no', needed: true, fix: expect.any(String) });
    expect(legacy.of('replace-if-unchanged')).toMatchObject({ result: 'unknown', needed: true });
    expect(found(ended, 'hamar')).toMatchObject({ ok: true, written: true });
  });

  it('refuses a server whose certificate nobody knows, which running again would not mend', async () => {
    const certs = tempDir();
    makeCertificate(certs);
    const files = { cert: readFileSync(join(certs, 'public.crt')), key: readFileSync(join(certs, 'private.key')) };
    const server = createServer(files, (_asked, told) => told.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
    });
    const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bucket = await newBucket();
    const ended = await doctor(planOf(tempDir(), bucketStore(bucket), bucketStore('any-bucket', { endpoint })));
    expect(ended.code, ended.stderr).toBe(3);
    const reach = { result: 'no', fix: expect.stringContaining('ca: FILE.pem') };
    expect(found(ended, 'hamar').of('reach')).toMatchObject(reach);
    expect(found(ended, 'legacy')).toMatchObject({ ok: true });
  });

  it('removes what it wrote also when it is interrupted', async () => {
    const bucket = await newBucket({ versioned: true });
    let interrupt = (): void => undefined;
    const endpoint = await liar(inject('minio').endpoint, (asked, answer) => {
      if (asked.method === 'PUT' && (answer.statusCode ?? 500) < 300) interrupt();
      return false;
    });
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    const file = planOf(dir, planDocument().stores.legacy, bucketStore(bucket, { endpoint }));
    const started = startFerry(['doctor', file, '--json'], minioEnv());
    let signals = 0;
    interrupt = () => {
      signals += 1;
      started.child.kill('SIGINT');
    };
    const ended = await started.ended;
    expect(signals).toBeGreaterThan(0);
    expect(ended.code, ended.stderr).toBe(130);
    expect(documentOf(ended)).toMatchObject({ error: { fault: 'interrupted' } });
    expect(await contents(bucket)).toEqual([]);
  });
});

/** A server that writes over objects: what a condition forbids is asked of the real one without it. */
async function overwriting(when: (asked: IncomingMessage) => boolean): Promise<string> {
  const client = minioClient();
  const forward = async (asked: IncomingMessage, told: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of asked) chunks.push(chunk as Buffer);
    const [, Bucket = '', ...Key] = decodeURIComponent(asked.url?.split('?')[0] ?? '').split('/');
    const { ETag } = await client.send(
      new PutObjectCommand({ Bucket, Key: Key.join('/'), Body: Buffer.concat(chunks) }),
    );
    told.writeHead(200, { etag: ETag ?? '' }).end();
  };
  return await liar(
    inject('minio').endpoint,
    () => false,
    (asked, told) => {
      if (asked.method !== 'PUT' || !when(asked)) return false;
      void forward(asked, told);
      return true;
    },
  );
}

const isPlainPut = (asked: IncomingMessage): boolean => !(asked.url ?? '').includes('uploadId');

describe('ferry doctor on a server that ignores conditions', () => {
  it('refuses a centre that overwrites, and so does a run after it, which asks nothing again', async () => {
    const bucket = await newBucket();
    const endpoint = await overwriting((asked) => isPlainPut(asked) && asked.headers['if-none-match'] === '*');
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    const file = planOf(dir, planDocument().stores.legacy, bucketStore(bucket, { endpoint }));
    const ended = await doctor(file);
    expect(ended.code, ended.stderr).toBe(3);
    const hamar = found(ended, 'hamar');
    expect(hamar.of('create-if-absent')).toMatchObject({ result: 'no', needed: true, fix: expect.any(String) });
    expect(hamar.of('create-if-absent-races')).toMatchObject({
      result: 'no',
      detail: expect.stringContaining('8 of 8'),
    });
    expect(hamar.of('replace-if-unchanged')).toMatchObject({ result: 'yes' });
    expect(await contents(bucket)).toEqual([]);
    const run = await ferry(['run', file, '--json'], minioEnv());
    expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining('If-None-Match') });
  });

  it('refuses a centre that overwrites only when writes come at once, and a run does so too', async () => {
    const bucket = await newBucket();
    const puts = new Map<string, number>();
    // The races' keys are the ones that are asked for eight times without an answer in between.
    const endpoint = await overwriting((asked) => {
      if (!isPlainPut(asked) || asked.headers['if-none-match'] !== '*') return false;
      const key = `${asked.url}`;
      puts.set(key, (puts.get(key) ?? 0) + 1);
      return (puts.get(key) ?? 0) > 2;
    });
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    const file = planOf(dir, planDocument().stores.legacy, bucketStore(bucket, { endpoint }));
    const ended = await doctor(file);
    expect(ended.code, ended.stderr).toBe(3);
    const hamar = found(ended, 'hamar');
    expect(hamar.of('create-if-absent')).toMatchObject({ result: 'yes' });
    expect(hamar.of('create-if-absent-races')).toMatchObject({ result: 'no' });
    expect(await contents(bucket)).toEqual([]);
    const run = await ferry(['run', file, '--json'], minioEnv());
    expect(run).toMatchObject({ code: 3, stderr: expect.stringContaining('several are created at once') });
  });

  it('refuses to empty a source that replaces what has changed', async () => {
    const bucket = await newBucket({ versioned: true });
    const endpoint = await overwriting((asked) => isPlainPut(asked) && asked.headers['if-match'] !== undefined);
    const file = planOf(tempDir(), bucketStore(bucket, { endpoint }), planDocument().stores.hamar);
    const ended = await doctor(file);
    expect(ended.code, ended.stderr).toBe(3);
    expect(found(ended, 'legacy').of('replace-if-unchanged')).toMatchObject({ result: 'no', needed: true });
    expect(found(ended, 'legacy').of('create-if-absent')).toMatchObject({ result: 'yes', needed: false });
    expect(await contents(bucket)).toEqual([]);
    expect((await ferry(['run', file, '--json'], minioEnv())).code).toBe(3);
  });
});

describe('ferry doctor on folders', () => {
  it('changes nothing, makes no folder that stays, and needs no run before it', async () => {
    const dir = tempDir();
    writeTree(join(dir, 'legacy'), { 'users/a': '1', 'users/b/c': '2' });
    const before = factsIn(join(dir, 'legacy')).map((line) => line.split(' ').slice(0, 5).join(' '));
    const { legacy } = planDocument().stores;
    const hamar = { type: 'file', path: './not/there/yet', jurisdiction: 'NO' };
    const ended = await doctor(planOf(dir, legacy, hamar));
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    for (const store of ['legacy', 'hamar']) {
      const all = found(ended, store);
      expect(all).toMatchObject({ ok: true, written: true, left: [] });
      expect(new Set(Object.values(results(ended, store)))).toEqual(new Set(['yes']));
      for (const id of ['hard-links', 'fsync', 'keeps-case', 'keeps-unicode-forms', 'file-times', 'room', 'clock']) {
        expect(all.of(id), id).toBeDefined();
      }
      expect(all.of('room')?.detail).toMatch(/free$/);
    }
    expect(existsSync(join(dir, 'not'))).toBe(false);
    expect(readdirSync(dir).sort()).toEqual(['.ferry', 'legacy', 'plan.json']);
    expect(factsIn(join(dir, 'legacy')).map((line) => line.split(' ').slice(0, 5).join(' '))).toEqual(before);
  });

  it.each([
    ['a missing folder', () => undefined, 'there is no folder'],
    ['a file in its place', (path: string) => writeFileSync(path, 'x'), 'is no folder'],
  ])('tells of %s, and of all else', async (_what, make, detail) => {
    const dir = tempDir();
    make(join(dir, 'legacy'));
    const { legacy, hamar } = planDocument().stores;
    const ended = await doctor(planOf(dir, legacy, hamar));
    expect(ended.code, ended.stderr).toBe(75);
    expect(found(ended, 'legacy').of('reach')).toMatchObject({ result: 'no', detail: expect.stringContaining(detail) });
    expect(found(ended, 'hamar')).toMatchObject({ ok: true });
    const text = await ferry(['doctor', join(dir, 'plan.json')]);
    expect(text).toMatchObject({ code: 75, stdout: expect.stringContaining('mend reach: see that the folder') });
    expect(text.stdout).toMatch(/^hamar \(centre\), file:.*: all that the plan needs is there$/m);
  });
});

describe('ferry doctor', () => {
  it('waits for no one who holds the lock', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    const { legacy, hamar } = planDocument().stores;
    const lock = takeLock(join(dir, '.ferry/test'), 'run');
    try {
      const ended = await doctor(planOf(dir, legacy, hamar));
      expect(ended).toMatchObject({ code: 75, stderr: expect.stringContaining('ferry run') });
      expect(existsSync(join(dir, 'hamar'))).toBe(false);
    } finally {
      lock.release();
    }
  });

  it('does not take a plan that does not validate', async () => {
    const file = planOf(tempDir(), {}, {});
    expect((await doctor(file)).code).toBe(2);
  });
});
