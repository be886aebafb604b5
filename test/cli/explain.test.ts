import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { TOPICS, type Topic } from '../../src/cli/explain/topics.ts';
import { STATES } from '../../src/ledger/lifecycle.ts';
import { RULES } from '../../src/policy/rules.ts';
import { documentOf, ferry } from '../support/cli.ts';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

it('knows every state, exit code, rule and finding, and lists them', async () => {
  const ended = await ferry(['explain', '--json']);
  expect(ended.code).toBe(0);
  const { topics } = documentOf<{ topics: Topic[] }>(ended);
  const of = (kind: string) => topics.filter((topic) => topic.kind === kind).map(({ word }) => word);
  expect(of('state')).toEqual([...STATES]);
  expect(of('exit code')).toEqual(['0', '1', '2', '3', '4', '5', '75', '130']);
  expect(of('rule')).toEqual(RULES.map(({ id }) => id));
  // Whatever the sources give as the rule of a finding is there.
  const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const given = sources.flatMap((name) => [...readFileSync(join(SRC, name), 'utf8').matchAll(/\brule: '([a-z-]+)'/g)]);
  expect(new Set(given.map(([, rule]) => rule)).size).toBeGreaterThan(5);
  expect(of('finding')).toEqual(expect.arrayContaining(given.map(([, rule]) => rule)));
  expect(TOPICS.every(({ means, next }) => means !== '' && next !== '')).toBe(true);
  const { stdout } = await ferry(['explain']);
  for (const { word } of TOPICS) expect(stdout).toMatch(new RegExp(`^${word} `, 'm'));
});

it('tells what to do of one, whatever its case, and of both where a word is of two kinds', async () => {
  expect((await ferry(['explain', 'r005'])).stdout).toContain('rule R005: whoever holds the keys');
  expect((await ferry(['explain', '75'])).stdout).toContain('what to do: run again later');
  const { stdout } = await ferry(['explain', 'conflict']);
  expect(stdout).toMatch(/^state conflict: /m);
  expect(stdout).toMatch(/^finding conflict: /m);
});

it('asks whether another word was meant', async () => {
  const ended = await ferry(['explain', 'tombstond']);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('did you mean tombstoned?');
  expect((await ferry(['explain', 'xyzzy'])).stderr).not.toContain('did you mean');
  expect((await ferry(['rum', 'plan.yaml'])).stderr).toContain('Did you mean run?');
  expect((await ferry(['run', 'plan.yaml', '--untill', 'copied'])).stderr).toContain('Did you mean --until?');
});
