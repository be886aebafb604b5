import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { layOut } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

interface PlanDocument {
  readonly partitions: readonly { readonly losses: Readonly<Record<string, number>> }[];
  readonly findings: readonly { readonly rule: string; readonly severity: string; readonly message: string }[];
}

interface RunDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

async function put(bucket: string, Key: string, more: Partial<PutObjectCommandInput> = {}): Promise<void> {
  await minioClient().send(new PutObjectCommand({ Bucket: bucket, Key, Body: Buffer.from(`of ${Key}`), ...more }));
}

const RICH: Partial<PutObjectCommandInput> = {
  ContentType: 'image/png',
  Metadata: { name: '=?UTF-8?Q?Zo=C3=AB?=', colour: 'blue' },
  Tagging: 'who=a%20b&k%2B-%3D=v%3A%2F%40',
  CacheControl: 'no-store',
};

/** A plan from a bucket to another store, with a function that calls ferry with it. */
function planTo(source: string, centre: object, change: object = {}) {
  const dir = tempDir();
  const plan = join(dir, 'plan.json');
  const write = (more: object): void =>
    writeFileSync(
      plan,
      JSON.stringify({
        apiVersion: 'ferry/v1',
        name: 'fidelity',
        runner: { jurisdiction: 'IE' },
        stores: { legacy: bucketStore(source, 'SG'), hamar: centre },
        partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }],
        ...change,
        ...more,
      }),
    );
  write({});
  const call = async (command: string, ...more: string[]) =>
    await ferry([command, plan, '--json', ...more], minioEnv());
  return { dir, write, call };
}

it('names in the dry run what a folder cannot hold, copies nothing of it, and all of it once it is accepted', async () => {
  const source = await newBucket();
  await put(source, 'plain');
  await put(source, 'rich', RICH);
  await put(source, 'typed', { ContentType: 'text/plain' });
  const { dir, write, call } = planTo(source, { type: 'file', path: './hamar', jurisdiction: 'NO' });

  const dry = documentOf<PlanDocument>(await call('plan'));
  expect(dry.partitions[0]?.losses).toEqual({ contentType: 2, metadata: 1, tags: 1, cacheControl: 1 });
  const found = dry.findings.filter(({ rule }) => rule === 'loss');
  expect(found).toHaveLength(4);
  expect(found).toContainEqual({
    rule: 'loss',
    severity: 'error',
    subject: 'partitions[0]',
    message: '2 objects of all would lose contentType at hamar: name it in accept: or choose another centre',
  });

  const run = await call('run', '--progress', 'none');
  expect(run.code).not.toBe(0);
  const refused = documentOf<RunDocument>(run);
  expect(refused.totals.states).toMatchObject({ verified: 1, failed: 2 });
  expect(refused.unresolved.map(({ key }) => key).sort()).toEqual(['rich', 'typed']);
  expect(refused.unresolved.find(({ key }) => key === 'typed')?.reason).toContain('lose contentType at hamar');
  expect(() => statSync(join(dir, 'hamar', 'rich'))).toThrow('ENOENT');

  write({
    accept: ['contentType', 'metadata'],
    partitions: [
      { name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar', accept: ['tags', 'cacheControl'] },
    ],
  });
  const second = documentOf<PlanDocument>(await call('plan'));
  expect(second.findings.filter(({ rule }) => rule === 'loss').map(({ severity }) => severity)).toEqual(
    Array(4).fill('warning'),
  );
  const accepted = await call('run', '--progress', 'none');
  expect(accepted.code, accepted.stderr + accepted.stdout).toBe(0);
  expect(documentOf<RunDocument>(accepted).totals.states).toMatchObject({ verified: 3 });
  expect(readFileSync(join(dir, 'hamar', 'rich'), 'utf8')).toBe('of rich');
});

it('brings attributes to the centre and, out of the ledger, back to a source that kept nothing', async () => {
  const [source, target] = [await newBucket(), await newBucket()];
  await put(source, 'rich', RICH);
  await put(source, 'big', { ...RICH, Body: Buffer.alloc(5 * 1024 * 1024, 1) });
  const { call } = planTo(source, bucketStore(target, 'NO'), { finish: 'tombstoned', serverSideCopy: 'never' });
  const facts = async (Bucket: string, Key: string) => {
    const head = await minioClient().send(new HeadObjectCommand({ Bucket, Key }));
    const { TagSet } = await minioClient().send(new GetObjectTaggingCommand({ Bucket, Key }));
    const { ContentType, ContentEncoding, Metadata, CacheControl, ETag } = head;
    return { ContentType, ContentEncoding, Metadata, CacheControl, TagSet, ETag };
  };
  const before = [await facts(source, 'rich'), await facts(source, 'big')];
  const dry = documentOf<PlanDocument>(await call('plan'));
  expect(dry.partitions[0]?.losses).toEqual({});
  const ended = await call('run', '--progress', 'none');
  expect(ended.code, ended.stderr + ended.stdout).toBe(0);
  expect([await facts(target, 'rich'), await facts(target, 'big')]).toEqual(before);
  expect((await facts(source, 'rich')).ContentType).toBe('application/vnd.ferry.tombstone+json');
  const restored = await call('restore');
  expect(restored.code, restored.stderr + restored.stdout).toBe(0);
  expect([await facts(source, 'rich'), await facts(source, 'big')]).toEqual(before);
});

it('fails an object whose attributes the centre has otherwise, and names them', async () => {
  const [source, target] = [await newBucket(), await newBucket()];
  await put(source, 'k', RICH);
  await put(target, 'k', { ...RICH, ContentType: 'text/html', Tagging: '' });
  const { write, call } = planTo(source, bucketStore(target, 'NO'));
  const { totals, unresolved } = documentOf<RunDocument>(await call('run', '--progress', 'none'));
  expect(totals.states).toMatchObject({ failed: 1 });
  expect(unresolved[0]?.reason).toContain('contentType ("text/html" there, "image/png" copied), tags (none there');
  expect(unresolved[0]?.reason).not.toContain('a b');
  write({ accept: ['contentType', 'tags'] });
  const accepted = await call('run', '--progress', 'none');
  expect(accepted.code, accepted.stdout).toBe(0);
});

it('keeps mode and time of files from folder to folder', async () => {
  const laid = layOut();
  const [from, to] = [join(laid.legacy, 'users/NO/kari/a.json'), join(laid.hamar, 'users/NO/kari/a.json')];
  chmodSync(from, 0o640);
  utimesSync(from, 1_000_000_000, 1_234_567_890.125);
  const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none', '--until', 'verified']);
  expect(ended.code, ended.stderr).toBe(0);
  expect(statSync(to).mode & 0o777).toBe(0o640);
  expect(statSync(to).mtimeMs).toBe(1_234_567_890_125);
});
