import { on } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentOf, ferry, type Started, startFerry } from '../support/cli.ts';
import { layOut, USERS } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';
import { hasTmux, Terminal } from '../support/terminal.ts';

const HOSTILE = 'x\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\nfake';

/**
 * A plan whose run stands still in the middle, for its bandwidth: the partitions in the first half are done, the last of these has a link,
 * which needs a person, and the others wait for bytes.
 */
function standing(partitions: number) {
  const dir = tempDir();
  const names = Array.from({ length: partitions }, (_, at) => `region-${String(at + 1).padStart(3, '0')}`);
  const half = Math.ceil(partitions / 2);
  for (const [at, name] of names.entries()) {
    const folder = join(dir, 'legacy', name);
    mkdirSync(folder, { recursive: true });
    for (const user of ['aoife', 'kari']) writeFileSync(join(folder, user), Buffer.alloc(at < half ? 0 : 200_000));
    if (at === half - 1) symlinkSync('/nowhere', join(folder, HOSTILE));
  }
  const plan = join(dir, 'plan.json');
  writeFileSync(
    plan,
    JSON.stringify({
      apiVersion: 'ferry/v1',
      name: 'big',
      residency: { zone: ['EEA'] },
      runner: { jurisdiction: 'IE' },
      stores: {
        legacy: { type: 'file', path: './legacy', jurisdiction: 'SG' },
        dublin: { type: 'file', path: './dublin', jurisdiction: 'IE' },
      },
      partitions: names.map((name) => ({ name, from: 'legacy', select: { prefix: `${name}/` }, to: 'dublin' })),
      finish: 'copied',
      limits: { bandwidth: '1KiB/s', concurrency: 2 },
    }),
  );
  return plan;
}

/** Figures that are not the same each time, masked; where lines and columns are stays. In which order partitions stand is how they came. */
function masked(screen: string): string {
  const rows = screen.match(/^region-.*$/gm)?.toSorted() ?? [];
  return screen
    .replace(/^region-.*$/gm, () => rows.shift() ?? '')
    .replace(/^(ferry \S+ \S+), .*/m, '$1, TIME')
    .replace(/^(rate|left|slowest) {2}( *).*/gm, '$1  $2FIGURES')
    .replace(/ in \d.*s$/m, ' in TIME')
    .replace(/sha256:[0-9a-f]+/, 'sha256:DIGEST');
}

const captured = async (name: string, screen: string): Promise<void> => {
  await expect(`${masked(screen)}\n`).toMatchFileSnapshot(`../fixtures/screens/${name}.txt`);
};

const free = async (plan: string): Promise<void> => {
  expect((await ferry(['limits', plan, '--bandwidth', 'none'])).code).toBe(0);
};

describe.runIf(hasTmux())('ferry on a terminal', () => {
  it('shows 200 partitions on 80 columns, other sizes, a second terminal, and an end that fits', async () => {
    const plan = standing(200);
    const run = new Terminal(80, 24, ['run', plan]);
    await captured('200-on-80', await run.shows(/99 done/));
    expect(run.coloured).toContain('\u001b[');
    const watch = new Terminal(80, 24, ['status', plan, '--watch']);
    await captured('watch-200-on-80', await watch.shows(/99 done/));
    run.resize(200, 50);
    await captured('200-on-200', await run.shows(/and 160 more/));
    run.resize(60, 20);
    await captured('200-on-60', await run.shows(/and 190 more/));
    run.resize(80, 24);
    await run.shows(/and 186 more/);
    await free(plan);
    // An object needs a person: what looks on ends as the run does.
    await captured('end-200-on-80', await run.shows(/code 4$/));
    await captured('watch-end-200-on-80', await watch.shows(/code 4$/));
  });

  it('shows three partitions on 80 and on 200 columns, and is plain without colours', async () => {
    const plan = standing(3);
    const run = new Terminal(80, 24, ['run', plan], { NO_COLOR: '1' });
    await captured('3-on-80', await run.shows(/1 need a person/));
    expect(run.coloured).not.toContain('\u001b[');
    run.resize(200, 50);
    await captured('3-on-200', await run.shows(/#{20}/));
    const watch = new Terminal(80, 24, ['status', plan, '--watch']);
    await watch.shows(/region-003/);
    watch.type('q');
    expect(await watch.shows(/code \d+$/)).toMatch(/code 0$/);
    const other = new Terminal(80, 24, ['status', plan, '--watch']);
    await other.shows(/region-003/);
    other.type('C-c');
    expect(await other.shows(/code \d+$/)).toMatch(/code 130$/);
    await free(plan);
    await captured('end-3-on-200', await run.shows(/code 4$/));
    const none = new Terminal(80, 24, ['status', plan, '--watch']);
    expect(await none.shows(/code \d+$/)).toMatch(/nothing is at work on this plan[\s\S]*code 4$/);
  });

  it('draws nothing on a dumb terminal', async () => {
    const { plan } = layOut();
    const run = new Terminal(80, 24, ['run', plan], { TERM: 'dumb' });
    const screen = await run.shows(/code 0$/);
    expect(screen).toMatch(/^Plan test, finish: tombstoned/);
    expect(run.coloured).not.toContain('\u001b');
  });
});

async function said({ child }: Started, text: string): Promise<void> {
  let seen = '';
  for await (const [chunk] of on(child.stderr ?? child, 'data')) {
    seen += String(chunk);
    if (seen.includes(text)) return;
  }
}

describe('ferry status --watch', () => {
  it('ends as a run ends that is killed, and tells that', async () => {
    const plan = standing(3);
    const run = startFerry(['run', plan, '--progress', 'json']);
    await said(run, '"errors":{"failed":1}');
    const watch = startFerry(['status', plan, '--watch', '--json', '--log-level', 'info']);
    await said(watch, '"watching"');
    run.child.kill('SIGKILL');
    const { code, stderr, stdout } = await watch.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('its process ended in the middle');
    expect(JSON.parse(stdout)).toMatchObject({ plan: 'big', lastRun: { command: 'run' } });
    await run.ended;
  });

  it('shows a plan of which nothing is at work once, and says so', async () => {
    const { plan } = layOut();
    const before = await ferry(['status', plan, '--watch']);
    expect(before).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing is at work on this plan') });
    expect(before.stdout).toContain('No run of this plan has begun yet.');
  });
});

describe('ferry without a terminal', () => {
  it('is quiet in pipes', async () => {
    const ended = await ferry(['run', layOut().plan], { CI: '' });
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).not.toContain('\u001b');
  });

  it('gives lines of JSON, at the beginning and at the end at least', async () => {
    const { plan } = layOut();
    const { stderr } = await ferry(['run', plan, '--progress', 'json']);
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.length).toBeGreaterThanOrEqual(2);
    for (const line of lines) expect(line).toMatchObject({ type: 'progress', plan: 'test', command: 'run' });
    expect(lines.at(0)).toMatchObject({ ended: false });
    expect(lines.at(-1)).toMatchObject({
      ended: true,
      totals: { objects: 5, done: 5, unresolved: 0 },
      partitions: [
        { name: 'nordic', objects: 3, done: 3 },
        { name: 'rest', objects: 2, done: 2 },
      ],
    });
    const none = await ferry(['run', plan, '--progress', 'none']);
    expect(none.stderr).toBe('');
  });

  it('lets no key give orders to a terminal, in text, log, lines or document', async () => {
    const { plan, legacy } = layOut({}, { ...USERS, [`users/NO/${HOSTILE}`]: 'x' });
    symlinkSync('/nowhere', join(legacy, 'users/SE', HOSTILE));
    const all = [
      await ferry(['plan', plan]),
      await ferry(['run', plan, '--log-level', 'debug', '--progress', 'json']),
      await ferry(['scan', plan, '--all']),
    ];
    const last = await ferry(['status', plan, '--json']);

    for (const { stdout, stderr } of [...all, last]) {
      expect(`${stdout}${stderr}`.replaceAll(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    const { unresolved } = documentOf<{ unresolved: { key: string }[] }>(last);
    expect(unresolved.map(({ key }) => key)).toEqual([`users/SE/${HOSTILE}`]);
  });
});
