import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { planDocument } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { tempDir } from '../support/temp.ts';
import { writeTree } from '../support/tree.ts';

interface Finding {
  readonly rule: string;
  readonly severity: string;
  readonly subject: string;
  readonly message: string;
}

interface PlanDocument {
  readonly partitions: readonly { readonly hazards: { readonly keyUnderKey: number; readonly leadingSlash: number } }[];
  readonly findings: readonly Finding[];
}

interface RunDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

function planOf(dir: string, legacy: unknown, centre: unknown, select: unknown): string {
  const file = join(dir, 'plan.json');
  const partitions = [{ name: 'all', from: 'legacy', select, to: 'hamar' }];
  writeFileSync(
    file,
    JSON.stringify({
      ...planDocument(),
      stores: { legacy, hamar: centre },
      partitions,
      exclude: [],
      finish: 'verified',
    }),
  );
  return file;
}

const planned = async (file: string): Promise<PlanDocument> =>
  documentOf<PlanDocument>(await ferry(['plan', file, '--json'], minioEnv()));
const run = async (file: string) => await ferry(['run', file, '--json', '--progress', 'none'], minioEnv());
const byRule = (findings: readonly Finding[], rule: string) => findings.filter((finding) => finding.rule === rule);

async function listed(bucket: string): Promise<(string | undefined)[]> {
  const { Contents = [] } = await minioClient().send(new ListObjectsV2Command({ Bucket: bucket }));
  return Contents.map(({ Key }) => Key);
}

describe('keys that MinIO does not keep apart', () => {
  it('writes the shorter of two keys, and leaves the one below it as failed', async () => {
    const [from, to] = [await newBucket(), await newBucket()];
    const client = minioClient();
    for (const Key of ['p/q', 'p/q-x', 'p/q/r', 'p/s']) {
      await client.send(new PutObjectCommand({ Bucket: from, Key, Body: `of ${Key}` }));
    }
    const dir = tempDir();
    writeFileSync(join(dir, 'keys.txt'), 'p/q/r\n');
    const legacy = bucketStore(from, 'SG');
    const file = planOf(dir, legacy, bucketStore(to, 'NO'), { prefix: '' });
    expect(byRule((await planned(file)).findings, 'hidden-keys')).toMatchObject([
      { severity: 'warning', subject: 'stores.legacy' },
    ]);

    writeFileSync(join(dir, 'keys.txt'), ['p/q', 'p/q-x', 'p/q/r', 'p/s'].join('\n'));
    const whole = planOf(dir, legacy, bucketStore(to, 'NO'), { manifest: './keys.txt' });
    const before = await planned(whole);
    expect(before.partitions[0]?.hazards).toMatchObject({ keyUnderKey: 1, leadingSlash: 0 });
    expect(before.findings).toMatchObject([
      {
        rule: 'key-under-key',
        severity: 'warning',
        subject: 'partitions[0]',
        message: expect.stringContaining('"p/q/r"'),
      },
    ]);
    expect(await listed(to)).toEqual([]);

    const ended = await run(whole);
    expect(ended.code, ended.stderr).toBe(4);
    const { totals, unresolved } = documentOf<RunDocument>(ended);
    expect(totals.states).toMatchObject({ verified: 3, failed: 1 });
    expect(unresolved).toMatchObject([
      { key: 'p/q/r', state: 'failed', reason: expect.stringContaining('"p/q" is an object') },
    ]);
    expect(await listed(to)).toEqual(['p/q', 'p/q-x', 'p/s']);
    const hidden = client.send(new GetObjectCommand({ Bucket: to, Key: 'p/q/r' }));
    await expect(hidden).rejects.toMatchObject({ name: 'NoSuchKey' });

    expect(byRule((await planned(whole)).findings, 'key-under-key')).toMatchObject([{ severity: 'error' }]);
    expect((await run(whole)).code).toBe(4);
    expect(await listed(to)).toEqual(['p/q', 'p/q-x', 'p/s']);
  });

  it('leaves a leading slash at the source, and brings the key without one over', async () => {
    const to = await newBucket();
    const dir = tempDir();
    mkdirSync(join(dir, 'legacy'));
    writeTree(join(dir, 'legacy'), { lead: 'without', '%-/lead': 'with', '%-/alone': 'alone' });
    const legacy = { type: 'file', path: './legacy', jurisdiction: 'SG', keys: 'escape' };
    const file = planOf(dir, legacy, bucketStore(to, 'NO'), { prefix: '' });
    const before = await planned(file);
    expect(before.partitions[0]?.hazards).toMatchObject({ keyUnderKey: 0, leadingSlash: 2 });
    expect(before.findings).toMatchObject([{ rule: 'leading-slash', severity: 'warning', subject: 'partitions[0]' }]);
    const ended = await run(file);
    expect(ended.code, ended.stderr).toBe(4);
    const { totals, unresolved } = documentOf<RunDocument>(ended);
    expect(totals.states).toMatchObject({ verified: 1, failed: 2 });
    expect(unresolved.map(({ key, state }) => [key, state]).sort()).toEqual([
      ['/alone', 'failed'],
      ['/lead', 'failed'],
    ]);
    for (const { reason } of unresolved) expect(reason).toContain('leading slash');
    expect(await listed(to)).toEqual(['lead']);
    const { Body } = await minioClient().send(new GetObjectCommand({ Bucket: to, Key: 'lead' }));
    expect(await Body?.transformToString()).toBe('without');
    expect(byRule((await planned(file)).findings, 'leading-slash')).toMatchObject([{ severity: 'error' }]);
  });

  it('does not hide below a late key what is there already, nor below what someone else put there', async () => {
    const to = await newBucket();
    const client = minioClient();
    await client.send(new PutObjectCommand({ Bucket: to, Key: 'theirs', Body: 'x' }));
    const [from, dir] = [await newBucket(), tempDir()];
    const put = async (Key: string) =>
      await client.send(new PutObjectCommand({ Bucket: from, Key, Body: `of ${Key}` }));
    await put('a/b/c');
    await put('pair/q');
    await put('pair/q/r');
    await put('theirs/below');
    const keys = ['a/b/c', 'pair/q', 'pair/q/r', 'theirs/below', 'a/b'];
    writeFileSync(join(dir, 'keys.txt'), keys.join('\n'));
    const file = planOf(dir, bucketStore(from, 'SG'), bucketStore(to, 'NO'), { manifest: './keys.txt' });
    const first = documentOf<RunDocument>(await run(file));
    expect(first.unresolved.map(({ key }) => key).sort()).toEqual(['pair/q/r', 'theirs/below']);
    await put('a/b');
    const second = documentOf<RunDocument>(await run(file));
    expect(second.unresolved.map(({ key }) => key).sort()).toEqual(['a/b', 'pair/q/r', 'theirs/below']);
    expect(await listed(to)).toEqual(['a/b/c', 'pair/q', 'theirs']);
  });

  it('asks nothing of a centre for ordinary keys', async () => {
    const to = await newBucket();
    const dir = tempDir();
    const proxy = await countingProxy(inject('minio').endpoint);
    mkdirSync(join(dir, 'legacy'));
    writeTree(join(dir, 'legacy'), { 'a/b': '1', 'a/c': '2', 'a-': '3' });
    const file = planOf(
      dir,
      { type: 'file', path: './legacy', jurisdiction: 'SG' },
      bucketStore(to, 'NO', { endpoint: proxy.endpoint }),
      {
        prefix: '',
      },
    );
    expect((await run(file)).code).toBe(0);
    // One probe, of conditional writes, which every bucket is asked for.
    const puts = [...proxy.done.keys()].filter((request) => request.startsWith('PUT ') && !request.includes('/a'));
    expect(puts).toEqual([expect.stringMatching(/\/\.ferry-probe-[0-9a-f-]{36}$/)]);
    const { findings, partitions } = await planned(file);
    expect(findings).toEqual([]);
    expect(partitions[0]?.hazards).toEqual({ keyUnderKey: 0, leadingSlash: 0, emptySegment: 0, dotSegment: 0 });
  });
});
