import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, test } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';
import { examplesOf } from '../../src/cli/reference/examples.ts';
import { generatedFiles } from '../../src/cli/reference/generated.ts';
import { modelOf } from '../../src/cli/reference/model.ts';
import { planFields } from '../../src/cli/reference/plan-fields.ts';
import { ferry } from '../support/cli.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const commands = modelOf(
  makeProgram(() => undefined),
  examplesOf,
);

it.each([...generatedFiles().keys()])('%s is what `npm run generate` makes', (path) => {
  expect(readFileSync(join(ROOT, path), 'utf8')).toBe(generatedFiles().get(path));
});

it('has every command with examples that call it rightly', () => {
  expect(commands.length).toBeGreaterThan(20);
  for (const { path, examples } of commands) {
    if (path.length === 0) continue;
    expect(examples, path.join(' ')).not.toEqual([]);
    for (const [line] of examples) {
      const call = /ferry ([^)|>]*)/.exec(line)?.[1]?.split(' ') ?? [];
      expect(call.slice(0, path[0] === call[0] ? 1 : 0), line).toEqual([path[0]]);
      const its = commands.filter((one) => one.path.every((word, at) => word === call[at])).at(-1);
      const known = [...(its?.options.map(({ long }) => long) ?? []), '--help'];
      for (const option of call.filter((word) => word.startsWith('--'))) expect(known, line).toContain(option);
    }
  }
});

it('has every field of a plan with what it means', () => {
  const fields = planFields();
  expect(fields.map(({ path }) => path)).toEqual(
    expect.arrayContaining([
      'apiVersion',
      'stores.NAME.path',
      'stores.NAME.bucket',
      'partitions[].select.shard',
      'tombstone.hold',
    ]),
  );
  expect(fields.find(({ path }) => path === 'tombstone.hold')?.default).toBe('30d');
  expect(fields.find(({ path }) => path === 'partitions[].to')?.required).toBe(true);
});

it('--help of a command ends with its examples', async () => {
  const { stdout } = await ferry(['evidence', 'verify', '--help']);
  expect(stdout).toContain('Examples:\n  ferry evidence verify bundle --key');
});

const groff = spawnSync('groff', ['--version']).status === 0;

test.skipIf(!groff)('the man page renders without a warning', () => {
  const done = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', join(ROOT, 'docs/man/ferry.1')], {
    encoding: 'utf8',
  });
  expect(done.status).toBe(0);
  expect(done.stderr).toBe('');
});
