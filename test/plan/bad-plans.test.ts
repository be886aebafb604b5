import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadPlan } from '../../src/plan/load.ts';

interface Expected {
  readonly exit: 2 | 3;
  /** All of them, in order; `message` is a regular expression. */
  readonly problems?: readonly { line: number; column: number; message: string }[];
}

const folder = join(import.meta.dirname, '../fixtures/bad-plans');
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>;
const env = { FIXTURE_SECRET: 'PLANTEDsecretValue', FIXTURE_EMPTY: '' };

function snapshot(): readonly string[] {
  return readdirSync(folder, { recursive: true }).map((name) => {
    const { mtimeMs, size } = statSync(join(folder, String(name)));
    return `${name} ${mtimeMs} ${size}`;
  });
}

test('every fixture is expected, and every expectation has its fixture', () => {
  const files = readdirSync(folder).filter((name) => name !== 'expected.json');
  expect(files.toSorted()).toEqual(Object.keys(expected).toSorted());
  expect(files.length).toBeGreaterThanOrEqual(60);
});

for (const [name, { exit, problems = [] }] of Object.entries(expected)) {
  if (exit === 3) {
    test(`${name} loads, since only its residency is wrong`, async () => {
      expect(await loadPlan(join(folder, name), env)).toMatchObject({ ok: true });
    });
    continue;
  }
  test(`${name} is refused at the right places`, async () => {
    const before = snapshot();
    const file = join(folder, name);
    const result = await loadPlan(file, env);
    expect(result.ok).toBe(false);
    const found = result.ok ? [] : result.problems;
    expect(found.map(({ line, column }) => ({ line, column }))).toEqual(
      problems.map(({ line, column }) => ({ line, column })),
    );
    for (const [i, problem] of found.entries()) {
      expect(problem.file).toBe(file);
      expect(problem.message).toMatch(new RegExp(problems[i]?.message ?? '$nothing'));
    }
    expect(JSON.stringify(found)).not.toContain('PLANTED');
    expect(snapshot()).toEqual(before);
  });
}
