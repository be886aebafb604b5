import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadPlan } from '../../../src/plan/load.ts';
import { changed, changedJson, changes, jsonChanges } from '../mutate.ts';
import { checkText, tame } from '../tame.ts';
import type { Target } from '../target.ts';

const PLAN = `apiVersion: ferry/v1
name: clover-eu
residency: { zone: [EEA, CH, GB] }
runner: { jurisdiction: IE }
stores:
  legacy: { type: file, path: ./legacy, jurisdiction: SG }
  hamar:
    type: s3
    endpoint: https://s3.hamar.example
    region: no-1
    bucket: users
    jurisdiction: NO
    credentials: { accessKeyIdEnv: HAMAR_KEY, secretAccessKeyEnv: HAMAR_SECRET }
  dublin: &d { type: file, path: "./\${WHERE:-centres}/dublin", jurisdiction: IE }
partitions:
  - name: nordic
    from: legacy
    select: { pattern: "users/{country}/{user}/**", where: { country: [NO, SE] }, shard: hash(user) % 64 in 0..31 }
    to: hamar
  - { name: rest, from: legacy, select: { prefix: users/ }, to: dublin }
exclude:
  - { from: legacy, prefix: tmp/, reason: scratch files }
finish: tombstoned
tombstone: { hold: 30d, approvals: 0 }
limits: { concurrency: 32, bandwidth: 200MiB/s, requests: 1000/s }
`;

const JSON_PLAN = {
  apiVersion: 'ferry/v1',
  name: 'small',
  residency: { zone: ['EEA'] },
  stores: {
    a: { type: 'file', path: 'a', jurisdiction: 'SG' },
    b: { type: 'file', path: 'b', jurisdiction: 'IE' },
  },
  partitions: [{ name: 'all', from: 'a', select: { prefix: '' }, to: 'b' }],
  limits: { windows: [] },
};

/** As many bytes as a plan may have, of what parsers find hard. */
const LARGE = 4 * 1024 * 1024 - 1;
const HARD: readonly string[] = [
  '[',
  '{',
  '- ',
  '? ',
  'a: ',
  '"',
  '#',
  '\n',
  '&a ',
  '!t ',
  '[],',
  'a: {}\n',
  '- x\n',
  '|\n',
  "'x'\n",
  '%',
  '\t',
  '---\n',
  'x',
];

const ALIASES = `a: &l0 [x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &l${i + 1} [*l${i}, *l${i}, *l${i}]`).join('\n')}\n`;

const EXAMPLES = [
  PLAN,
  `\ufeff${PLAN}`,
  ALIASES,
  'a: &a [*a]',
  `{"apiVersion":"ferry/v1","x":${'['.repeat(100_000)}`,
  `${PLAN}x: "\ud800"\n`,
  `${PLAN}? [a, b]\n: c\n`,
  `${PLAN}__proto__: { a: 1 }\n`,
  '\0'.repeat(1_000),
];

/** A plan of any bytes: valid ones that were damaged, in YAML and in JSON. */
export const plan: Target = {
  name: 'plan',
  runs: 300,
  begin: (dir) => {
    const file = join(dir, 'plan.yaml');
    const texts = fc.oneof(
      fc.tuple(fc.constant(Buffer.from(PLAN)), changes).map(([bytes, all]) => changed(bytes, all)),
      jsonChanges.map((all) => Buffer.from(JSON.stringify(changedJson(JSON_PLAN, all)))),
      fc.uint8Array({ maxLength: 60 }),
    );
    const property = fc.asyncProperty(texts, async (bytes) => {
      writeFileSync(file, bytes);
      const ended = await tame(async () => await loadPlan(file, { HOME: '/root' }));
      if (!ended.ok) throw ended.error;
      const { value } = ended;
      if (value.ok) return;
      if (value.problems.length === 0) throw new Error('it is refused without a reason');
      for (const { line, column, message } of value.problems) {
        checkText(message);
        if (!(line >= 1 && column >= 1)) throw new Error(`there is no place ${line}:${column}`);
      }
    });
    return { property, examples: EXAMPLES.map((text) => [Buffer.from(text)]) };
  },
};

/** The largest plans that are hard to read; each takes a while, so each is tried once. */
export const hardPlans: readonly (readonly [name: string, text: string])[] = HARD.map((part) => [
  JSON.stringify(part),
  part.repeat(LARGE / part.length),
]);
