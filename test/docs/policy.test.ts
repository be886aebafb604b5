import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { RULES } from '../../src/policy/rules.ts';

const text = readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8');

it('tells each rule as the table has it', () => {
  const told = text.slice(text.indexOf('<!-- rules -->'), text.indexOf('<!-- /rules -->'));
  const rows = told.split('\n').filter((line) => line.startsWith('| R'));
  expect(rows).toEqual(
    RULES.map(({ id, title, reason, doesNotCover }) => `| ${id} | ${title} | ${reason} | ${doesNotCover} |`),
  );
});

it('tells each rule in the table of plan.md too', () => {
  const plan = readFileSync(new URL('../../docs/plan.md', import.meta.url), 'utf8');
  for (const { id } of RULES) expect(plan).toContain(`| ${id} |`);
});
