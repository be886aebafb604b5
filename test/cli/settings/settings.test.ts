import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { underCeiling } from '../../../src/cli/settings/ceiling.ts';
import { limitsAt } from '../../../src/plan/limits-at.ts';
import { limitsOf } from '../../../src/plan/resolve-limits.ts';
import { documentOf, type Ended, ferry } from '../../support/cli.ts';
import { type Laid, layOut } from '../../support/plan.ts';
import { tempDir } from '../../support/temp.ts';

/** A plan with a configuration beside it, and one of the user's. */
function withConfig(beside: string | undefined, users?: string): Laid & { env: Record<string, string> } {
  const laid = layOut({ limits: { concurrency: 8 } });
  const home = tempDir();
  if (beside !== undefined) writeFileSync(join(laid.dir, 'ferry.config.yaml'), beside);
  mkdirSync(join(home, 'ferry'));
  if (users !== undefined) writeFileSync(join(home, 'ferry', 'config.yaml'), users);
  return { ...laid, env: { XDG_CONFIG_HOME: home } };
}

const run = async ({ plan, env }: { plan: string; env: Record<string, string> }, ...more: string[]): Promise<Ended> =>
  await ferry(['run', plan, '--json', '--until', 'copied', ...more], env);

describe('a configuration', () => {
  it('gives defaults, which variables replace, and options both', async () => {
    const text = `logLevel: debug\nlogFile: ./logs/ferry.log\nprogress: json\nstateParent: state\nmaxConcurrency: \${MOST:-3}\n`;
    const laid = withConfig(text, 'progress: no such\n');
    const ended = await run(laid);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stderr).toContain('"type":"progress"');
    expect(readFileSync(join(laid.dir, 'logs', 'ferry.log'), 'utf8')).toContain('"started"');
    expect(existsSync(join(laid.dir, 'state', 'test', 'ledger.db'))).toBe(true);
    expect(existsSync(join(laid.dir, '.ferry'))).toBe(false);
    const status = documentOf(await ferry(['status', laid.plan, '--json'], laid.env));
    expect(status).toMatchObject({ totals: { states: { copied: 5 } }, limits: { concurrency: { value: 3 } } });

    const log = join(laid.dir, 'variable.log');
    const env = { ...laid.env, FERRY_PROGRESS: 'none', FERRY_LOG_FILE: log };
    expect((await run({ ...laid, env })).stderr).not.toContain('"type":"progress"');
    expect(existsSync(log)).toBe(true);
    const optioned = await run({ ...laid, env }, '--progress', 'json', '--state', join(laid.dir, 'third'));
    expect(optioned.stderr).toContain('"type":"progress"');
    expect(existsSync(join(laid.dir, 'third', 'ledger.db'))).toBe(true);
  });

  it('is the user’s where none is beside the plan, and none where FERRY_CONFIG is empty', async () => {
    const laid = withConfig(undefined, 'stateParent: state\n');
    expect((await run(laid)).code).toBe(0);
    expect(existsSync(join(laid.env['XDG_CONFIG_HOME'] ?? '', 'ferry', 'state', 'test', 'ledger.db'))).toBe(true);
    const none = layOut();
    expect((await run({ ...none, env: { ...laid.env, FERRY_CONFIG: '' } })).code).toBe(0);
    expect(existsSync(join(none.dir, '.ferry', 'test', 'ledger.db'))).toBe(true);
  });

  it('tells all that is wrong with its place, and nothing is changed', async () => {
    const laid = withConfig(
      '# mine\nlogLevle: debug\nyes: true\nuntil: copied\nprogress: fancy\nmaxConcurrency: 0\nsecretKey: hunter2\n',
    );
    const ended = await run(laid);
    expect(ended.code).toBe(2);
    const file = join(laid.dir, 'ferry.config.yaml');
    for (const line of [
      `${file}:2:1: logLevle: unknown field "logLevle"; did you mean "logLevel"?`,
      `${file}:3:1: yes: unknown field "yes"; expected one of logLevel,`,
      `${file}:4:1: until: unknown field "until"`,
      `${file}:5:11: progress: "fancy" is not known here; expected one of auto, tty, json, none`,
      `${file}:6:17: maxConcurrency: 0 is out of range`,
      `${file}:7:1: secretKey: a secret cannot stand in the configuration`,
      'ferry: the configuration does not validate; nothing was changed',
    ])
      expect(ended.stderr).toContain(line);
    expect(ended.stdout + ended.stderr).not.toContain('hunter2');
    expect(documentOf<{ errors: unknown[] }>(ended).errors).toHaveLength(6);
    expect(existsSync(join(laid.dir, '.ferry'))).toBe(false);
  });

  it.each([
    ['logLevel: [\n', ':2:1: '],
    ['a: 1\n---\nb: 2\n', 'a configuration file holds one'],
  ])('tells where %j is no YAML', async (text, said) => {
    const ended = await run(withConfig(text));
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(said);
  });

  it('may say nothing', async () => {
    expect((await run(withConfig('# logLevel: debug\n'))).code).toBe(0);
  });

  it('does not lead away from a ledger that is there', async () => {
    const laid = withConfig(undefined);
    expect((await run(laid)).code).toBe(0);
    writeFileSync(join(laid.dir, 'ferry.config.yaml'), 'stateParent: state\n');
    const ended = await run(laid);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('this plan has a ledger in');
    expect(existsSync(join(laid.dir, 'state'))).toBe(false);
    expect((await run(laid, '--state', join(laid.dir, '.ferry', 'test'))).code).toBe(0);
  });

  it('a variable with no such value is told by its name', async () => {
    const ended = await run({ ...layOut(), env: { FERRY_MAX_CONCURRENCY: '2000' } });
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('FERRY_MAX_CONCURRENCY: 2000 is out of range; expected a whole number');
  });
});

it('the ceiling lowers a concurrency, at all times, and never raises one', () => {
  const number = fc.integer({ min: 1, max: 1024 });
  fc.assert(
    fc.property(number, number, number, (planned, timed, most) => {
      const limits = limitsOf({
        concurrency: planned,
        windows: [{ from: '08:00', to: '20:00', zone: 'UTC', concurrency: timed }],
      });
      const under = underCeiling(limits, most);
      for (const at of [Date.UTC(2026, 1, 2, 12), Date.UTC(2026, 1, 2, 23)]) {
        const before = limitsAt(limits, at).concurrency.value;
        expect(limitsAt(under, at).concurrency.value).toBe(Math.min(before, most));
      }
    }),
  );
});
