import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { parsePublicKey } from '../../src/base/ed25519.ts';
import { checkBundle } from '../../src/engine/evidence/check.ts';
import { filesOf, leavesOf } from '../support/bundle.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { sshKey } from '../support/ssh.ts';
import { tempDir } from '../support/temp.ts';

const FIXTURE = join(import.meta.dirname, '../fixtures/evidence-v1');

it('holds for buckets, whole histories, approvals, purges and an audit; and what was reached is in it', async () => {
  const dir = tempDir();
  const env = minioEnv();
  const [legacy, hamar] = [await newBucket({ versioned: true }), await newBucket({ versioned: true })];
  const client = minioClient();
  for (const body of ['first', 'second'])
    await client.send(new PutObjectCommand({ Bucket: legacy, Key: 'users/NO/kari', Body: body }));
  for (const key of ['users/SE/sven', 'users/SE/"quoted"']) {
    await client.send(new PutObjectCommand({ Bucket: legacy, Key: key, Body: key }));
  }
  for (const name of ['ann', 'bo', 'auditor']) sshKey(dir, name);
  const plan = join(dir, 'plan.json');
  writeFileSync(
    plan,
    JSON.stringify({
      apiVersion: 'ferry/v1',
      name: 'clover',
      runner: { jurisdiction: 'IE', operator: 'oli' },
      approvers: ['ann', 'bo'].map((name) => ({ name, jurisdiction: 'IE', key: `./${name}.pub` })),
      stores: { legacy: bucketStore(legacy, 'SG'), hamar: bucketStore(hamar, 'NO') },
      partitions: [
        {
          name: 'norway',
          from: 'legacy',
          select: { pattern: 'users/{country}/{user}', where: { country: ['NO'] } },
          to: 'hamar',
          versions: 'all',
        },
        { name: 'sweden', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' },
      ],
      finish: 'tombstoned',
      tombstone: { hold: '0s', approvals: 2 },
    }),
  );
  const call = async (code: number, ...args: string[]) => {
    const ended = await ferry(args, env);
    expect(ended.code, `${args.join(' ')}\n${ended.stdout}${ended.stderr}`).toBe(code);
    return ended;
  };
  const sealed = join(dir, 'sealed.json');
  await call(0, 'plan', plan, '--out', sealed);
  const approvals: string[] = [];
  for (const name of ['ann', 'bo']) {
    const out = join(dir, `${name}.approval`);
    await call(0, 'approve', sealed, '--key', join(dir, name), '--what', 'tombstone,purge', '--out', out);
    approvals.push('--approval', out);
  }
  await call(0, 'run', plan, '--sealed', sealed, ...approvals);
  await call(0, 'purge', plan, '--yes', '--partition', 'norway');
  await call(4, 'scan', plan);
  const audit = join(dir, 'audit.json');
  await call(0, 'audit', plan, '--sample', 'all', '--seed', 'dice', '--key', join(dir, 'auditor'), '--out', audit);
  await call(0, 'evidence', 'export', plan, '--out', join(dir, 'first'));
  const bundle = join(dir, 'bundle');
  await call(0, 'evidence', 'export', plan, '--out', bundle, '--keys', 'plain');
  const signer = join(dir, '.ferry/clover/evidence.pub');
  const auditor = join(dir, 'auditor.pub');
  const verified = await call(0, 'evidence', 'verify', bundle, '--key', signer, '--auditor', auditor, '--json');
  expect(documentOf(verified)).toMatchObject({
    earlierHeads: 1,
    counted: { outcomes: { tombstoned: 2, purged: 1 }, audits: 1, scans: 1 },
  });
  const leaves = leavesOf({ folder: bundle }).map((text) => JSON.parse(text) as Record<string, unknown>);
  const of = (type: string) => leaves.filter((leaf) => leaf['type'] === type);
  expect(of('approval')).toHaveLength(4);
  expect([...new Set(of('observed').map(({ host, store }) => `${store} ${host}`))]).toEqual([
    'legacy 127.0.0.1',
    'hamar 127.0.0.1',
  ]);
  expect(of('egress').length).toBeGreaterThanOrEqual(3);
  expect(of('object').find(({ outcome }) => outcome === 'purged')).toMatchObject({ history: { states: 2 } });
  const secret = env['FERRY_TEST_SECRET'] ?? '';
  expect(secret.length).toBeGreaterThan(7);
  for (const name of filesOf({ folder: bundle }))
    expect(readFileSync(join(bundle, name), 'latin1')).not.toContain(secret);
  const proof = join(dir, 'proof.json');
  await call(0, 'evidence', 'prove', plan, '--where', 'user=kari', '--out', proof);
  await call(0, 'evidence', 'verify', proof, '--key', signer);
  // To make the fixture below anew, which only a new version of the format is a reason for.
  const keep = process.env['FERRY_TEST_FIXTURE'];
  if (keep === undefined) return;
  cpSync(bundle, join(keep, 'bundle'), { recursive: true });
  for (const [from, to] of [
    [signer, 'signer.pub'],
    [auditor, 'auditor.pub'],
    [proof, 'proof.json'],
  ] as const)
    cpSync(from, join(keep, to));
});

it('of version 1 of the format is good for ever', async () => {
  const key = parsePublicKey(readFileSync(join(FIXTURE, 'signer.pub'), 'utf8'));
  const auditors = [parsePublicKey(readFileSync(join(FIXTURE, 'auditor.pub'), 'utf8'))];
  const { counted } = await checkBundle({ folder: join(FIXTURE, 'bundle'), key, auditors });
  expect(counted).toMatchObject({ outcomes: { tombstoned: 2, purged: 1 }, audits: 1, scans: 1 });
  const ended = await ferry(['evidence', 'verify', join(FIXTURE, 'proof.json'), '--key', join(FIXTURE, 'signer.pub')]);
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stdout).toContain('users/NO/kari');
});
