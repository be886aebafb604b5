import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';
import { factsIn } from '../support/tree.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/bad-plans', import.meta.url));

interface Expected {
  readonly exit: number;
  readonly problems: readonly { readonly line: number; readonly column: number; readonly message: string }[];
}

interface Place {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly severity?: string;
}

const expected = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Record<string, Expected>;
const env = { FIXTURE_SECRET: 'planted-secret-1234', FIXTURE_EMPTY: '' };

describe('bad plans', () => {
  it('are at least 60', () => {
    expect(Object.keys(expected).length).toBeGreaterThanOrEqual(60);
    expect(
      readdirSync(FIXTURES)
        .filter((name) => /^\d{3}-/.test(name))
        .sort(),
    ).toEqual(Object.keys(expected).sort());
  });

  it('are each refused with line and column, and nothing is touched', async () => {
    const dir = tempDir();
    cpSync(FIXTURES, dir, { recursive: true });
    const before = factsIn(dir);
    const names = Object.keys(expected);
    for (let at = 0; at < names.length; at += 4) {
      await Promise.all(
        names.slice(at, at + 4).map((name) => refused(join(dir, name), expected[name] ?? { exit: 2, problems: [] })),
      );
    }
    expect(factsIn(dir)).toEqual(before);
  }, 300_000);
});

async function refused(plan: string, { exit, problems }: Expected): Promise<void> {
  const validated = await ferry(['validate', plan, '--json'], env);
  expect(validated.code, `${plan}\n${validated.stderr}`).toBe(exit);
  const { valid, errors, findings } = documentOf<{ valid: boolean; errors: Place[]; findings: Place[] }>(validated);
  expect(valid).toBe(false);
  const told = exit === 2 ? errors : findings.filter((finding) => finding.severity === 'error');
  expect(told.length, plan).toBeGreaterThan(0);
  for (const { line, column } of told) {
    expect(line).toBeGreaterThan(0);
    expect(column).toBeGreaterThan(0);
  }
  if (exit === 2) {
    expect(told.map(({ line, column }) => [line, column])).toEqual(problems.map(({ line, column }) => [line, column]));
  }
  for (const place of told) expect(validated.stderr).toContain(`${plan}:${place.line}:${place.column}: `);
  // Every command reads plans in the one way; a few are enough to show it.
  const isShown = exit === 3 || Number(basename(plan).slice(0, 3)) % 5 === 0;
  const ran = isShown ? await ferry(['run', plan, '--json'], env) : validated;
  expect(ran.code, plan).toBe(exit);
  for (const ended of [validated, ran]) {
    expect(`${ended.stdout}${ended.stderr}`).not.toContain('planted-secret');
    expect(ended.stderr).not.toContain('    at ');
  }
}
