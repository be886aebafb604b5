import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compareUtf8 } from '../../src/base/order.ts';
import { parsePlan } from '../../src/plan/load.ts';
import { openRouter, type Router, sources } from '../../src/plan/router.ts';
import type { Plan } from '../../src/plan/types.ts';
import { tempDir } from '../support/temp.ts';

/** A plan with the legacy stores `old` and `older` and one centre. */
function planWith(partitions: string, exclude = '', files: Record<string, string> = {}): Plan {
  const dir = tempDir();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(dir, name), content);
  const text = `apiVersion: ferry/v1
name: routes
stores:
  old: { type: file, path: old, jurisdiction: SG }
  older: { type: file, path: older, jurisdiction: SG }
  centre: { type: file, path: centre, jurisdiction: IE }
partitions:
${partitions}
  - { name: last, from: older, select: { prefix: "only/" }, to: centre }
${exclude === '' ? '' : `exclude:\n${exclude}`}
`;
  const result = parsePlan(text, join(dir, 'plan.yaml'), {});
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.plan;
}

async function routerOf(plan: Plan): Promise<Router> {
  const router = await openRouter(plan);
  onTestFinished(() => router.close());
  return router;
}

const partition = (name: string, select: string, from = 'old') =>
  `  - { name: ${name}, from: ${from}, select: { ${select} }, to: centre }\n`;

describe('the rule', () => {
  test('an exclude wins, then the first partition, else the key is unassigned', async () => {
    const plan = planWith(
      partition('nordic', 'pattern: "users/{country}/{user}/**", where: { country: [NO, SE] }') +
        partition('rest', 'prefix: users/'),
      '  - { from: old, prefix: users/NO/test/, reason: tests }\n  - { from: older, prefix: users/, reason: moved before }\n',
    );
    const router = await routerOf(plan);
    expect(router.route('old', 'users/NO/alice/1')).toEqual({ to: 'partition', index: 0 });
    expect(router.route('old', 'users/DE/bernd/1')).toEqual({ to: 'partition', index: 1 });
    expect(router.route('old', 'users/NO/alice')).toEqual({ to: 'partition', index: 1 });
    expect(router.route('old', 'users/NO/test/1')).toEqual({ to: 'excluded', index: 0 });
    expect(router.route('old', 'logs/1')).toEqual({ to: 'unassigned' });
    expect(router.route('older', 'users/NO/alice/1')).toEqual({ to: 'excluded', index: 1 });
    expect(router.route('older', 'only/1')).toEqual({ to: 'partition', index: 2 });
    expect(router.route('centre', 'users/NO/alice/1')).toEqual({ to: 'unassigned' });
    expect([...router.unlisted('old')]).toEqual([]);
  });

  test('shards share the keys of a capture out between partitions, none twice and none left', async () => {
    const plan = planWith(
      partition('low', 'pattern: "u/{user}/*", shard: hash(user) % 8 in 0..2') +
        partition('high', 'pattern: "u/{user}/*", shard: hash(user) % 8 in 3..7'),
    );
    const router = await routerOf(plan);
    const indexes = Array.from({ length: 200 }, (_, i) => {
      const [one, two] = [router.route('old', `u/user${i}/a`), router.route('old', `u/user${i}/b`)];
      expect(one).toEqual(two);
      return one.to === 'partition' ? one.index : -1;
    });
    expect(new Set(indexes)).toEqual(new Set([0, 1]));
  });

  test('where with a capture called as members of objects are', async () => {
    const router = await routerOf(planWith(partition('p', 'pattern: "{constructor}/*", where: { constructor: a }')));
    expect(router.route('old', 'a/1').to).toBe('partition');
    expect(router.route('old', 'b/1').to).toBe('unassigned');
  });
});

test('sources are told as partitions, then excludes, name them first', () => {
  expect(sources(planWith(partition('p', 'prefix: a')))).toEqual(['old', 'older']);
  expect(sources(planWith(partition('p', 'prefix: a', 'older'), '  - { from: old, prefix: x, reason: y }'))).toEqual([
    'older',
    'old',
  ]);
});

describe('manifests', () => {
  const files = {
    'vip.txt': 'a\nb\nshared\nskipped\n',
    'more.ndjson': '"shared"\n"c"\n"users/d"\n',
    'out.txt': 'skipped\nhidden\n',
  };
  const plan = () =>
    planWith(
      partition('early', 'prefix: users/') +
        partition('vip', 'manifest: vip.txt') +
        partition('more', 'manifest: more.ndjson'),
      '  - { from: old, manifest: out.txt, reason: asked for }\n',
      files,
    );

  test('select the keys that they list, by the same rule', async () => {
    const router = await routerOf(plan());
    expect(router.route('old', 'a')).toEqual({ to: 'partition', index: 1 });
    expect(router.route('old', 'shared')).toEqual({ to: 'partition', index: 1 });
    expect(router.route('old', 'c')).toEqual({ to: 'partition', index: 2 });
    expect(router.route('old', 'users/d')).toEqual({ to: 'partition', index: 0 });
    expect(router.route('old', 'skipped')).toEqual({ to: 'excluded', index: 0 });
    expect(router.route('old', 'A')).toEqual({ to: 'unassigned' });
    expect(router.route('older', 'a')).toEqual({ to: 'unassigned' });
  });

  test('give the keys that no listing showed, once, with where they go', async () => {
    const router = await routerOf(plan());
    expect([...router.unlisted('old')]).toEqual([
      { key: 'a', index: 1 },
      { key: 'b', index: 1 },
      { key: 'c', index: 2 },
      { key: 'shared', index: 1 },
      { key: 'users/d', index: 0 },
    ]);
    for (const key of ['a', 'shared', 'nowhere']) router.route('old', key);
    expect([...router.unlisted('old')].map(({ key }) => key)).toEqual(['b', 'c', 'users/d']);
    expect([...router.unlisted('older')]).toEqual([]);
    for (const { key } of router.unlisted('old')) router.route('old', key);
    expect([...router.unlisted('old')]).toEqual([]);
  });

  test('hold keys of any kind, and more than fit into one page', async () => {
    const odd = ['\u0000', 'a\u0000b', '\n', 'é', 'e\u0301', '😀', '\uffff', 'a//b', '..', 'x'.repeat(1024)];
    const keys = [...odd, ...Array.from({ length: 2_500 }, (_, i) => `key/${i}`)];
    const text = keys.map((key) => JSON.stringify(key)).join('\n');
    const router = await routerOf(planWith(partition('p', 'manifest: all.ndjson'), '', { 'all.ndjson': text }));
    expect([...router.unlisted('old')].map(({ key }) => key)).toEqual(keys.toSorted(compareUtf8));
    for (const key of keys) expect(router.route('old', key)).toEqual({ to: 'partition', index: 0 });
    expect(router.route('old', 'a')).toEqual({ to: 'unassigned' });
    expect([...router.unlisted('old')]).toEqual([]);
  });

  test('agree with plain sets, whatever was listed', async () => {
    const keys = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(keys, keys, keys, keys, async (one, two, out, shown) => {
        const ndjson = (list: string[]) => list.map((key) => JSON.stringify(key)).join('\n');
        const made = planWith(
          partition('one', 'manifest: one.ndjson') + partition('two', 'manifest: two.ndjson'),
          '  - { from: old, manifest: out.ndjson, reason: r }\n',
          { 'one.ndjson': ndjson(one), 'two.ndjson': ndjson(two), 'out.ndjson': ndjson(out) },
        );
        const router = await openRouter(made);
        const expected = (key: string) =>
          out.includes(key)
            ? 'excluded 0'
            : one.includes(key)
              ? 'partition 0'
              : two.includes(key)
                ? 'partition 1'
                : 'unassigned';
        for (const key of shown) {
          const route = router.route('old', key);
          expect('index' in route ? `${route.to} ${route.index}` : route.to).toBe(expected(key));
        }
        const hidden = [...new Set([...one, ...two])].filter((key) => !shown.includes(key) && !out.includes(key));
        const found = [...router.unlisted('old')].map(({ key, index }) => `${key} partition ${index}`);
        expect(found).toEqual(hidden.toSorted(compareUtf8).map((key) => `${key} ${expected(key)}`));
        router.close();
      }),
      { numRuns: 30 },
    );
  });

  test('that are malformed stop the opening with file and line', async () => {
    const broken = planWith(partition('p', 'manifest: keys.ndjson'), '', { 'keys.ndjson': '"a"\n{}\n' });
    await expect(openRouter(broken)).rejects.toMatchObject({
      fault: 'usage',
      subject: expect.stringMatching(/keys\.ndjson:2$/),
    });
  });

  test('are read in little memory, however many keys they list', () => {
    // 400,000 keys of 100 bytes; held as strings they alone would not fit into the heap of the process below.
    const block = (from: number) =>
      Array.from({ length: 10_000 }, (_, i) => `${'users/alice/'.padEnd(90, 'x')}${from + i}\n`).join('');
    const blocks = Object.fromEntries([['keys.txt', Array.from({ length: 40 }, (_, i) => block(10_000 * i)).join('')]]);
    const plan = planWith(partition('p', 'manifest: keys.txt'), '', blocks);
    const script = `
      import { openRouter } from ${JSON.stringify(new URL('../../src/plan/router.ts', import.meta.url).href)};
      const router = await openRouter(JSON.parse(process.argv[1]));
      let count = 0;
      for (const { key } of router.unlisted('old')) { count += 1; router.route('old', key); }
      for (const _ of router.unlisted('old')) count += 1;
      router.close();
      console.log(count);`;
    const flags = ['--max-old-space-size=32', '--input-type=module', '-e', script];
    expect(execFileSync(process.execPath, [...flags, JSON.stringify(plan)], { encoding: 'utf8' })).toBe('400000\n');
  }, 60_000);

  test('leave nothing open after close, which may be called again', async () => {
    const router = await openRouter(plan());
    router.close();
    router.close();
    expect(() => router.route('old', 'a')).toThrow();
  });
});
