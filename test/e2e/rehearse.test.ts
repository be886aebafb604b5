import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../src/rehearsal/checks.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { layOut, planDocument } from '../support/plan.ts';
import { digestsIn } from '../support/tree.ts';

interface Document {
  readonly verdict: string;
  readonly kills: number;
  readonly lateWrites: number;
  readonly restarts: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly checks: readonly Check[];
  readonly problems: readonly string[];
  readonly leftOut: readonly string[];
}

const states = ({ checks }: Document) => Object.fromEntries(checks.map(({ id, state }) => [id, state]));

/** Buckets that nobody can reach: whoever asked them would fail. */
function bucketPlan(change: object = {}) {
  const bucket = (host: string, jurisdiction: string, keys: string) => ({
    type: 's3',
    endpoint: `https://${host}.invalid`,
    region: 'x-1',
    bucket: 'users',
    jurisdiction,
    credentials: { accessKeyIdEnv: `${keys}_KEY`, secretAccessKeyEnv: `${keys}_SECRET` },
  });
  const stores = {
    legacy: bucket('legacy', 'SG', 'LEGACY'),
    hamar: { ...bucket('hamar', 'NO', 'HAMAR'), encryption: { type: 'SSE-KMS', keyId: 'arn:real' } },
    dublin: { type: 'file', path: './dublin', jurisdiction: 'IE' },
  };
  return layOut({ ...planDocument(), stores, tombstone: { hold: '30d' }, ...change }, {});
}

describe('ferry rehearse', () => {
  it('takes a plan through kills and a flaky network, and reports each rule', async () => {
    const laid = bucketPlan();
    const before = digestsIn(laid.dir);
    const junit = join(laid.dir, 'junit.xml');
    const args = ['rehearse', laid.plan, '--users', '12', '--sizes', 'small', '--kills', '2', '--seed', '5'];
    const ended = await ferry([...args, '--junit', junit, '--json']);
    const document = documentOf<Document>(ended);
    expect(ended.code, ended.stdout).toBe(0);
    expect(document).toMatchObject({ verdict: 'pass', scenario: 'flaky', seed: 5, objects: 63, problems: [] });
    const { 'late-writes': late, ...rest } = states(document);
    expect(late).toBe('skipped');
    if (document.kills === 2) expect(new Set(Object.values(rest))).toEqual(new Set(['passed']));
    expect(Object.values(document.faults).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
    const xml = readFileSync(junit, 'utf8');
    expect(xml.match(/<testcase /g)).toHaveLength(document.checks.length);
    expect(xml).toContain('failures="0"');
    // Nothing of the plan's own was touched, and nothing is left.
    const { 'junit.xml': _, ...after } = digestsIn(laid.dir);
    expect(after).toEqual(before);
    expect(existsSync(join(laid.dir, '.ferry'))).toBe(false);
  }, 300_000);

  it('takes whole histories through a hostile one: others write and delete, bits turn over, servers are killed', async () => {
    const [nordic, rest] = planDocument().partitions;
    const laid = bucketPlan({ partitions: [{ ...nordic, versions: 'all' }, rest] });
    const args = [
      'rehearse',
      laid.plan,
      '--scenario',
      'hostile',
      '--users',
      '6',
      '--sizes',
      'small',
      '--kills',
      '2',
      '--seed',
      '11',
    ];
    const ended = await ferry([...args, '--json']);
    const document = documentOf<Document>(ended);
    expect(document.problems).toEqual([]);
    expect(ended.code, ended.stdout).toBe(0);
    expect(document.lateWrites).toBeGreaterThan(0);
    expect(states(document)['late-writes']).toBe('passed');
  }, 300_000);

  it('finds a copy that was altered behind its back: exit code 5 and a failed test case', async () => {
    const laid = layOut();
    const junit = join(laid.dir, 'junit.xml');
    const args = ['rehearse', laid.plan, '--scenario', 'calm', '--users', '4', '--sizes', 'small', '--seed', '2'];
    const ended = await ferry([...args, '--sabotage', 'altered-copy', '--junit', junit]);
    expect(ended.code, ended.stderr).toBe(5);
    expect(ended.stdout).toMatch(/^FAILED {2}copies: .*\n {9}legacy "users\/.*": at hamar is an object with SHA-256/m);
    expect(ended.stdout).toMatch(/^FAILED {2}purge: /m);
    expect(ended.stdout).toMatch(/^ok {6}verify: /m);
    expect(ended.stdout).toMatch(/rehearsal of test: fail \(scenario calm, /);
    const xml = readFileSync(junit, 'utf8');
    expect(xml).toMatch(/<testcase [^>]*name="copies: [^>]*>\n {6}<failure /);
    expect(xml).toContain('failures="3"');
    expect(ended.stdout).toMatch(/^FAILED {2}rule-1: /m);
  }, 300_000);

  it('says what it leaves out of a plan, and that a plan that empties nothing restores and purges nothing', async () => {
    const laid = layOut({ finish: 'verified', drift: { objects: 3 }, limits: { bandwidth: '1MiB/s' } });
    const mine = { FERRY_STATE_PARENT: join(laid.dir, 'state') };
    const ended = await ferry(
      ['rehearse', laid.plan, '--scenario', 'calm', '--objects', '9', '--users', '3', '--json'],
      mine,
    );
    expect(ended.code, ended.stdout).toBe(0);
    // What the operator set for the real plan is not for its rehearsal.
    expect(readdirSync(laid.dir).sort()).toEqual(['legacy', 'plan.json']);
    const document = documentOf<Document>(ended);
    expect(states(document)).toMatchObject({ restore: 'skipped', purge: 'skipped', sources: 'passed' });
    expect(document.leftOut.map((what) => what.split(':')[0])).toEqual(['drift', 'limits other than concurrency']);
  }, 120_000);

  it.each([
    ['--users', '0'],
    ['--seed', '1.5'],
    ['--sizes', 'huge'],
    ['--sealed', 'plan.json'],
    ['--sealed', 'nowhere.json'],
  ])('refuses %s %s, and starts nothing', async (option, value) => {
    const laid = layOut();
    const given = option === '--sealed' ? join(laid.dir, value) : value;
    const ended = await ferry(['rehearse', laid.plan, option, given]);
    expect(ended.code, ended.stderr).toBe(2);
    expect(ended.stderr).not.toContain('go through tombstone');
  });
});
