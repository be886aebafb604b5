import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { shardOf } from '../../src/plan/shard.ts';
import { ferry } from '../support/cli.ts';
import { tempDir } from '../support/temp.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FERRY = join(ROOT, 'bin/ferry.js');

const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

/** The lines of all `sh` blocks that have this comment on the line before. */
function marked(text: string, comment: string): string[] {
  const blocks = [...text.matchAll(/^<!-- (\w+) -->\n```sh\n([\s\S]*?)^```$/gm)];
  return blocks
    .filter(([, mark]) => mark === comment)
    .flatMap(([, , lines = '']) => lines.split('\n').filter((line) => line.trim() !== ''));
}

/** A line of a shell as a reader would type it, in a folder, with `ferry` being the one of this checkout. */
function shell(line: string, cwd: string): string {
  const setUp = 'ferry() { "$NODE_OF_TEST" "$FERRY_OF_TEST" "$@"; }\n';
  return execFileSync('bash', ['-euo', 'pipefail', '-c', setUp + line.replace(/^node bin\/ferry\.js\b/, 'ferry')], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true', NODE_OF_TEST: process.execPath, FERRY_OF_TEST: FERRY },
  });
}

function documents(): string[] {
  const folder = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...folder.map((name) => `docs/${name}`)];
}

test('the walk of README.md works as it is told', () => {
  const lines = marked(read('README.md'), 'test');
  // Should the marks or the fences be written otherwise one day, nothing would be run and nothing would fail.
  expect(lines.map((line) => line.split(' ').slice(0, 3).join(' '))).toContain('node bin/ferry.js run');
  const dir = tempDir();
  // A command that does not end with 0 throws, with what it wrote to standard error.
  const output = lines.map((line) => shell(line, dir)).join('');
  expect(output).toContain('checked 5 objects at their centres with verify: readback; 5 agree');
  expect(output).toContain('"format":"ferry/tombstone/v1"');
  expect(readFileSync(join(dir, 'demo/legacy/users/NO/kari/profile.json'), 'utf8')).toBe(
    '{"name":"Kari","country":"NO"}\n',
  );
});

test('README.md names exactly the commands that there are', async () => {
  const { stdout, code } = await ferry(['--help']);
  expect(code).toBe(0);
  const there = [...stdout.matchAll(/^ {2}([a-z-]+) (?:\[options\]|\[command\])/gm)].map(([, name]) => name);
  expect(there).toContain('run');
  const named = [...read('README.md').matchAll(/(?:`ferry|node bin\/ferry\.js) ([a-z-]+)/g)].map(([, name]) => name);
  expect([...new Set([...named, 'help'])].sort()).toEqual([...there].sort());
});

test('documents name no command that there is not', async () => {
  const { stdout } = await ferry(['--help']);
  const there = [...stdout.matchAll(/^ {2}([a-z-]+) \[/gm)].map(([, name]) => name);
  for (const file of documents()) {
    const named = [...read(file).matchAll(/`ferry ([a-z-]+)/g)].map(([, name]) => name);
    expect(
      named.filter((name) => !there.includes(name)),
      file,
    ).toEqual([]);
  }
});

test('every relative link leads to a file', () => {
  const broken: string[] = [];
  let links = 0;
  for (const file of documents()) {
    for (const [, target = ''] of read(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:|^#/.test(target)) continue;
      links += 1;
      const path = join(ROOT, dirname(file), target.split('#')[0] ?? '');
      if (!existsSync(path)) broken.push(`${file}: ${relative(ROOT, path)}`);
    }
  }
  expect(links).toBeGreaterThan(10);
  expect(broken).toEqual([]);
});

test('the exit codes of README.md and docs/operations.md are the same', () => {
  const codes = (text: string): string[] => [...text.matchAll(/^\| (\d+) \|/gm)].map(([, code = '']) => code);
  expect(codes(read('README.md'))).toEqual(['0', '1', '2', '3', '4', '5', '75', '130']);
  expect(codes(read('docs/operations.md'))).toEqual(codes(read('README.md')));
});

test('the worked example of a shard in docs/plan.md is right', () => {
  const text = read('docs/plan.md');
  const rows = [...text.matchAll(/^\| `([^`]+)` \| (\d+) \| (\d+) \|$/gm)];
  expect(rows.length).toBeGreaterThanOrEqual(3);
  for (const [, value = '', modulus, shard] of rows) expect(shardOf(value, Number(modulus))).toBe(Number(shard));
  const commands = marked(text, 'shard');
  expect(commands.map((line) => shell(line, tempDir()).trim())).toEqual([String(shardOf('alice', 64))]);
  expect(text).toContain(`modulo 64 that is ${shardOf('alice', 64)}`);
});
