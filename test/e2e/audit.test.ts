import { cpSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { parseEnvelope, signersOf } from '../../src/base/dsse.ts';
import { readPublicKey } from '../../src/base/key-file.ts';
import { drawSample } from '../../src/evidence/sample.ts';
import { documentOf, type Ended, ferry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { type Laid, layOut, planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';
import { factsIn } from '../support/tree.ts';

interface AuditDocument {
  readonly checked: number;
  readonly ok: number;
  readonly mismatched: readonly { readonly key: string; readonly partition: string; readonly reason: string }[];
  readonly population: number;
  readonly populationSha256: string;
  readonly sample: number;
  readonly sampleSha256: string;
  readonly seed: string;
  readonly confidence: number;
  readonly claim: { readonly maxBad: number };
  readonly statement?: { readonly file: string; readonly keyid: string; readonly sha256: string };
}

const TYPE = 'application/vnd.ferry.audit+json';

/** Twenty objects of one partition, whose order in the ledger is that of their names. */
const TWENTY = Object.fromEntries(
  Array.from({ length: 20 }, (_, at) => [`users/DE/${String(at).padStart(2, '0')}`, `bytes ${at}`]),
);

const audit = async (plan: string, ...more: string[]): Promise<Ended> =>
  await ferry(['audit', plan, '--json', ...more]);

async function migrated(change: object = {}, files?: Readonly<Record<string, string>>): Promise<Laid> {
  const laid = layOut({ ...change }, files);
  const ran = await ferry(['run', laid.plan, '--json']);
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  return laid;
}

describe('an audit of folders', () => {
  it('ends with 0 and its claim after a clean migration, and changes nothing', async () => {
    const laid = await migrated({}, TWENTY);
    const before = [laid.legacy, laid.dublin].map(factsIn);
    const ended = await audit(laid.plan, '--sample', '10', '--seed', 'from the auditor');
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({
      checked: 10,
      ok: 10,
      mismatched: [],
      population: 20,
      sample: 10,
      seed: 'from the auditor',
      confidence: 0.99,
      // Six bad ones of 20 are missed by 10 with a probability of C(14,10) / C(20,10) = 0.0054, five with C(15,10) / C(20,10) = 0.016.
      claim: { maxBad: 5 },
    });
    expect(ended.stderr).toBe('');
    const told = await ferry(['audit', laid.plan, '--sample', '10', '--seed', 'from the auditor']);
    expect(told.stdout).toContain('0 of 10 sampled objects differ; with 99 % confidence at most 25 % (5 of 20) do.\n');
    expect([laid.legacy, laid.dublin].map(factsIn)).toEqual(before);
  });

  it('finds a changed byte, a copy that is missing and a source that was written again', async () => {
    const laid = await migrated({}, TWENTY);
    writeFileSync(join(laid.dublin, 'users/DE/03'), 'bytes 4');
    rmSync(join(laid.dublin, 'users/DE/07'));
    writeFileSync(join(laid.legacy, 'users/DE/11'), 'bytes 11');
    const ended = await audit(laid.plan, '--sample', 'all');
    expect(ended.code).toBe(5);
    const { checked, ok, mismatched, claim } = documentOf<AuditDocument>(ended);
    expect({ checked, ok, claim }).toEqual({ checked: 20, ok: 17, claim: { maxBad: 3 } });
    expect(mismatched).toEqual([
      {
        key: 'users/DE/03',
        partition: 'rest',
        reason: expect.stringContaining('the centre gives back 7 bytes') as string,
      },
      { key: 'users/DE/07', partition: 'rest', reason: 'the copy has vanished from the centre' },
      { key: 'users/DE/11', partition: 'rest', reason: expect.stringContaining("not ferry's marker") as string },
    ]);
    const told = await ferry(['audit', laid.plan, '--sample', '100']);
    expect(told.code).toBe(5);
    expect(told.stdout).toContain('3 of 20 objects differ; all were looked at.\n');
    expect(told.stdout).toContain('rest  "users/DE/07": the copy has vanished');
  });

  it('reads the bytes at the centre where the plan takes the word of a store, too', async () => {
    const laid = await migrated({ finish: 'verified' });
    writeFileSync(laid.plan, JSON.stringify({ ...planDocument(), finish: 'verified', verify: 'attested' }));
    // Folders attest nothing.
    expect((await ferry(['verify', laid.plan, '--json'])).code).toBe(4);
    expect((await audit(laid.plan, '--sample', 'all')).code).toBe(0);
    writeFileSync(join(laid.dublin, 'users/DE/jonas/b.json'), '{"n":9}');
    const ended = await audit(laid.plan, '--sample', 'all');
    expect(ended.code).toBe(5);
    expect(documentOf<AuditDocument>(ended).mismatched.map(({ key }) => key)).toEqual(['users/DE/jonas/b.json']);
  });

  it('draws the same sample of the same seed, and says when nobody gave one', async () => {
    const laid = await migrated({}, TWENTY);
    const sampleOf = async (...more: string[]): Promise<string> =>
      documentOf<AuditDocument>(await audit(laid.plan, '--sample', '5', ...more)).sampleSha256;
    const first = await sampleOf('--seed', 'one');
    expect(await sampleOf('--seed', 'one')).toBe(first);
    expect(await sampleOf('--seed', 'two')).not.toBe(first);
    const drawn = await audit(laid.plan, '--sample', '5');
    const { seed, sampleSha256 } = documentOf<AuditDocument>(drawn);
    expect(drawn.stderr).toContain(`the seed was drawn here: ${seed}`);
    expect(drawn.stderr).toContain('only a seed from the auditor (--seed) shows that nobody chose');
    expect(await sampleOf('--seed', seed)).toBe(sampleSha256);
  });

  it('does not find what lies outside of its sample, which looking at all does', async () => {
    const laid = await migrated({}, TWENTY);
    const sampled = new Set(drawSample('seed', 20, 5));
    const key = (at: number): string => `users/DE/${String(at).padStart(2, '0')}`;
    const outside = Array.from({ length: 20 }, (_, at) => at).find((at) => !sampled.has(at)) ?? -1;
    writeFileSync(join(laid.dublin, key(outside)), 'flipped');
    expect((await audit(laid.plan, '--sample', '5', '--seed', 'seed')).code).toBe(0);
    const all = await audit(laid.plan, '--sample', 'all', '--seed', 'seed');
    expect(all.code).toBe(5);
    expect(documentOf<AuditDocument>(all).mismatched.map((one) => one.key)).toEqual([key(outside)]);
    // One that is in the sample is found by it.
    const inside = [...sampled][2] ?? -1;
    writeFileSync(join(laid.dublin, key(inside)), 'flipped');
    const five = await audit(laid.plan, '--sample', '5', '--seed', 'seed');
    expect(documentOf<AuditDocument>(five).mismatched.map((one) => one.key)).toEqual([key(inside)]);
  });

  it('looks at the partitions that it is told to', async () => {
    const laid = await migrated();
    writeFileSync(join(laid.dublin, 'users/DE/jonas/b.json'), 'flipped');
    const nordic = await audit(laid.plan, '--sample', 'all', '--partition', 'nordic');
    expect(nordic.code, nordic.stderr).toBe(0);
    expect(documentOf(nordic)).toMatchObject({ population: 3, checked: 3 });
    const rest = await audit(laid.plan, '--sample', 'all', '--partition', 'rest');
    expect(documentOf(rest)).toMatchObject({ population: 2, checked: 2, ok: 1 });
    expect((await audit(laid.plan, '--partition', 'none')).code).toBe(2);
  });

  it('looks at what a purge leaves at the source', async () => {
    const laid = await migrated({ tombstone: { hold: '0s' } }, TWENTY);
    const [held, aside] = [join(laid.legacy, '.ferry-held'), join(laid.dir, 'aside')];
    cpSync(held, aside, { recursive: true });
    const purged = await ferry(['purge', laid.plan, '--json', '--yes']);
    expect(purged.code, purged.stdout).toBe(0);
    expect((await audit(laid.plan, '--sample', 'all')).code).toBe(0);
    writeFileSync(join(laid.legacy, 'users/DE/05'), 'bytes 5');
    const late = await audit(laid.plan, '--sample', 'all');
    expect(late.code).toBe(5);
    expect(documentOf<AuditDocument>(late).mismatched).toMatchObject([{ key: 'users/DE/05' }]);
    rmSync(join(laid.legacy, 'users/DE/05'));
    // As if nothing had been removed.
    cpSync(aside, held, { recursive: true });
    const kept = documentOf<AuditDocument>(await audit(laid.plan, '--sample', 'all'));
    expect(kept.mismatched).toHaveLength(20);
    expect(kept.mismatched[7]?.reason).toBe('it was purged, and legacy still keeps 7 bytes of it');
  });

  it('takes nothing else in the place of a source for an empty one', async () => {
    const laid = await migrated({}, TWENTY);
    const at = (name: string): string => join(laid.legacy, 'users/DE', name);
    for (const name of ['01', '02']) rmSync(at(name));
    symlinkSync('03', at('01'));
    mkdirSync(at('02'));
    rmSync(at('04'));
    const ended = await audit(laid.plan, '--sample', 'all');
    expect(ended.code, ended.stderr).toBe(5);
    // A folder without files holds no bytes, and no object is no object.
    expect(documentOf<AuditDocument>(ended).mismatched.map(({ key }) => key)).toEqual(['users/DE/01']);
  });

  it('has nothing to say before a run', async () => {
    const laid = layOut();
    const key = join(laid.dir, 'auditor');
    await ferry(['keygen', '--out', key]);
    const ended = await audit(laid.plan, '--sample', 'all', '--key', `${key}.key`, '--out', join(laid.dir, 'out'));
    expect(ended.code).toBe(0);
    expect(documentOf(ended)).toMatchObject({ checked: 0, ok: 0, mismatched: [], population: 0 });
    expect(() => statSync(join(laid.dir, 'out'))).toThrow('ENOENT');
  });

  it('sizes the sample by confidence and tolerance, and tells it', async () => {
    const laid = await migrated({}, TWENTY);
    const sized = await audit(laid.plan, '--confidence', '95%', '--tolerance', '0.25', '--seed', 's');
    // C(14, 7) / C(20, 7) = 0.044; six of 20 would be more than a quarter.
    expect(documentOf(sized)).toMatchObject({ sample: 7, confidence: 0.95, claim: { maxBad: 5 } });
    expect(sized.stderr).toContain('a confidence of 0.95 and a tolerance of 0.25, the sample is 7 of 20');
    const bare = await audit(laid.plan, '--seed', 's');
    expect(documentOf(bare)).toMatchObject({ sample: 20, confidence: 0.99 });
    expect(bare.stderr).toContain('a confidence of 0.99 and a tolerance of 0.001');
  });

  it.each([
    ['--sample', '0'],
    ['--sample', '1.5'],
    ['--sample', 'most'],
    ['--confidence', '1'],
    ['--confidence', '100%'],
    ['--confidence', '0'],
    ['--tolerance', '1'],
    ['--tolerance', '-1'],
    ['--sample', '3', '--tolerance', '0.1'],
    ['--seed', ''],
    ['--out', 'file'],
    ['--key', '/nonexistent'],
  ])('takes no %s %s', async (...options) => {
    const laid = layOut();
    const ended = await audit(laid.plan, ...options);
    expect(ended.code, ended.stdout).toBe(2);
    expect(documentOf(ended)).toMatchObject({ error: { fault: 'usage' } });
  });
});

describe('the statement of an audit', () => {
  const signed = async (laid: Laid, ...more: string[]) => {
    const key = join(laid.dir, 'auditor');
    await ferry(['keygen', '--out', key]);
    const out = join(laid.dir, 'statement.json');
    const ended = await audit(laid.plan, '--seed', 's', '--key', `${key}.key`, '--out', out, ...more);
    return { ended, out, key: readPublicKey(`${key}.pub`), again: `${key}.key` };
  };

  it('is signed by the auditor, and says what was found without naming anybody', async () => {
    const laid = await migrated({}, TWENTY);
    writeFileSync(join(laid.dublin, 'users/DE/03'), 'flipped');
    const { ended, out, key } = await signed(laid, '--sample', 'all');
    expect(ended.code, ended.stderr).toBe(5);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const text = readFileSync(out, 'utf8');
    const envelope = parseEnvelope(text);
    expect(signersOf(envelope, TYPE, [key])).toEqual([key]);
    const payload = envelope.payload.toString('utf8');
    const found = documentOf<AuditDocument>(ended);
    expect(JSON.parse(payload)).toEqual({
      format: 'ferry/audit/v1',
      plan: { name: 'test', digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string },
      ledger: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      partitions: ['nordic', 'rest'],
      population: { size: 20, sha256: found.populationSha256 },
      seed: { text: 's', from: 'given' },
      sample: { size: 20, sha256: found.sampleSha256 },
      checked: 20,
      ok: 19,
      mismatched: [{ index: 3, partition: 'rest', key: expect.stringMatching(/^[0-9a-f]{64}$/) as string }],
      confidence: 0.99,
      claim: { maxBad: 1 },
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      keyid: key.id,
      tool: expect.stringMatching(/^ferry \d/) as string,
    });
    expect(payload).not.toContain('users/');
    expect(found.statement).toMatchObject({ file: out, keyid: key.id });
  });

  it('does not hold where one of its characters was changed', async () => {
    const laid = await migrated();
    const { out, key } = await signed(laid, '--sample', '2');
    const { payload, ...rest } = JSON.parse(readFileSync(out, 'utf8')) as { payload: string };
    const flipped = Buffer.from(payload, 'base64').toString('utf8').replace('"checked":2', '"checked":5');
    const forged = JSON.stringify({ ...rest, payload: Buffer.from(flipped).toString('base64') });
    expect(flipped).toContain('"checked":5');
    expect(signersOf(parseEnvelope(forged), TYPE, [key])).toEqual([]);
  });

  it('takes the place of no file, and says so before anything is read', async () => {
    const laid = await migrated();
    const { out, again } = await signed(laid, '--sample', '2');
    const before = readFileSync(out, 'utf8');
    // Reading would end with 75.
    rmSync(laid.dublin, { recursive: true });
    const ended = await audit(laid.plan, '--sample', '2', '--key', again, '--out', out);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('never overwritten');
    expect(readFileSync(out, 'utf8')).toBe(before);
  });
});

describe('an audit of buckets', () => {
  const call = async (command: string, plan: string, ...more: string[]): Promise<Ended> =>
    await ferry([command, plan, '--json', ...more], minioEnv());

  async function laidOut(versioned: boolean, partition: object = {}) {
    const [source, centre] = [await newBucket({ versioned }), await newBucket({ versioned })];
    const plan = join(tempDir(), 'plan.json');
    const write = (stores: object): void =>
      writeFileSync(
        plan,
        JSON.stringify({
          apiVersion: 'ferry/v1',
          name: 'audit',
          runner: { jurisdiction: 'IE' },
          stores,
          partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar', ...partition }],
          finish: 'tombstoned',
          tombstone: { hold: '0s' },
        }),
      );
    write({ legacy: bucketStore(source, 'SG'), hamar: bucketStore(centre, 'NO') });
    for (const key of ['a', 'b', 'c']) {
      await put(source, `users/${key}`, `older ${key}`);
      await put(source, `users/${key}`, `bytes of ${key}`);
    }
    const ran = await call('run', plan);
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    return { source, centre, plan, write };
  }

  const put = async (Bucket: string, Key: string, Body: string) =>
    await minioClient().send(new PutObjectCommand({ Bucket, Key, Body }));

  const mismatched = (ended: Ended): Record<string, string> =>
    Object.fromEntries(documentOf<AuditDocument>(ended).mismatched.map(({ key, reason }) => [key, reason]));

  it.each([
    ['without versions', false, {}],
    ['with versions', true, {}],
    ['with whole histories', true, { versions: 'all' }],
  ])('finds what differs, and nothing before: %s', async (_name, versioned, partition) => {
    const { source, centre, plan } = await laidOut(versioned, partition);
    const clean = await call('audit', plan, '--sample', 'all');
    expect(clean.code, clean.stdout + clean.stderr).toBe(0);
    expect(documentOf(clean)).toMatchObject({ checked: 3, ok: 3, claim: { maxBad: 0 } });
    await put(centre, 'users/a', 'bytes of x');
    await minioClient().send(new DeleteObjectCommand({ Bucket: centre, Key: 'users/b' }));
    await put(source, 'users/c', 'written late');
    const ended = await call('audit', plan, '--sample', 'all');
    expect(ended.code).toBe(5);
    const reasons = mismatched(ended);
    expect(Object.keys(reasons)).toEqual(['users/a', 'users/b', 'users/c']);
    expect(reasons['users/c']).toContain("12 bytes in its place that is not ferry's marker");
  });

  it('finds an older version that is another one, and one that a purge should have removed', async () => {
    const { source, centre, plan } = await laidOut(true, { versions: 'all' });
    const purged = await call('purge', plan, '--yes');
    expect(purged.code, purged.stdout).toBe(0);
    const clean = await call('audit', plan, '--sample', 'all');
    expect(clean.code, clean.stdout).toBe(0);
    for (const Body of ['back again', 'and again']) await put(source, 'users/a', Body);
    await minioClient().send(new DeleteObjectCommand({ Bucket: source, Key: 'users/a' }));
    const { Versions = [] } = await minioClient().send(
      new ListObjectVersionsCommand({ Bucket: centre, Prefix: 'users/b' }),
    );
    const older = Versions.find(({ IsLatest }) => IsLatest === false)?.VersionId;
    await minioClient().send(new DeleteObjectCommand({ Bucket: centre, Key: 'users/b', VersionId: older }));
    const ended = await call('audit', plan, '--sample', 'all');
    expect(ended.code).toBe(5);
    expect(mismatched(ended)).toEqual({
      'users/a': 'it was purged, and legacy still has 2 older versions of it',
      'users/b': expect.stringContaining('1 states have vanished') as string,
    });
  });

  it('ends with 75 where a store is out of reach', async () => {
    const { source, centre, plan, write } = await laidOut(false);
    write({
      legacy: bucketStore(source, 'SG'),
      hamar: bucketStore(centre, 'NO', { endpoint: 'http://127.0.0.1:1' }),
    });
    expect((await call('audit', plan, '--sample', 'all')).code).toBe(75);
  });
});
