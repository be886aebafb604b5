import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { drawSample } from '../../src/evidence/sample.ts';

const text = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8');

it('tells a stranger how to draw the same sample', () => {
  const [, program = ''] = /```python\n([\s\S]*?)```/.exec(text) ?? [];
  expect(program).toContain('def draw(');
  const cases = [
    ['seed', 1_000, 10],
    ['Los 7, 12, 31 – Ørsted', 1_000_000, 50],
    ['all', 20, 20],
    ['none', 20, 0],
    ['wide', 3 * 2 ** 46, 200],
  ] as const;
  const asked = `import hashlib, json, sys\n${program}\nprint(json.dumps([draw(*one) for one in json.load(sys.stdin)]))`;
  const drawn: unknown = JSON.parse(
    execFileSync('python3', ['-c', asked], { input: JSON.stringify(cases), encoding: 'utf8' }),
  );
  expect(drawn).toEqual(cases.map(([seed, population, size]) => drawSample(seed, population, size)));
  expect(text).toContain(`10 of 1000: ${drawSample('seed', 1_000, 10).join(', ')}.`);
});
