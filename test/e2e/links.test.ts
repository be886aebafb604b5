import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { tempDir } from '../support/temp.ts';
import { factsIn, writeTree } from '../support/tree.ts';
import { hasXattrTools, setXattrs, xattrsOf } from '../support/xattrs.ts';

interface PlanDocument {
  readonly partitions: readonly { readonly losses: Readonly<Record<string, number>> }[];
  readonly findings: readonly { readonly rule: string; readonly severity: string; readonly message: string }[];
}

interface RunDocument {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

const folder = (path: string, jurisdiction: string, more: object = {}) => ({
  type: 'file',
  path: `./${path}`,
  jurisdiction,
  ...more,
});

/** A plan from one store to another, beside folders `legacy` and `hamar`. */
function planTo(source: object, centre: object, change: object = {}) {
  const dir = tempDir();
  const plan = join(dir, 'plan.json');
  const write = (more: object = {}): void =>
    writeFileSync(
      plan,
      JSON.stringify({
        apiVersion: 'ferry/v1',
        name: 'links',
        runner: { jurisdiction: 'IE' },
        stores: { legacy: source, hamar: centre },
        partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }],
        ...change,
        ...more,
      }),
    );
  write();
  const legacy = join(dir, 'legacy');
  mkdirSync(legacy);
  const call = async (command: string, ...more: string[]) =>
    await ferry([command, plan, '--json', ...more], minioEnv());
  const run = async (code: number, ...more: string[]): Promise<RunDocument> => {
    const ended = await call('run', '--progress', 'none', ...more);
    expect(ended.code, ended.stderr + ended.stdout).toBe(code);
    return documentOf<RunDocument>(ended);
  };
  return { dir, legacy, hamar: join(dir, 'hamar'), write, call, run };
}

const recording = { links: 'record' };

/** Texts of all links below a folder, by path; none is followed, and ferry's own folders are left out. */
function linksIn(dir: string, below = ''): Record<string, string> {
  const entries = readdirSync(join(dir, below), { withFileTypes: true });
  const texts = entries.map((entry) => {
    const path = join(below, entry.name);
    if (entry.isSymbolicLink()) return { [path]: readlinkSync(join(dir, path)) };
    return entry.isDirectory() && !entry.name.startsWith('.ferry') ? linksIn(dir, path) : {};
  });
  return Object.assign({}, ...texts) as Record<string, string>;
}

const LINKS: Readonly<Record<string, string>> = {
  dangling: 'not/there',
  'deep/absolute': '/etc/passwd',
  'deep/round': '../round',
  'odd é\u{1F600}': 'to é\u{1F600} =%',
  round: 'deep/round',
  'to-file': 'file',
  'to-folder': 'deep',
  up: '../../..',
};

function layLinks(dir: string): void {
  mkdirSync(join(dir, 'deep'), { recursive: true });
  for (const [path, text] of Object.entries(LINKS)) symlinkSync(text, join(dir, path));
}

describe('links: record', () => {
  it('takes links from folder to folder, tombstones each in its place, and restores them', async () => {
    const { legacy, hamar, call, run } = planTo(folder('legacy', 'SG', recording), folder('hamar', 'NO', recording), {
      finish: 'tombstoned',
    });
    writeTree(legacy, { file: 'of the file', 'deep/empty': '' });
    layLinks(legacy);
    const inode = lstatSync(join(legacy, 'to-file')).ino;
    const { totals } = await run(0);
    expect(totals.states).toMatchObject({ tombstoned: 10 });
    expect(linksIn(hamar)).toEqual(LINKS);
    expect(readFileSync(join(hamar, 'to-file'), 'utf8')).toBe('of the file');
    expect(linksIn(legacy)).toEqual({});
    expect(readFileSync(join(legacy, 'to-file'), 'utf8')).toContain('ferry/tombstone/v1');
    expect(lstatSync(join(legacy, 'up')).isFile()).toBe(true);
    expect((await call('verify')).code).toBe(0);

    const restored = await call('restore');
    expect(restored.code, restored.stderr + restored.stdout).toBe(0);
    expect(linksIn(legacy)).toEqual(LINKS);
    expect(lstatSync(join(legacy, 'to-file')).ino).toBe(inode);
    expect(readFileSync(join(legacy, 'to-file'), 'utf8')).toBe('of the file');
    expect(existsSync(join(legacy, '.ferry-held'))).toBe(false);
  });

  it('leaves at the source a link that was re-pointed after its copy', async () => {
    const { legacy, hamar, run } = planTo(folder('legacy', 'SG', recording), folder('hamar', 'NO', recording), {
      finish: 'tombstoned',
    });
    layLinks(legacy);
    await run(0, '--until', 'verified');
    unlinkSync(join(legacy, 'up'));
    symlinkSync('elsewhere', join(legacy, 'up'));
    const { totals, unresolved } = await run(4);
    expect(totals.states).toMatchObject({ tombstoned: 7, conflict: 1 });
    expect(unresolved).toMatchObject([{ key: 'up', state: 'conflict' }]);
    expect(linksIn(legacy)).toEqual({ up: 'elsewhere' });
    expect(readlinkSync(join(hamar, 'up'))).toBe('../../..');
  });

  it('does not restore over a link that someone put in the place of the marker', async () => {
    const { legacy, call, run } = planTo(folder('legacy', 'SG', recording), folder('hamar', 'NO', recording), {
      finish: 'tombstoned',
    });
    symlinkSync('one', join(legacy, 'link'));
    await run(0);
    unlinkSync(join(legacy, 'link'));
    symlinkSync('two', join(legacy, 'link'));
    const restored = await call('restore');
    expect(restored.code, restored.stdout).toBe(4);
    expect(restored.stdout).toContain('written again after its tombstone');
    expect(readlinkSync(join(legacy, 'link'))).toBe('two');
  });

  it('finds that the centre has another link, or an empty file, in the place of the copy', async () => {
    const { legacy, hamar, run } = planTo(folder('legacy', 'SG', recording), folder('hamar', 'NO', recording));
    layLinks(legacy);
    mkdirSync(hamar);
    symlinkSync('elsewhere', join(hamar, 'up'));
    writeFileSync(join(hamar, 'round'), '');
    const { totals, unresolved } = await run(4);
    expect(totals.states).toMatchObject({ verified: 6, failed: 2 });
    expect(unresolved.map(({ key, reason }) => [key, reason])).toEqual([
      ['round', 'the bytes agree, but hamar has not kept link (none there, "deep/round" copied)'],
      ['up', 'the bytes agree, but hamar has not kept link ("elsewhere" there, "../../.." copied)'],
    ]);
  });

  it('names in the dry run that a folder without them would lose links, and copies them only if that is accepted', async () => {
    const { legacy, hamar, write, call, run } = planTo(folder('legacy', 'SG', recording), folder('hamar', 'NO'));
    layLinks(legacy);
    writeTree(legacy, { file: 'x' });
    const dry = documentOf<PlanDocument>(await call('plan'));
    expect(dry.partitions[0]?.losses).toEqual({ link: 8 });
    const { totals, unresolved } = await run(4);
    expect(totals.states).toMatchObject({ verified: 1, failed: 8 });
    expect(unresolved[0]?.reason).toContain('it would lose link at hamar');
    expect(readdirSync(hamar)).toEqual(['file']);
    write({ accept: ['link'] });
    expect((await run(0)).totals.states).toMatchObject({ verified: 9 });
    expect(statSync(join(hamar, 'up')).size).toBe(0);
    expect(linksIn(hamar)).toEqual({});
  });

  it('keeps links in a bucket as metadata, and makes links of them again', async () => {
    const bucket = await newBucket();
    const there = planTo(folder('legacy', 'SG', recording), bucketStore(bucket, 'NO'), { finish: 'tombstoned' });
    layLinks(there.legacy);
    const dry = documentOf<PlanDocument>(await there.call('plan'));
    expect(dry.partitions[0]?.losses).toEqual({});
    expect((await there.run(0)).totals.states).toMatchObject({ tombstoned: 8 });
    const head = await minioClient().send(new HeadObjectCommand({ Bucket: bucket, Key: 'odd é\u{1F600}' }));
    expect(head.ContentLength).toBe(0);
    expect(head.Metadata).toEqual({ 'ferry-link': encodeURIComponent('to é\u{1F600} =%') });

    const back = planTo(bucketStore(bucket, 'NO'), folder('hamar', 'IE', recording));
    expect((await back.run(0)).totals.states).toMatchObject({ verified: 8 });
    expect(linksIn(back.hamar)).toEqual(LINKS);

    const restored = await there.call('restore');
    expect(restored.code, restored.stderr + restored.stdout).toBe(0);
    expect(linksIn(there.legacy)).toEqual(LINKS);
  });

  it('tells of a link that is too long for the metadata of a bucket', async () => {
    const { legacy, write, call, run } = planTo(
      folder('legacy', 'SG', recording),
      bucketStore(await newBucket(), 'NO'),
    );
    symlinkSync('x'.repeat(3_000), join(legacy, 'long'));
    symlinkSync('short', join(legacy, 'short'));
    expect(documentOf<PlanDocument>(await call('plan')).partitions[0]?.losses).toEqual({ link: 1 });
    const { unresolved } = await run(4);
    expect(unresolved).toMatchObject([{ key: 'long', state: 'failed' }]);
    expect(unresolved[0]?.reason).toContain('it would lose link at hamar');
    write({ accept: ['link'] });
    expect((await run(0)).totals.states).toMatchObject({ verified: 2 });
  });
});

describe('links: follow', () => {
  it('copies the bytes that links inside lead to, reads nothing outside, and changes nothing at the source', async () => {
    const { dir, legacy, hamar, run } = planTo(folder('legacy', 'SG', { links: 'follow' }), folder('hamar', 'NO'));
    writeTree(legacy, { file: 'of the file', 'deep/other': 'other' });
    writeTree(dir, { 'outside/secret': 'theirs' });
    symlinkSync('../file', join(legacy, 'deep/up'));
    symlinkSync(join(legacy, 'deep/up'), join(legacy, 'twice'));
    symlinkSync('../outside/secret', join(legacy, 'escape'));
    symlinkSync('/etc/passwd', join(legacy, 'passwd'));
    symlinkSync('deep', join(legacy, 'folder'));
    for (const [from, to] of ['ab', 'bc', 'ca']) symlinkSync(to ?? '', join(legacy, from ?? ''));
    const before = factsIn(legacy);
    const { totals, unresolved } = await run(4);
    expect(totals.states).toMatchObject({ verified: 4, failed: 6 });
    const out = 'it is a symbolic link that leads out of the store';
    const circle = 'it is a symbolic link that leads round in a circle';
    const why = (reason: string) => reason.replace(/^.*?(?=it is )/, '');
    expect(Object.fromEntries(unresolved.map(({ key, reason }) => [key, why(reason)]))).toEqual({
      a: circle,
      b: circle,
      c: circle,
      escape: out,
      folder: 'it is a symbolic link to a folder, which ferry does not follow',
      passwd: out,
    });
    for (const key of ['deep/up', 'file', 'twice']) {
      expect(lstatSync(join(hamar, key)).isFile()).toBe(true);
      expect(readFileSync(join(hamar, key), 'utf8')).toBe('of the file');
    }
    expect(readdirSync(hamar).sort()).toEqual(['deep', 'file', 'twice']);
    expect(factsIn(legacy)).toEqual(before);

    // A source that was followed once is never tombstoned by a later change of the plan either.
    const refused = planTo(folder('legacy', 'SG', { links: 'follow' }), folder('hamar', 'NO'), {
      finish: 'tombstoned',
    });
    const ended = await refused.call('run', '--progress', 'none');
    expect(ended.code).toBe(2);
    expect(ended.stdout + ended.stderr).toContain('cannot go with');
  });

  it('takes what a link leads to by now, where it was re-pointed between two runs', async () => {
    const { legacy, hamar, run } = planTo(folder('legacy', 'SG', { links: 'follow' }), folder('hamar', 'NO'));
    writeTree(legacy, { one: 'first', two: 'second' });
    symlinkSync('one', join(legacy, 'link'));
    expect((await run(0)).totals.states).toMatchObject({ verified: 3 });
    unlinkSync(join(legacy, 'link'));
    symlinkSync('two', join(legacy, 'link'));
    const { unresolved } = await run(4);
    // The centre is never overwritten: a person has to say which of the two it is to be.
    expect(unresolved).toMatchObject([{ key: 'link', state: 'conflict' }]);
    expect(readFileSync(join(hamar, 'link'), 'utf8')).toBe('first');
  });
});

describe.runIf(hasXattrTools())('xattrs: carry', () => {
  const carrying = { xattrs: 'carry' };
  const wanted = { 'user.colour': Buffer.from('blue').toString('base64'), 'user.bytes': 'AP8=' };

  function layXattrs(dir: string): void {
    writeTree(dir, { plain: 'plain', rich: 'rich' });
    setXattrs(join(dir, 'rich'), { 'user.colour': 'blue', 'user.bytes': Buffer.from([0, 255]) });
  }

  it('takes them from folder to folder, and brings them back', async () => {
    const { legacy, hamar, call, run } = planTo(folder('legacy', 'SG', carrying), folder('hamar', 'NO', carrying), {
      finish: 'tombstoned',
    });
    layXattrs(legacy);
    expect((await run(0)).totals.states).toMatchObject({ tombstoned: 2 });
    expect(xattrsOf(join(hamar, 'rich'))).toEqual(wanted);
    expect(xattrsOf(join(hamar, 'plain'))).toEqual({});
    expect((await call('restore')).code).toBe(0);
    expect(xattrsOf(join(legacy, 'rich'))).toEqual(wanted);
  });

  it('leaves at the source a file whose attributes changed after its copy', async () => {
    const { legacy, run } = planTo(folder('legacy', 'SG', carrying), folder('hamar', 'NO', carrying), {
      finish: 'tombstoned',
    });
    layXattrs(legacy);
    await run(0, '--until', 'verified');
    setXattrs(join(legacy, 'rich'), { 'user.colour': 'red' });
    const { unresolved } = await run(4);
    expect(unresolved).toMatchObject([{ key: 'rich', state: 'conflict' }]);
    expect(readFileSync(join(legacy, 'rich'), 'utf8')).toBe('rich');
  });

  it('keeps them in a bucket as metadata, up to what that can hold, and names the rest as a loss', async () => {
    const bucket = await newBucket();
    const there = planTo(folder('legacy', 'SG', carrying), bucketStore(bucket, 'NO'));
    layXattrs(there.legacy);
    writeTree(there.legacy, { large: 'large' });
    setXattrs(join(there.legacy, 'large'), { 'user.large': Buffer.alloc(2_000, 1) });
    expect(documentOf<PlanDocument>(await there.call('plan')).partitions[0]?.losses).toEqual({ xattrs: 1 });
    expect((await there.run(4)).unresolved).toMatchObject([{ key: 'large', state: 'failed' }]);
    there.write({ accept: ['xattrs'] });
    expect((await there.run(0)).totals.states).toMatchObject({ verified: 3 });

    const back = planTo(bucketStore(bucket, 'NO'), folder('hamar', 'IE', carrying));
    expect((await back.run(0)).totals.states).toMatchObject({ verified: 3 });
    expect(['rich', 'plain', 'large'].map((key) => xattrsOf(join(back.hamar, key)))).toEqual([wanted, {}, {}]);
  });

  it('names in the dry run that a folder which does not carry them would lose them', async () => {
    const { legacy, call, run } = planTo(folder('legacy', 'SG', carrying), folder('hamar', 'NO'));
    layXattrs(legacy);
    expect(documentOf<PlanDocument>(await call('plan')).partitions[0]?.losses).toEqual({ xattrs: 1 });
    expect((await run(4)).unresolved).toMatchObject([{ key: 'rich', state: 'failed' }]);
  });
});

it('refuses a plan that carries extended attributes where the programs for it are not there', async () => {
  const { dir, legacy } = planTo(folder('legacy', 'SG', { xattrs: 'carry' }), folder('hamar', 'NO'));
  writeTree(legacy, { file: 'x' });
  const before = factsIn(legacy);
  const ended = await ferry(['run', join(dir, 'plan.json'), '--progress', 'none'], { PATH: tempDir() });
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain('install the package attr');
  expect(factsIn(legacy)).toEqual(before);
});
