import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { type Laid, layOut, planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';
import { digestsIn, factsIn, writeTree } from '../support/tree.ts';

interface RunDocument {
  readonly digest: string;
  readonly totals: {
    readonly objects: number;
    readonly bytes: number;
    readonly states: Readonly<Record<string, number>>;
  };
  readonly transferred: { readonly objects: number; readonly bytes: number };
  readonly unresolved: readonly {
    readonly key: string;
    readonly partition: string;
    readonly state: string;
    readonly reason: string;
  }[];
  readonly error?: { readonly why: string; readonly hint: string };
}

const run = async (laid: Laid, ...more: string[]): Promise<Ended> =>
  await ferry(['run', laid.plan, '--json', '--progress', 'none', ...more]);

function addsUp({ totals }: RunDocument): void {
  expect(Object.values(totals.states).reduce((sum, n) => sum + n, 0)).toBe(totals.objects);
}

describe('run', () => {
  it('moves each partition to its centre and puts tombstones in the place of the sources', async () => {
    const laid = layOut();
    const before = digestsIn(laid.legacy);
    const ended = await run(laid);
    expect(ended.code, ended.stderr).toBe(0);
    const document = documentOf<RunDocument>(ended);
    expect(document.totals).toMatchObject({ objects: 5, states: { tombstoned: 5 } });
    expect(document.transferred.objects).toBe(5);
    addsUp(document);
    const at = (dir: string) => digestsIn(dir);
    expect(at(laid.hamar)).toEqual(
      pick(before, ['users/NO/kari/a.json', 'users/NO/kari/empty', 'users/SE/sven/photo 1.jpg']),
    );
    expect(at(laid.dublin)).toEqual(pick(before, ['users/DE/jonas/b.json', 'users/IE/aoife/c.json']));
    const marker = JSON.parse(readFileSync(join(laid.legacy, 'users/NO/kari/a.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(marker).toMatchObject({
      format: 'ferry/tombstone/v1',
      plan: 'test',
      key: 'users/NO/kari/a.json',
      sha256: before['users/NO/kari/a.json'],
    });
    expect(readFileSync(join(laid.legacy, 'tmp/scratch'), 'utf8')).toBe('half');
  });

  it('ends where it is told to, and goes on from there', async () => {
    const laid = layOut();
    const before = factsIn(laid.legacy);
    for (const until of ['copied', 'verified']) {
      const document = documentOf<RunDocument>(await run(laid, '--until', until));
      expect(document.totals.states[until]).toBe(5);
      expect(factsIn(laid.legacy)).toEqual(before);
    }
    const document = documentOf<RunDocument>(await run(laid));
    expect(document.totals.states['tombstoned']).toBe(5);
    expect(document.transferred.objects).toBe(0);
  });

  it('takes only the partitions that are named', async () => {
    const laid = layOut();
    const document = documentOf<RunDocument>(await run(laid, '--partition', 'rest'));
    expect(document.totals.states).toMatchObject({ tombstoned: 2, planned: 3 });
    expect((await run(laid, '--partition', 'none')).code).toBe(2);
    for (const command of ['run', 'restore', 'purge', 'audit']) {
      const ended = await ferry([command, laid.plan, '--partition', 'nordci']);
      expect(ended.code).toBe(2);
      expect(ended.stderr).toContain('did you mean nordic? it has nordic, rest');
    }
  });

  it('a second time moves nothing and changes nothing', async () => {
    const laid = layOut();
    await run(laid);
    const [legacy, hamar] = [factsIn(laid.legacy), factsIn(laid.hamar)];
    const again = await run(laid);
    expect(again.code).toBe(0);
    expect(documentOf<RunDocument>(again).transferred).toEqual({ objects: 0, bytes: 0 });
    expect(factsIn(laid.legacy)).toEqual(legacy);
    expect(factsIn(laid.hamar)).toEqual(hamar);
  });

  it('takes what was written since', async () => {
    const laid = layOut();
    await run(laid);
    writeTree(laid.legacy, { 'users/SE/new/late.txt': 'late' });
    const document = documentOf<RunDocument>(await run(laid));
    expect(document.totals).toMatchObject({ objects: 6, states: { tombstoned: 6 } });
    expect(readFileSync(join(laid.hamar, 'users/SE/new/late.txt'), 'utf8')).toBe('late');
  });

  it('leaves what was written since to a later run where nothing is to be listed again, and says so', async () => {
    const laid = layOut();
    const first = await run(laid, '--until', 'copied', '--no-list');
    // A source that was never listed is.
    expect(documentOf<RunDocument>(first).totals).toMatchObject({ objects: 5, states: { copied: 5 } });
    writeTree(laid.legacy, { 'users/SE/new/late.txt': 'late' });
    const ended = await run(laid, '--no-list');
    expect(documentOf<RunDocument>(ended)).toMatchObject({
      relisted: false,
      totals: { objects: 5, states: { tombstoned: 5 } },
    });
    expect(ended.stderr).toContain('what was written since is not looked for');
    expect(documentOf<RunDocument>(await run(laid)).totals).toMatchObject({ objects: 6, states: { tombstoned: 6 } });
  });

  it('refuses objects that no rule names, before a byte moves', async () => {
    const laid = layOut();
    writeTree(laid.legacy, { 'forgotten/data.txt': 'x' });
    const ended = await run(laid);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('"forgotten/data.txt"');
    expect(existsSync(laid.hamar) ? digestsIn(laid.hamar) : {}).toEqual({});
    rmSync(join(laid.legacy, 'forgotten'), { recursive: true });
    expect((await run(laid)).code).toBe(0);
  });

  it('leaves them where the plan allows it', async () => {
    const laid = layOut({ unassigned: 'allow' });
    writeTree(laid.legacy, { 'forgotten/data.txt': 'x' });
    expect((await run(laid)).code).toBe(0);
    expect(readFileSync(join(laid.legacy, 'forgotten/data.txt'), 'utf8')).toBe('x');
  });

  it('refuses a missing legacy store instead of taking it for an empty one', async () => {
    const laid = layOut();
    rmSync(laid.legacy, { recursive: true });
    const ended = await run(laid);
    expect(ended.code).toBe(75);
    expect(ended.stderr).toContain('there is no folder');
    expect(ended.stderr).not.toContain('    at ');
  });

  it('refuses tombstones that need approvals nobody gave', async () => {
    const laid = layOut({ tombstone: { hold: '1d', approvals: 2 } });
    expect((await run(laid)).code).toBe(3);
    expect((await run(laid, '--until', 'verified')).code).toBe(0);
  });

  it('will not go beyond the finish that was reviewed', async () => {
    const laid = layOut({ finish: 'copied' });
    expect((await run(laid, '--until', 'tombstoned')).code).toBe(2);
  });

  it('refuses to go on with other stores under the same names', async () => {
    const laid = layOut({ finish: 'verified' });
    expect((await run(laid)).code).toBe(0);
    const document = planDocument();
    document.stores.hamar.path = './elsewhere';
    writeFileSync(laid.plan, JSON.stringify({ ...document, finish: 'verified' }));
    expect((await run(laid)).code).toBe(3);
  });

  it('lists a link as failed until the plan excludes it', async () => {
    const laid = layOut();
    symlinkSync('a.json', join(laid.legacy, 'users/NO/kari/link'));
    const ended = await run(laid);
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended).unresolved).toMatchObject([
      { key: 'users/NO/kari/link', state: 'failed', reason: expect.stringContaining('symbolic link') },
    ]);
    const exclude = [...planDocument().exclude, { from: 'legacy', pattern: 'users/**/link', reason: 'links' }];
    writeFileSync(laid.plan, JSON.stringify({ ...planDocument(), exclude }));
    const again = await run(laid);
    expect(again.code, again.stderr).toBe(0);
    expect(documentOf<RunDocument>(again).totals).toMatchObject({ objects: 5, states: { tombstoned: 5 } });
  });

  it('keeps its state out of every store', async () => {
    const document = planDocument();
    document.stores.legacy.path = '.';
    const laid = layOut(document);
    const ended = await run(laid, '--until', 'copied');
    expect(ended.code).toBe(2);
  });
});

describe('an object that changed', () => {
  it('after its copy is a conflict, and its source stays as it is', async () => {
    const laid = layOut();
    expect((await run(laid, '--until', 'verified')).code).toBe(0);
    writeFileSync(join(laid.legacy, 'users/NO/kari/a.json'), '{"n":9}');
    const ended = await run(laid);
    expect(ended.code).toBe(4);
    const document = documentOf<RunDocument>(ended);
    expect(document.totals.states).toMatchObject({ tombstoned: 4, conflict: 1 });
    expect(document.unresolved).toMatchObject([
      { key: 'users/NO/kari/a.json', partition: 'nordic', state: 'conflict' },
    ]);
    addsUp(document);
    expect(readFileSync(join(laid.legacy, 'users/NO/kari/a.json'), 'utf8')).toBe('{"n":9}');
    expect(readFileSync(join(laid.hamar, 'users/NO/kari/a.json'), 'utf8')).toBe('{"n":1}');
  });

  it('in its times only is read again and goes on', async () => {
    const laid = layOut();
    linkSync(join(laid.legacy, 'users/DE/jonas/b.json'), join(laid.legacy, 'users/DE/jonas/hard link'));
    expect((await run(laid, '--until', 'verified')).code).toBe(0);
    writeFileSync(join(laid.legacy, 'users/NO/kari/a.json'), '{"n":1}');
    const ended = await run(laid);
    expect(ended.code).toBe(0);
    expect(documentOf<RunDocument>(ended).totals.states).toMatchObject({ tombstoned: 6 });
    expect(documentOf<RunDocument>(ended).transferred.objects).toBe(0);
  });

  it('at the centre is an integrity fault, and its source stays as it is', async () => {
    const laid = layOut();
    expect((await run(laid, '--until', 'copied')).code).toBe(0);
    const file = join(laid.hamar, 'users/NO/kari/a.json');
    flipByte(file);
    const before = factsIn(join(laid.legacy, 'users/NO/kari'));
    const verified = await run(laid);
    expect(verified.code).toBe(5);
    expect(documentOf<RunDocument>(verified).unresolved).toMatchObject([
      { state: 'failed', key: 'users/NO/kari/a.json' },
    ]);
    expect(factsIn(join(laid.legacy, 'users/NO/kari')).filter((fact) => fact.startsWith('a.json'))).toEqual(
      before.filter((fact) => fact.startsWith('a.json')),
    );
    expect((await run(laid)).code, 'it stays one until someone mends it').toBe(5);
    rmSync(file);
    expect((await run(laid)).code, 'and is copied anew once the bad copy is gone').toBe(0);
  });

  it('at the centre after its tombstone is found by verify', async () => {
    const laid = layOut();
    await run(laid);
    expect((await ferry(['verify', laid.plan])).code).toBe(0);
    flipByte(join(laid.dublin, 'users/DE/jonas/b.json'));
    rmSync(join(laid.hamar, 'users/NO/kari/a.json'));
    const ended = await ferry(['verify', laid.plan, '--json']);
    expect(ended.code).toBe(5);
    expect(documentOf(ended)).toMatchObject({
      checked: 5,
      ok: 3,
      mismatched: [{ partition: 'nordic' }, { partition: 'rest' }],
    });
  });

  it('is never overwritten at a centre that holds other bytes; equal bytes are taken as the copy', async () => {
    const laid = layOut();
    writeTree(laid.hamar, { 'users/NO/kari/a.json': '{"x":1}', 'users/NO/kari/empty': '' });
    const planned = documentOf<{ partitions: unknown[] }>(await ferry(['plan', laid.plan, '--json']));
    expect(planned.partitions).toMatchObject([
      { name: 'nordic', objects: 3, alreadyThere: 1, conflicts: 1 },
      { conflicts: 0 },
    ]);
    const ended = await run(laid);
    expect(ended.code).toBe(4);
    const document = documentOf<RunDocument>(ended);
    expect(document.totals.states).toMatchObject({ conflict: 1, tombstoned: 4 });
    expect(document.transferred.objects).toBe(3);
    expect(readFileSync(join(laid.hamar, 'users/NO/kari/a.json'), 'utf8')).toBe('{"x":1}');
    expect(readFileSync(join(laid.legacy, 'users/NO/kari/a.json'), 'utf8')).toBe('{"n":1}');
  });

  it('has vanished before its copy is gone', async () => {
    const laid = layOut();
    expect((await run(laid, '--until', 'copied', '--partition', 'rest')).code).toBe(0);
    rmSync(join(laid.legacy, 'users/NO/kari/a.json'));
    const ended = await run(laid);
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended).totals.states).toMatchObject({ gone: 1, tombstoned: 4 });
  });
});

describe('restore', () => {
  it('brings every byte, mode and time back', async () => {
    const laid = layOut();
    const before = digestsIn(laid.legacy);
    const times = statSync(join(laid.legacy, 'users/NO/kari/a.json'));
    await run(laid);
    const ended = await ferry(['restore', laid.plan, '--json']);
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf<RunDocument>(ended).totals.states).toMatchObject({ restored: 5 });
    expect(digestsIn(laid.legacy, true)).toEqual(before);
    const now = statSync(join(laid.legacy, 'users/NO/kari/a.json'));
    expect([now.mtimeMs, now.mode, now.ino]).toEqual([times.mtimeMs, times.mode, times.ino]);
  });

  it('takes one key or one partition', async () => {
    const laid = layOut();
    await run(laid);
    expect(
      documentOf<RunDocument>(await ferry(['restore', laid.plan, '--json', '--key', 'users/DE/jonas/b.json'])).totals
        .states,
    ).toMatchObject({ restored: 1, tombstoned: 4 });
    expect(
      documentOf<RunDocument>(await ferry(['restore', laid.plan, '--json', '--partition', 'nordic'])).totals.states,
    ).toMatchObject({ restored: 4, tombstoned: 1 });
    expect((await ferry(['restore', laid.plan, '--key', 'no/such'])).code).toBe(2);
  });

  it('never overwrites what was written in the place of a tombstone', async () => {
    const laid = layOut();
    await run(laid);
    writeFileSync(join(laid.legacy, 'users/DE/jonas/b.json'), 'new words');
    const ended = await ferry(['restore', laid.plan, '--json']);
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended).totals.states).toMatchObject({ restored: 4, conflict: 1 });
    expect(readFileSync(join(laid.legacy, 'users/DE/jonas/b.json'), 'utf8')).toBe('new words');
  });

  it('is over when the hold is', async () => {
    const laid = layOut({ tombstone: { hold: '0s' } });
    await run(laid);
    const ended = await ferry(['restore', laid.plan, '--json']);
    expect(ended.code).toBe(4);
    expect(documentOf<RunDocument>(ended).totals.states).toMatchObject({ tombstoned: 5 });
  });
});

describe('plan', () => {
  it('changes nothing, and has one digest as long as the sources are the same', async () => {
    const laid = layOut();
    const before = factsIn(laid.dir);
    const first = await ferry(['plan', laid.plan, '--json']);
    expect(first.code, first.stderr).toBe(0);
    const second = await ferry(['plan', laid.plan, '--json']);
    expect(factsIn(laid.dir)).toEqual(before);
    const document = documentOf<RunDocument & { excluded: unknown }>(first);
    expect(documentOf<RunDocument>(second).digest).toBe(document.digest);
    expect(document).toMatchObject({
      totals: { objects: 5, bytes: 25 },
      excluded: { objects: 1, bytes: 4 },
      unassigned: { objects: 0, bytes: 0, sample: [] },
      partitions: [
        { name: 'nordic', from: 'legacy', to: 'hamar', objects: 3, alreadyThere: 0, conflicts: 0 },
        { name: 'rest', from: 'legacy', to: 'dublin', objects: 2 },
      ],
    });
    expect(documentOf<RunDocument>(await run(laid, '--until', 'verified')).digest).toBe(document.digest);
    appendFileSync(join(laid.legacy, 'users/NO/kari/a.json'), ' ');
    expect(documentOf<RunDocument>(await ferry(['plan', laid.plan, '--json'])).digest).not.toBe(document.digest);
  });

  it('lists what is unassigned, and ends well all the same', async () => {
    const laid = layOut();
    writeTree(laid.legacy, { 'forgotten/data.txt': 'x' });
    const ended = await ferry(['plan', laid.plan, '--json']);
    expect(ended.code).toBe(0);
    expect(documentOf(ended)).toMatchObject({ unassigned: { objects: 1, bytes: 1, sample: ['forgotten/data.txt'] } });
  });

  it('sees what runs have done', async () => {
    const laid = layOut();
    await run(laid, '--until', 'verified');
    expect(documentOf(await ferry(['plan', laid.plan, '--json']))).toMatchObject({
      partitions: [{ objects: 3, alreadyThere: 3 }, { alreadyThere: 2 }],
    });
    await run(laid);
    expect(documentOf(await ferry(['plan', laid.plan, '--json']))).toMatchObject({
      totals: { objects: 0 },
      partitions: [{ tombstones: 3 }, { tombstones: 2 }],
    });
  });
});

describe('one state directory', () => {
  it('is for one run at a time; status works meanwhile', async () => {
    const laid = layOut(
      { limits: { bandwidth: '128KiB/s' } },
      { 'users/NO/a': 'first', 'users/NO/big': Buffer.alloc(8_000_000, 7) },
    );
    const first = startFerry(['run', laid.plan, '--progress', 'none', '--log-level', 'info']);
    await once(first.child.stderr ?? process.stdin, 'data');
    const second = await run(laid);
    expect(second.code).toBe(75);
    expect(second.stderr).toContain(`process ${first.child.pid} `);
    const status = await ferry(['status', laid.plan, '--json']);
    expect(status.code).toBe(0);
    expect(documentOf<RunDocument>(status).totals.objects).toBe(2);
    let moved = 0;
    while (moved === 0)
      moved = documentOf<RunDocument>(await ferry(['status', laid.plan, '--json'])).transferred.objects;
    expect(moved).toBe(1);
    first.child.kill('SIGKILL');
    await first.ended;
    expect((await run(laid, '--until', 'copied', '--partition', 'rest')).code).not.toBe(75);
  }, 180_000);

  it('has zeros before the first run', async () => {
    const laid = layOut();
    const before = factsIn(laid.dir);
    const ended = await ferry(['status', laid.plan, '--json']);
    expect(ended.code).toBe(0);
    expect(documentOf(ended)).toMatchObject({
      totals: { objects: 0 },
      partitions: [{ name: 'nordic' }, { name: 'rest' }],
      unresolved: [],
    });
    expect(factsIn(laid.dir)).toEqual(before);
  });

  it('is private', async () => {
    const laid = layOut();
    await run(laid);
    const state = join(laid.dir, '.ferry/test');
    expect(statSync(state).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(state)) expect(statSync(join(state, name)).mode & 0o077, name).toBe(0);
  });
});

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  it('lets what is under way come to its end, and the next run goes on', async () => {
    const files = Object.fromEntries(Array.from({ length: 3_000 }, (_, n) => [`users/NO/u${n}`, `body ${n}`]));
    const laid = layOut({}, files);
    const started = startFerry(['run', laid.plan, '--json', '--progress', 'none', '--log-level', 'debug']);
    await untilSaid(started.child.stderr, '"to":"tombstoned"');
    started.child.kill(signal);
    const ended = await started.ended;
    expect(ended.code).toBe(130);
    expect(documentOf<RunDocument>(ended)).toMatchObject({ error: { fault: 'interrupted' } });
    const { states, objects } = documentOf<RunDocument>(ended).totals;
    expect(objects).toBe(3_000);
    expect(states['planned']).toBeGreaterThan(0);
    const again = await run(laid);
    expect(again.code).toBe(0);
    expect(documentOf<RunDocument>(again).totals.states['tombstoned']).toBe(3_000);
  }, 180_000);
});

describe('init', () => {
  it('writes a plan that runs as it is, and writes over nothing', async () => {
    const dir = join(tempDir(), 'new');
    expect((await ferry(['init', dir])).code).toBe(0);
    const plan = join(dir, 'plan.yaml');
    expect((await ferry(['validate', plan])).code).toBe(0);
    expect((await ferry(['plan', plan])).code).toBe(0);
    expect((await ferry(['run', plan])).code).toBe(0);
    const before = factsIn(dir);
    expect((await ferry(['init', dir])).code).toBe(2);
    expect(factsIn(dir)).toEqual(before);
  });
});

describe('output that nobody reads any more', () => {
  it('changes neither what is done nor the exit code', async () => {
    const laid = layOut();
    const { child, ended } = startFerry(['run', laid.plan]);
    child.stdout?.destroy();
    child.stderr?.destroy();
    expect((await ended).code).toBe(0);
    expect(Object.keys({ ...digestsIn(laid.hamar), ...digestsIn(laid.dublin) })).toHaveLength(5);
    const list = startFerry(['policy', 'list']);
    list.child.stdout?.destroy();
    const { code, stderr } = await list.ended;
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('usage', () => {
  it.each([
    [['run']],
    [['nonsense']],
    [['run', 'x', '--until', 'never']],
    [['run', 'x', '--no-such-option']],
    [['status', '/no/such/plan.yaml']],
  ])('%j is wrong: exit 2 and a hint', async (args) => {
    const ended = await ferry(args);
    expect(ended.code).toBe(2);
    expect(ended.stderr.length).toBeGreaterThan(10);
    expect(ended.stderr).not.toContain('    at ');
    expect(ended.stdout).toBe('');
  });

  it('--help and --version are no errors', async () => {
    expect(await ferry(['--help'])).toMatchObject({ code: 0 });
    expect((await ferry(['--version'])).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('logs are NDJSON in the file that is named', async () => {
    const laid = layOut();
    const log = join(laid.dir, 'log/ferry.log');
    mkdirSync(join(laid.dir, 'log'));
    await run(laid, '--log-file', log);
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'started',
      'inventory is complete',
    ]);
    expect(statSync(log).mode & 0o077).toBe(0);
  });
});

async function untilSaid(stream: NodeJS.ReadableStream | null, text: string): Promise<void> {
  let said = '';
  if (stream === null) throw new Error('no stream');
  while (!said.includes(text)) said += String((await once(stream, 'data'))[0]);
}

function pick(all: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, all[key] ?? 'missing']));
}

function flipByte(file: string): void {
  const data = readFileSync(file);
  data[0] = (data[0] ?? 0) ^ 1;
  writeFileSync(file, data);
}
