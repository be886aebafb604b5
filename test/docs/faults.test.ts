import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { faultRows, isSaid } from '../support/faults-table.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = 'test/e2e/faults';

it('docs/faults.md has a row for each test of a fault, with its file, and for no other', () => {
  const tests = readdirSync(ROOT + FOLDER)
    .filter((name) => name.endsWith('.test.ts'))
    .flatMap((name) => {
      const file = `${FOLDER}/${name}`;
      const source = readFileSync(ROOT + file, 'utf8');
      return [...source.matchAll(/\b(?:fault|eachWay)\(\s*'([^']+)'/g)].map(([, test]) => `${test} | ${file}`);
    });
  const rows = faultRows().map(({ name, file }) => `${name} | ${file}`);
  expect(tests.length).toBeGreaterThan(20);
  expect(rows.toSorted()).toEqual(tests.toSorted());
});

it('docs/faults.md names tests of other faults that are there', () => {
  const text = readFileSync(`${ROOT}docs/faults.md`, 'utf8');
  const told = [...text.matchAll(/\]\(\.\.\/(test\/[^)]+)\)(?:: `([^`]+)`)? \|$/gm)];
  expect(told.length).toBeGreaterThan(faultRows().length);
  for (const [, file = '', test] of told) {
    expect(existsSync(ROOT + file), file).toBe(true);
    if (test !== undefined) expect(readFileSync(ROOT + file, 'utf8')).toContain(`'${test}'`);
  }
});

it('every row with an exit code other than 0 has words, and no other words pass for them', () => {
  for (const { name, message, code } of faultRows()) {
    if (code !== 0) expect(message, name).not.toBe('');
    if (message !== '') expect(isSaid(message, 'Plan test, finish: tombstoned'), name).toBe(false);
  }
});
