import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { looksLikeMarker } from '../../src/migration/marker.ts';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { type Laid, layOut, planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';
import { customer, makeCertificate, startTlsMinio, type TlsMinio } from '../support/tls-minio.ts';

const MIB = 1024 ** 2;

const dice = new Dice('sse-c');
/** One that goes in one piece, an empty one, one that is streamed, and one in parts. */
const OBJECTS: Readonly<Record<string, Uint8Array>> = {
  'users/NO/small': Buffer.from('hello'),
  'users/NO/empty': Buffer.alloc(0),
  'users/NO/streamed': dice.bytes(6 * MIB),
  'users/NO/in parts': dice.bytes(40 * MIB),
};
const KEYS = Object.keys(OBJECTS);
const Metadata = { owner: 'kari' };

let server: TlsMinio;
beforeAll(async () => {
  server = await startTlsMinio();
}, 300_000);
afterAll(async () => await server.stop());

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function bucketStore(bucket: string, jurisdiction: string, more: Record<string, unknown> = {}) {
  const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };
  const { endpoint, ca } = server;
  return { type: 's3', endpoint, region: 'us-east-1', bucket, jurisdiction, credentials, ca, ...more };
}

function layOutBuckets(legacy: unknown, hamar: unknown, more: Record<string, unknown> = {}): Laid {
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
  // So that every way of sending an object is taken; copies by the server have a test of their own.
  return layOut({ stores: { legacy, hamar }, partitions, exclude: [], serverSideCopy: 'never', ...more }, {});
}

async function fill(bucket: string, key: Uint8Array | undefined, keys: readonly string[] = KEYS): Promise<void> {
  for (const Key of keys) {
    const tags = Key.endsWith('empty') ? {} : { Tagging: 'kind=test&n=1' };
    const lock = key === undefined ? {} : customer(key);
    const put = {
      Bucket: bucket,
      Key,
      Body: OBJECTS[Key] ?? '',
      Metadata,
      ContentType: 'image/jpeg',
      ...tags,
      ...lock,
    };
    await server.client.send(new PutObjectCommand(put));
  }
}

async function bytesOf(bucket: string, Key: string, key?: Uint8Array): Promise<Uint8Array> {
  const lock = key === undefined ? {} : customer(key);
  const { Body } = await server.client.send(new GetObjectCommand({ Bucket: bucket, Key, ...lock }));
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}

async function digestsOf(bucket: string, key?: Uint8Array): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const Key of KEYS) found[Key] = sha256(await bytesOf(bucket, Key, key));
  return found;
}

const DIGESTS = Object.fromEntries(Object.entries(OBJECTS).map(([key, bytes]) => [key, sha256(bytes)]));

/** Runs a command with everything told, into a log beside the plan. */
async function told(laid: Laid, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const log = ['--log-level', 'trace', '--log-file', join(laid.dir, 'ferry.log')];
  return await ferry([...args, ...log, '--json'], { ...server.env, ...env });
}

const run = async (laid: Laid, env: Record<string, string> = {}): Promise<Ended> =>
  await told(laid, ['run', laid.plan, '--progress', 'json'], env);

/** That nothing which ferry wrote or said holds a key in any of its forms. */
function expectNoKey(laid: Laid, keys: readonly Uint8Array[], said: readonly Ended[]): void {
  const files = readdirSync(laid.dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.key'))
    .map((entry) => join(entry.parentPath, entry.name));
  expect(files.some((file) => file.includes('.ferry'))).toBe(true);
  expect(statSync(join(laid.dir, 'ferry.log')).size).toBeGreaterThan(0);
  const texts = said.map(({ stdout, stderr }) => Buffer.from(stdout + stderr));
  for (const bytes of [...files.map((file) => readFileSync(file)), ...texts]) {
    for (const key of keys.map((one) => Buffer.from(one))) {
      for (const form of [key, key.toString('base64'), key.toString('base64url'), key.toString('hex')])
        expect(bytes.includes(form)).toBe(false);
    }
  }
}

interface Unresolved {
  readonly totals: { readonly states: Record<string, number> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

describe('SSE-C', () => {
  it.each([
    ['at the source', true, false, false],
    ['at the centre', false, true, false],
    ['at both with different keys', true, true, false],
    ['at both, the source keeping versions', true, true, true],
  ])(
    '%s is no obstacle to any step, and its key is nowhere',
    async (_name, atSource, atCentre, versioned) => {
      const [sourceKey, centreKey] = [randomBytes(32), randomBytes(32)];
      const env = { FERRY_TEST_CKEY: sourceKey.toString('base64') };
      const [legacy, hamar] = [await server.newBucket({ versioned }), await server.newBucket()];
      await fill(legacy, atSource ? sourceKey : undefined);
      const required = atCentre ? { encryption: 'required' } : {};
      const laid = layOutBuckets(
        bucketStore(legacy, 'SG', atSource ? { encryption: { type: 'SSE-C', keyEnv: 'FERRY_TEST_CKEY' } } : {}),
        bucketStore(hamar, 'NO', atCentre ? { encryption: { type: 'SSE-C', keyFile: 'centre.key' } } : {}),
        { partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar', ...required }] },
      );
      writeFileSync(join(laid.dir, 'centre.key'), centreKey, { mode: 0o600 });
      const listed = await server.client.send(new ListObjectVersionsCommand({ Bucket: legacy }));
      const before = listed.Versions?.map(({ Key, VersionId }) => [Key, VersionId]);
      const said: Ended[] = [];
      const ok = async (ended: Promise<Ended>): Promise<Ended> => {
        said.push(await ended);
        expect((await ended).code, (await ended).stderr).toBe(0);
        return await ended;
      };
      await ok(told(laid, ['plan', laid.plan], env));
      const first = documentOf(await ok(run(laid, env)));
      expect(first).toMatchObject({ totals: { states: { tombstoned: KEYS.length } } });

      const there = atCentre ? centreKey : undefined;
      const here = atSource ? sourceKey : undefined;
      expect(await digestsOf(hamar, there)).toEqual(DIGESTS);
      for (const Key of KEYS) {
        const at = { Bucket: hamar, Key };
        const head = await server.client.send(new HeadObjectCommand({ ...at, ...(there && customer(there)) }));
        expect(head).toMatchObject({ Metadata, ContentType: 'image/jpeg' });
        expect(head.SSECustomerAlgorithm).toBe(atCentre ? 'AES256' : undefined);
        const { TagSet } = await server.client.send(new GetObjectTaggingCommand(at));
        expect(TagSet?.length, Key).toBe(Key.endsWith('empty') ? 0 : 2);
        expect(looksLikeMarker(await bytesOf(legacy, Key, here)), Key).toBe(true);
      }
      // A listing must name the very states that the copies were of, or all would be taken for written anew.
      const again = documentOf(await ok(run(laid, env)));
      expect(again).toMatchObject({ transferred: { objects: 0 }, totals: { states: { tombstoned: KEYS.length } } });
      await ok(told(laid, ['verify', laid.plan], env));
      await ok(told(laid, ['restore', laid.plan], env));
      expect(await digestsOf(legacy, here)).toEqual(DIGESTS);
      if (versioned) {
        const { Versions = [] } = await server.client.send(new ListObjectVersionsCommand({ Bucket: legacy }));
        // The marker's own version is gone, and what it hid is the object again.
        expect(Versions.map(({ Key, VersionId }) => [Key, VersionId])).toEqual(before);
      }
      expectNoKey(laid, [sourceKey, centreKey], said);
    },
    300_000,
  );

  it('leaves the server able to attest every way of writing', async () => {
    const [legacy, hamar, key] = [await server.newBucket(), await server.newBucket(), randomBytes(32)];
    await fill(legacy, undefined);
    const encryption = { type: 'SSE-C', keyFile: 'c.key' };
    const laid = layOutBuckets(bucketStore(legacy, 'SG'), bucketStore(hamar, 'NO', { encryption }), {
      verify: 'attested',
    });
    writeFileSync(join(laid.dir, 'c.key'), `${key.toString('base64')}\n`, { mode: 0o600 });
    const ended = await run(laid);
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { tombstoned: KEYS.length } } });
    expect(await digestsOf(hamar, key)).toEqual(DIGESTS);
  }, 300_000);

  it('lets a large object that was cut off by a kill go on at its part', async () => {
    const [legacy, hamar, key] = [await server.newBucket(), await server.newBucket(), randomBytes(32)];
    const Key = 'users/NO/film';
    const film = new Dice('film').bytes(96 * MIB);
    await server.client.send(new PutObjectCommand({ Bucket: legacy, Key, Body: film, ...customer(key) }));
    const encryption = { type: 'SSE-C', keyEnv: 'FERRY_TEST_CKEY' };
    const stores = [bucketStore(legacy, 'SG', { encryption }), bucketStore(hamar, 'NO', { encryption })] as const;
    const slow = layOutBuckets(...stores, { limits: { bandwidth: '24MiB/s' } });
    const env = { ...server.env, FERRY_TEST_CKEY: key.toString('base64') };
    const started = startFerry(['run', slow.plan, '--json', '--progress', 'none'], env);
    const arrived = async (): Promise<number> => {
      const at = { Bucket: hamar, Prefix: Key };
      const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand(at));
      const [upload] = Uploads;
      if (upload === undefined) return 0;
      const of = { Bucket: hamar, Key, UploadId: upload.UploadId };
      return (await server.client.send(new ListPartsCommand(of))).Parts?.length ?? 0;
    };
    // Four parts are on their way at once, so that the fifth arrives only after one is in the ledger.
    while ((await arrived()) < 5) await delay(20);
    started.child.kill('SIGKILL');
    expect((await started.ended).code).toBe(null);
    const last = await ferry(['run', slow.plan, '--json', '--progress', 'none'], env);
    expect(last.code, last.stderr).toBe(0);
    const { transferred } = documentOf<{ transferred: { bytes: number } }>(last);
    expect(transferred.bytes).toBeLessThanOrEqual(film.byteLength - 16 * MIB);
    expect(sha256(await bytesOf(hamar, Key, key))).toBe(sha256(film));
    expect(looksLikeMarker(await bytesOf(legacy, Key, key))).toBe(true);
  }, 300_000);
});

describe('an object that the key does not open', () => {
  const encryption = { type: 'SSE-C', keyEnv: 'FERRY_TEST_CKEY' };
  // Not the empty one: MinIO gives it, with no byte to decrypt, to whoever sends any key.
  const few = ['users/NO/small', 'users/NO/streamed'];

  /** That every one failed for this reason, and no byte was moved or touched. */
  async function expectLeft(ended: Ended, reason: string, legacy: string, hamar: string, key?: Uint8Array) {
    expect(ended.code, ended.stderr).toBe(4);
    const { totals, unresolved } = documentOf<Unresolved>(ended);
    expect(totals.states).toMatchObject({ failed: few.length, tombstoned: 0, copied: 0, verified: 0 });
    for (const one of unresolved) {
      expect(one.reason).toContain(reason);
      expect(one.reason).toContain('legacy');
      expect(one.reason).toContain(JSON.stringify(one.key));
    }
    for (const Key of few) expect(sha256(await bytesOf(legacy, Key, key)), Key).toBe(DIGESTS[Key]);
    const { Versions } = await server.client.send(new ListObjectVersionsCommand({ Bucket: hamar, Prefix: 'users/' }));
    expect(Versions ?? []).toEqual([]);
  }

  it('since it is another key: failed, untouched, and done once the right one is there', async () => {
    const [legacy, hamar, right, wrong] = [
      await server.newBucket(),
      await server.newBucket(),
      randomBytes(32),
      randomBytes(32),
    ];
    await fill(legacy, right, few);
    const laid = layOutBuckets(bucketStore(legacy, 'SG', { encryption }), bucketStore(hamar, 'NO'));
    const ended = await run(laid, { FERRY_TEST_CKEY: wrong.toString('base64') });
    await expectLeft(ended, 'the key in FERRY_TEST_CKEY is not the one', legacy, hamar, right);
    expectNoKey(laid, [right, wrong], [ended]);
    const mended = await run(laid, { FERRY_TEST_CKEY: right.toString('base64') });
    expect(mended.code, mended.stderr).toBe(0);
  }, 300_000);

  it('since the plan gives none', async () => {
    const [legacy, hamar, key] = [await server.newBucket(), await server.newBucket(), randomBytes(32)];
    await fill(legacy, key, few);
    const laid = layOutBuckets(bucketStore(legacy, 'SG'), bucketStore(hamar, 'NO'));
    await expectLeft(await run(laid), 'the plan gives none', legacy, hamar, key);
  }, 300_000);

  it('since it has no lock, while others of its bucket have', async () => {
    const [legacy, hamar, key] = [await server.newBucket(), await server.newBucket(), randomBytes(32)];
    await fill(legacy, undefined, few);
    const at = { Bucket: legacy, Key: 'users/NO/locked', Body: 'x' };
    const laid = layOutBuckets(bucketStore(legacy, 'SG', { encryption }), bucketStore(hamar, 'NO'));
    const env = { FERRY_TEST_CKEY: key.toString('base64') };
    await expectLeft(await run(laid, env), 'is not encrypted with SSE-C', legacy, hamar);
    await server.client.send(new PutObjectCommand({ ...at, ...customer(key) }));
    const ended = await run(laid, env);
    expect(ended.code).toBe(4);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { failed: few.length, tombstoned: 1 } } });
  }, 300_000);

  it('at the centre since the key was changed: nothing is tombstoned, and the copy is not taken for damaged', async () => {
    const [legacy, hamar, key] = [await server.newBucket(), await server.newBucket(), randomBytes(32)];
    await fill(legacy, undefined, few);
    const laid = layOutBuckets(bucketStore(legacy, 'SG'), bucketStore(hamar, 'NO', { encryption }));
    const args = ['run', laid.plan, '--until', 'copied', '--progress', 'none'];
    expect((await told(laid, args, { FERRY_TEST_CKEY: key.toString('base64') })).code).toBe(0);
    const other = { FERRY_TEST_CKEY: randomBytes(32).toString('base64') };
    const ended = await run(laid, other);
    expect(ended.code, ended.stderr).toBe(4);
    const { totals, unresolved } = documentOf<Unresolved>(ended);
    expect(totals.states).toMatchObject({ failed: few.length, tombstoned: 0 });
    for (const { reason } of unresolved) expect(reason).toMatch(/: hamar: .*the key in FERRY_TEST_CKEY is not the one/);
    for (const Key of few) expect(sha256(await bytesOf(legacy, Key)), Key).toBe(DIGESTS[Key]);
    const mended = await run(laid, { FERRY_TEST_CKEY: key.toString('base64') });
    expect(mended.code, mended.stderr).toBe(0);
  }, 300_000);
});

describe('a key file', () => {
  const KEY = randomBytes(32);

  async function runWith(content: string | Uint8Array | undefined, mode = 0o600): Promise<Ended> {
    const [legacy, hamar] = [await server.newBucket(), await server.newBucket()];
    const encryption = { type: 'SSE-C', keyFile: './keys/c.key' };
    const laid = layOutBuckets(bucketStore(legacy, 'SG', { encryption }), bucketStore(hamar, 'NO'));
    mkdirSync(join(laid.dir, 'keys'));
    if (content !== undefined) {
      writeFileSync(join(laid.dir, 'keys/c.key'), content);
      chmodSync(join(laid.dir, 'keys/c.key'), mode);
    }
    return await ferry(['run', laid.plan], server.env);
  }

  it.each([
    ['32 bytes', KEY],
    ['base64', KEY.toString('base64')],
    ['base64 and a line end', `${KEY.toString('base64')}\r\n`],
  ])('may hold %s', async (_name, content) => {
    const ended = await runWith(content);
    expect(ended.code, ended.stderr).toBe(0);
  });

  it.each([
    ['that is not there', undefined, 0o600, 'there is no such file'],
    ['of 31 bytes', KEY.subarray(1), 0o600, 'holds neither 32 bytes'],
    ['of a key as hex', KEY.toString('hex'), 0o600, 'holds neither 32 bytes'],
    ['with more behind the key', `${KEY.toString('base64')}\nmore`, 0o600, 'holds neither 32 bytes'],
    ['that its group may read', KEY, 0o640, 'mode 0640'],
    ['that all may read', KEY.toString('base64'), 0o604, 'chmod 600'],
  ])('%s is refused, and nothing of it is repeated', async (_name, content, mode, why) => {
    const ended = await runWith(content, mode);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
    expect(ended.stderr).toContain('keys/c.key');
    for (const form of [KEY.toString('base64').slice(0, 20), KEY.toString('hex').slice(0, 20), KEY.toString('latin1')])
      expect(ended.stderr + ended.stdout).not.toContain(form);
  });
});

describe('a certificate', () => {
  async function laidWith(more: Record<string, unknown>): Promise<Laid> {
    const hamar = bucketStore(await server.newBucket(), 'NO', more);
    const { legacy } = planDocument().stores;
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
    return layOut({ stores: { legacy, hamar }, partitions, exclude: [], finish: 'verified' }, { 'users/a': 'a' });
  }

  it('that no authority has signed is refused at once, with what to do', async () => {
    const laid = await laidWith({ ca: undefined });
    const ended = await told(laid, ['run', laid.plan, '--progress', 'none']);
    expect(ended).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('certificate does not verify: self-signed'),
    });
    expect(ended.stderr).toContain('set `ca: FILE.pem` in stores.hamar');
    expect(ended.stderr).not.toContain('Node.js');
    expect(readFileSync(join(laid.dir, 'ferry.log'), 'utf8')).not.toContain('trying again');
  });

  it('is known also by NODE_EXTRA_CA_CERTS, and beside another `ca`', async () => {
    const env = { ...server.env, NODE_EXTRA_CA_CERTS: server.ca };
    expect((await ferry(['run', (await laidWith({ ca: undefined })).plan], env)).code).toBe(0);
    const laid = await laidWith({ ca: 'other.pem' });
    copyFileSync(makeCertificate(tempDir()), join(laid.dir, 'other.pem'));
    expect((await ferry(['run', laid.plan], env)).code).toBe(0);
    const without = await ferry(['run', laid.plan], server.env);
    expect(without).toMatchObject({ code: 3, stderr: expect.stringContaining('does not verify') });
  });

  it('is never passed over', async () => {
    const env = { ...server.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const ended = await ferry(['run', (await laidWith({ ca: undefined })).plan], env);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('NODE_TLS_REJECT_UNAUTHORIZED') });
  });

  it.each([
    ['is not there', undefined, 'there is no such file'],
    ['is no PEM', 'hello', 'it holds no certificate in PEM form'],
    ['is a broken PEM', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n', 'certificate 1 in it'],
  ])('whose file %s is an error with its place', async (_name, content, why) => {
    const laid = await laidWith({ ca: 'my-ca.pem' });
    const text = readFileSync(laid.plan, 'utf8');
    writeFileSync(laid.plan, JSON.stringify(JSON.parse(text), null, 1));
    if (content !== undefined) writeFileSync(join(laid.dir, 'my-ca.pem'), content);
    const ended = await ferry(['run', laid.plan], server.env);
    expect(ended.code, ended.stderr).toBe(2);
    const line =
      readFileSync(laid.plan, 'utf8')
        .split('\n')
        .findIndex((one) => one.includes('my-ca.pem')) + 1;
    expect(ended.stderr).toContain(`${laid.plan}:${line}:`);
    expect(ended.stderr).toContain(`stores.hamar.ca: the certificates cannot be used: ${why}`);
  });
});
