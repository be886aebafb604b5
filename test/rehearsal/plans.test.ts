import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EXAMPLES = ['by-country', 'by-users', 'clover', 'nfs'];

it.each(EXAMPLES)('plans/%s.yaml really rehearses', async (name) => {
  const plan = join(ROOT, 'plans', `${name}.yaml`);
  const ended = await ferry([
    'rehearse',
    plan,
    '--scenario',
    'calm',
    '--users',
    '2',
    '--sizes',
    'small',
    '--seed',
    '1',
    '--json',
  ]);
  expect(ended.code, ended.stdout + ended.stderr).toBe(0);
  const document = documentOf<{ checks: { id: string; state: string }[] }>(ended);
  expect(document).toMatchObject({ plan: name, verdict: 'pass', problems: [] });
  const passed = document.checks.filter(({ state }) => state === 'passed').map(({ id }) => id);
  expect(passed).toEqual(
    expect.arrayContaining(['rule-1', 'rule-2', 'rule-4', 'copies', 'sources', 'verify', 'evidence', 'scan']),
  );
});

it('every plan of plans/ is an example that is named in docs/plan.md, or the quick start', () => {
  const there = readdirSync(join(ROOT, 'plans')).filter((file) => file.endsWith('.yaml'));
  expect(there.sort()).toEqual([...EXAMPLES, 'quickstart'].sort().map((name) => `${name}.yaml`));
  const text = readFileSync(join(ROOT, 'docs/plan.md'), 'utf8');
  for (const name of EXAMPLES) expect(text).toContain(`plans/${name}.yaml`);
});
