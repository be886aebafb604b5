import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3';
import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import type { PolicyDocument, Role } from '../../src/policy/iam.ts';
import { documentOf, type Ended, ferry } from '../support/cli.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { tempDir } from '../support/temp.ts';

type Policies = Readonly<Record<string, PolicyDocument>>;
type Env = Readonly<Record<string, string>>;

const store = (bucket: string, jurisdiction: string, name: string) => ({
  type: 's3',
  endpoint: inject('minio').endpoint,
  region: 'us-east-1',
  bucket,
  prefix: 'app/',
  jurisdiction,
  credentials: {
    accessKeyIdEnv: `${name}_KEY`,
    secretAccessKeyEnv: `${name}_SECRET`,
    sessionTokenEnv: `${name}_TOKEN`,
  },
});

interface Laid {
  readonly source: string;
  readonly centre: string;
  readonly plan: string;
  call(env: Env, command: string, ...more: string[]): Promise<Ended>;
  policies(role: Role): Promise<Policies>;
}

async function layOut(
  buckets: { readonly versioned: boolean },
  change: Readonly<Record<string, unknown>> = {},
  partition: Readonly<Record<string, unknown>> = {},
): Promise<Laid> {
  const [source, centre] = [await newBucket(buckets), await newBucket(buckets)];
  const plan = join(tempDir(), 'plan.json');
  const document = {
    apiVersion: 'ferry/v1',
    name: 'iam',
    residency: { zone: ['EEA'] },
    runner: { jurisdiction: 'IE', operator: 'ops@example.eu' },
    stores: { legacy: store(source, 'SG', 'LEGACY'), hamar: store(centre, 'NO', 'HAMAR') },
    partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar', ...partition }],
    exclude: [{ from: 'legacy', prefix: 'tmp/', reason: 'scratch' }],
    finish: 'tombstoned',
    tombstone: { hold: '1d' },
    ...change,
  };
  writeFileSync(plan, JSON.stringify(document));
  await put(source, 'app/users/a', 'the bytes of a', { Tagging: 'who=a', Metadata: { n: '1' } });
  await put(source, 'app/users/b/c', 'older');
  await put(source, 'app/users/b/c', 'newer');
  await put(source, 'app/users/large', randomBytes(9 * 1024 ** 2));
  await put(source, 'app/tmp/scratch', 'excluded');
  return {
    source,
    centre,
    plan,
    call: async (env, command, ...more) => await ferry([command, plan, '--json', ...more], env),
    policies: async (role) => {
      const ended = await ferry(['policy', 'iam', plan, '--role', role, '--format', 'minio', '--json']);
      expect(ended.code, ended.stderr).toBe(0);
      return documentOf<{ policies: Policies }>(ended).policies;
    },
  };
}

async function put(Bucket: string, Key: string, Body: string | Uint8Array, more: Partial<PutObjectCommandInput> = {}) {
  return await minioClient().send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
}

async function limitedTo(policy: PolicyDocument) {
  const { endpoint, accessKey, secretKey } = inject('minio');
  return await fromTemporaryCredentials({
    masterCredentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    clientConfig: { endpoint, region: 'us-east-1' },
    params: { RoleArn: 'arn:aws:iam::1:role/any', RoleSessionName: 'test', Policy: JSON.stringify(policy) },
  })();
}

/** Credentials that may do what the policies say and no more, for each store its own. */
async function envOf({ legacy, hamar }: Policies): Promise<Env> {
  const env: Record<string, string> = {};
  for (const [name, policy] of Object.entries({ LEGACY: legacy, HAMAR: hamar })) {
    if (policy === undefined) throw new Error(`no policy for ${name}`);
    const { accessKeyId, secretAccessKey, sessionToken = '' } = await limitedTo(policy);
    Object.assign(env, {
      [`${name}_KEY`]: accessKeyId,
      [`${name}_SECRET`]: secretAccessKey,
      [`${name}_TOKEN`]: sessionToken,
    });
  }
  return env;
}

/** The policies without some actions at one store. */
function without(policies: Policies, at: string, ...actions: readonly string[]): Policies {
  const policy = policies[at];
  if (policy === undefined) throw new Error(`no store ${at}`);
  let removed = 0;
  const Statement = policy.Statement.flatMap((statement) => {
    const Action = statement.Action.filter((one) => !actions.includes(one));
    removed += statement.Action.length - Action.length;
    return Action.length === 0 ? [] : [{ ...statement, Action }];
  });
  if (removed === 0) throw new Error(`${actions} is not in the policy of ${at}`);
  return { ...policies, [at]: { ...policy, Statement } };
}

async function clientOf(policy: PolicyDocument | undefined): Promise<S3Client> {
  if (policy === undefined) throw new Error('no policy');
  const { endpoint } = inject('minio');
  const credentials = await limitedTo(policy);
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  onTestFinished(() => client.destroy());
  return client;
}

const refused = { name: 'AccessDenied' };
const bodyOf = async (Bucket: string, Key: string): Promise<string | undefined> =>
  await (await minioClient().send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToString();

describe('the policy of the runner', () => {
  it.each([
    ['versioned buckets', { versioned: true }, {}, {}],
    ['whole histories', { versioned: true }, {}, { versions: 'all' }],
    ['buckets without versions', { versioned: false }, {}, {}],
    ['copies put aside', { versioned: false }, { tombstone: { hold: '1d', keep: 'staged' } }, {}],
  ])(
    'is enough for doctor, run, verify and restore: %s',
    async (_name, buckets, change, partition) => {
      const laid = await layOut(buckets, change, partition);
      const env = await envOf(await laid.policies('runner'));
      for (const command of ['doctor', 'plan', 'run', 'verify', 'status']) {
        const ended = await laid.call(env, command);
        expect(ended.code, `${command}: ${ended.stdout}${ended.stderr}`).toBe(0);
      }
      expect(await bodyOf(laid.source, 'app/users/a')).toContain('ferry/tombstone/v1');
      expect(await bodyOf(laid.centre, 'app/users/a')).toBe('the bytes of a');
      const restored = await laid.call(env, 'restore');
      expect(restored.code, restored.stdout + restored.stderr).toBe(0);
      expect(await bodyOf(laid.source, 'app/users/a')).toBe('the bytes of a');
      expect(await bodyOf(laid.source, 'app/users/b/c')).toBe('newer');
    },
    180_000,
  );

  it('lets nothing of user data be removed, nor be read beside what the plan selects', async () => {
    const laid = await layOut({ versioned: true });
    const { legacy, hamar } = await laid.policies('runner');
    const [Bucket, Key] = [laid.source, 'app/users/a'];
    const { Versions = [] } = await minioClient().send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }));
    const VersionId = Versions[0]?.VersionId;
    const atSource = await clientOf(legacy);
    await expect(atSource.send(new DeleteObjectCommand({ Bucket, Key }))).rejects.toMatchObject(refused);
    await expect(atSource.send(new DeleteObjectCommand({ Bucket, Key, VersionId }))).rejects.toMatchObject(refused);
    const scratch = new GetObjectCommand({ Bucket, Key: 'app/tmp/scratch' });
    await expect(atSource.send(scratch)).rejects.toMatchObject(refused);
    await put(laid.centre, Key, 'there');
    const atCentre = await clientOf(hamar);
    await expect(atCentre.send(new DeleteObjectCommand({ Bucket: laid.centre, Key }))).rejects.toMatchObject(refused);
    await expect(atCentre.send(new GetObjectCommand({ Bucket, Key }))).rejects.toMatchObject(refused);
  });

  // GetObjectRetention and its like only decide what is told of a lock, and MinIO takes
  // ListBucket for ListBucketVersions, and each of GetObject and GetObjectVersion for the other, and
  // asks for no PutObjectTagging where tags come with an object.
  it.each([
    ['legacy', 's3:ListBucket'],
    ['legacy', 's3:GetObject', 's3:GetObjectVersion'],
    ['legacy', 's3:GetObjectTagging'],
    ['legacy', 's3:PutObject'],
    ['legacy', 's3:DeleteObject'],
    ['hamar', 's3:ListBucket'],
    ['hamar', 's3:GetObject'],
    ['hamar', 's3:PutObject'],
    ['hamar', 's3:DeleteObject'],
  ])('is not larger than needed: %s without %s', async (at, ...actions) => {
    const laid = await layOut({ versioned: true });
    const env = await envOf(without(await laid.policies('runner'), at, ...actions));
    const codes: (number | null)[] = [];
    for (const command of ['doctor', 'run', 'restore']) {
      const { code } = await laid.call(env, command);
      codes.push(code);
      if (code !== 0) break;
    }
    expect(codes.at(-1), `${codes.join(' ')}`).not.toBe(0);
  });
});

describe('the policy of the auditor', () => {
  it('is enough for verify, and lets nothing be written, nor be read at the source', async () => {
    const laid = await layOut({ versioned: true });
    expect((await laid.call(await envOf(await laid.policies('runner')), 'run')).code).toBe(0);
    const policies = await laid.policies('auditor');
    const ended = await laid.call(await envOf(policies), 'verify');
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ checked: 3, ok: 3 });
    const at = { Key: 'app/users/a' };
    const [atSource, atCentre] = [await clientOf(policies['legacy']), await clientOf(policies['hamar'])];
    for (const [client, Bucket] of [
      [atSource, laid.source],
      [atCentre, laid.centre],
    ] as const) {
      const writing = new PutObjectCommand({ ...at, Bucket, Body: 'x' });
      await expect(client.send(writing)).rejects.toMatchObject(refused);
      await expect(client.send(new DeleteObjectCommand({ ...at, Bucket }))).rejects.toMatchObject(refused);
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket }));
      expect(Contents?.map(({ Key }) => Key)).toContain('app/users/a');
    }
    await expect(atSource.send(new GetObjectCommand({ ...at, Bucket: laid.source }))).rejects.toMatchObject(refused);
    for (const action of ['s3:GetObject', 's3:ListBucket']) {
      const less = await laid.call(await envOf(without(policies, 'hamar', action)), 'verify');
      expect(less.code, action).not.toBe(0);
    }
  });
});

describe('the policy of the auditor, for audits', () => {
  it.each([
    ['versioned buckets', { versioned: true }, {}, {}],
    ['whole histories', { versioned: true }, {}, { versions: 'all' }],
    ['buckets without versions', { versioned: false }, {}, {}],
    ['copies put aside', { versioned: false }, { tombstone: { hold: '1d', keep: 'staged' } }, {}],
  ])(
    'is enough, and needs to read nothing at the source: %s',
    async (_name, buckets, change, partition) => {
      const laid = await layOut(buckets, change, partition);
      const ran = await laid.call(await envOf(await laid.policies('runner')), 'run');
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
      const env = await envOf(await laid.policies('auditor'));
      const bundle = join(tempDir(), 'bundle');
      const exported = await ferry(['evidence', 'export', laid.plan, '--out', bundle, '--keys', 'plain'], env);
      expect(exported.code, exported.stderr).toBe(0);
      // By the bundle alone: the operator's state directory is not there for the auditor.
      const signer = join(dirname(laid.plan), '.ferry/iam/evidence.pub');
      const elsewhere = ['--evidence', bundle, '--signer', signer, '--state', join(tempDir(), 'none')];
      const byBundle = await laid.call(env, 'audit', '--sample', 'all', '--seed', 's', ...elsewhere);
      expect(byBundle.code, byBundle.stdout + byBundle.stderr).toBe(0);
      expect(documentOf(byBundle)).toMatchObject({ checked: 3, ok: 3, population: 3 });
      const clean = await laid.call(env, 'audit', '--sample', 'all', '--seed', 's');
      expect(clean.code, clean.stdout + clean.stderr).toBe(0);
      expect(documentOf(clean)).toMatchObject({ checked: 3, ok: 3 });
      // One as long as the marker, which the listing tells apart by its ETag, and one that is not.
      const length = (await bodyOf(laid.source, 'app/users/a'))?.length ?? 0;
      await put(laid.source, 'app/users/a', 'x'.repeat(length));
      await put(laid.source, 'app/users/b/c', 'written late');
      const late = await laid.call(env, 'audit', '--sample', 'all', '--seed', 's');
      expect(late.code, late.stdout + late.stderr).toBe(5);
      const { mismatched } = documentOf<{ mismatched: { key: string; reason: string }[] }>(late);
      const lateByBundle = await laid.call(env, 'audit', '--sample', 'all', '--seed', 's', ...elsewhere);
      expect(lateByBundle.code, lateByBundle.stdout + lateByBundle.stderr).toBe(5);
      expect(documentOf<{ mismatched: object[] }>(lateByBundle).mismatched).toEqual(
        expect.arrayContaining(mismatched.map(({ key, reason }) => expect.objectContaining({ key, reason }))),
      );
      const reasons = Object.fromEntries(mismatched.map(({ key, reason }) => [key, reason]));
      expect(Object.keys(reasons).sort()).toEqual(['users/a', 'users/b/c']);
      expect(reasons['users/a']).toContain('these credentials may not read them');
      expect(reasons['users/b/c']).toContain("12 bytes in its place that is not ferry's marker");
    },
    180_000,
  );

  it('is not larger than needed', async () => {
    const laid = await layOut({ versioned: true });
    expect((await laid.call(await envOf(await laid.policies('runner')), 'run')).code).toBe(0);
    const policies = await laid.policies('auditor');
    for (const [at, action] of [
      ['hamar', 's3:GetObject'],
      ['hamar', 's3:ListBucket'],
      ['legacy', 's3:ListBucket'],
    ] as const) {
      const less = await laid.call(await envOf(without(policies, at, action)), 'audit', '--sample', 'all');
      expect(less.code, `${at} ${action}`).not.toBe(0);
    }
  });
});

describe('the policy of the purger', () => {
  const purgeable = { tombstone: { hold: '0s' } };

  it.each([
    ['versioned buckets', { versioned: true }, { tombstone: { hold: '0s', keep: 'version' } }, { versions: 'all' }, 0],
    ['versioned buckets, whose plan does not say so', { versioned: true }, purgeable, { versions: 'all' }, 0],
    ['buckets without versions', { versioned: false }, { tombstone: { hold: '0s', markers: 'remove' } }, {}, 0],
    ['copies put aside', { versioned: false }, { tombstone: { hold: '0s', keep: 'staged', markers: 'remove' } }, {}, 0],
    ['markers that are left', { versioned: false }, purgeable, {}, 3],
  ])(
    'is enough for purge, which reads no bytes of users: %s',
    async (_name, buckets, change, partition, left) => {
      const laid = await layOut(buckets, change, partition);
      const ran = await laid.call(await envOf(await laid.policies('runner')), 'run');
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
      const policies = await laid.policies('purger');
      const [atSource, atCentre] = [await clientOf(policies['legacy']), await clientOf(policies['hamar'])];
      const Key = 'app/users/a';
      for (const [client, Bucket] of [
        [atSource, laid.source],
        [atCentre, laid.centre],
      ] as const) {
        await expect(client.send(new GetObjectCommand({ Bucket, Key }))).rejects.toMatchObject(refused);
        await expect(client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))).rejects.toMatchObject(refused);
      }
      await expect(atCentre.send(new DeleteObjectCommand({ Bucket: laid.centre, Key }))).rejects.toMatchObject(refused);
      const ended = await laid.call(await envOf(policies), 'purge', '--yes');
      expect(ended.code, ended.stdout + ended.stderr).toBe(0);
      expect(documentOf(ended)).toMatchObject({ purged: { objects: 3, markersLeft: left }, left: [] });
      const { Versions = [] } = await minioClient().send(new ListObjectVersionsCommand({ Bucket: laid.source }));
      expect(Versions.filter(({ Key: key }) => key !== 'app/tmp/scratch')).toHaveLength(left);
      expect(await bodyOf(laid.centre, Key)).toBe('the bytes of a');
    },
    180_000,
  );

  it('purges nothing that was written since, and says what it would have to read', async () => {
    const laid = await layOut({ versioned: false }, { tombstone: { hold: '0s', markers: 'remove' } });
    expect((await laid.call(await envOf(await laid.policies('runner')), 'run')).code).toBe(0);
    // As long as the marker is: a write of any other length is told apart by the listing alone.
    const written = 'x'.repeat((await bodyOf(laid.source, 'app/users/a'))?.length ?? 0);
    await put(laid.source, 'app/users/a', written);
    await put(laid.centre, 'app/users/b/c', 'other bytes');
    const ended = await laid.call(await envOf(await laid.policies('purger')), 'purge', '--yes');
    expect(ended.code, ended.stdout).toBe(4);
    const { left } = documentOf<{ left: { key: string; reason: string }[] }>(ended);
    const reasons = Object.fromEntries(left.map(({ key, reason }) => [key, reason]));
    expect(Object.keys(reasons).sort()).toEqual(['users/a', 'users/b/c']);
    expect(reasons['users/a']).toContain('only its bytes can tell whether the object is the marker');
    expect(reasons['users/a']).toContain('allow s3:GetObject');
    expect(reasons['users/b/c']).toContain('whether it is the copy that was verified');
    expect(documentOf(ended)).toMatchObject({
      totals: { states: { tombstoned: 2, purged: 1, failed: 0, conflict: 0 } },
    });
    expect(await bodyOf(laid.source, 'app/users/a')).toBe(written);
    // With the right to read, the same purge judges them.
    const { FERRY_TEST_KEY: key = '', FERRY_TEST_SECRET: secret = '' } = minioEnv();
    const full = { LEGACY_KEY: key, LEGACY_SECRET: secret, HAMAR_KEY: key, HAMAR_SECRET: secret };
    writeFileSync(laid.plan, readFileSync(laid.plan, 'utf8').replaceAll(/,"sessionTokenEnv":"[A-Z_]+"/g, ''));
    const judged = documentOf<{ left: { key: string; state: string }[] }>(await laid.call(full, 'purge', '--yes'));
    expect(judged.left.find(({ key: at }) => at === 'users/a')?.state).toBe('conflict');
  });
});
