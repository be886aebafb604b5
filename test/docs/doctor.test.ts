import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CAPABILITIES } from '../../src/migration/capabilities.ts';

it('docs/doctor.md has a row for each capability that doctor tries, and for no other', () => {
  const text = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| `[a-z0-9-]+` \| (both|s3|file) \|/.test(line));
  const told = rows.map((row) =>
    row
      .split('|')
      .slice(1, 4)
      .map((cell) => cell.trim()),
  );
  const known = CAPABILITIES.map(({ id, kinds, means }) => [`\`${id}\``, kinds?.join() ?? 'both', means]);
  expect(told).toEqual(known);
});
