import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${ROOT}docs/security.md`, 'utf8');

it('names tests that are there', () => {
  const named = [...new Set([...text.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file ?? ''))];
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((file) => !existsSync(ROOT + file))).toEqual([]);
});

it('names a test for each claim', () => {
  const claims = text
    .slice(text.indexOf('## From whom'), text.indexOf('## Secrets'))
    .split(/\n(?=- |\n)/)
    .filter((item) => item.startsWith('- ') && !item.startsWith('- **Does not hold:**'));
  expect(claims.length).toBeGreaterThan(15);
  expect(claims.filter((claim) => !/Checked\s+in\s+`test\//.test(claim))).toEqual([]);
});

it('says for each who they are, and what does not hold against them', () => {
  const actors = text.slice(text.indexOf('## From whom'), text.indexOf('## Secrets')).split('\n### ').slice(1);
  expect(actors.length).toBe(9);
  expect(actors.filter((actor) => !actor.includes('**Does not hold:**')).map((actor) => actor.split('\n')[0])).toEqual(
    [],
  );
});

it('is linked, with the way to report, from the first page', () => {
  const readme = readFileSync(`${ROOT}README.md`, 'utf8');
  for (const file of ['docs/security.md', 'SECURITY.md']) expect(readme).toContain(`](${file})`);
  expect(JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')).files).toContain('SECURITY.md');
});
