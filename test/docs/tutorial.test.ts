import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tempDir } from '../support/temp.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** All lines of the `sh` blocks that are marked, in their order. */
function lines(file: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', file), 'utf8');
  return [...text.matchAll(/^<!-- test -->\n```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block.split('\n').filter((line) => line.trim() !== ''),
  );
}

/** Types them into one shell in an empty folder, where `ferry` is the one of this checkout; the first that fails ends it. */
function typed(file: string): string {
  const cwd = tempDir();
  const ferry = 'ferry() { "$NODE_OF_TEST" "$FERRY_OF_TEST" "$@"; }';
  return execFileSync('bash', ['-euo', 'pipefail', '-c', [ferry, ...lines(file)].join('\n')], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      HOME: cwd,
      CI: 'true',
      NODE_OF_TEST: process.execPath,
      FERRY_OF_TEST: join(ROOT, 'bin/ferry.js'),
    },
  });
}

test('the tutorial works as it is told, from nothing to a purge', () => {
  expect(lines('tutorial.md').length).toBeGreaterThan(20);
  const output = typed('tutorial.md');
  expect(output).toContain('checked 5 objects at their centres with verify: readback; 5 agree');
  expect(output).toContain('All of it agrees.');
  expect(output).toContain('"format":"ferry/tombstone/v1"');
  expect(output).toContain('{"name":"Kari","country":"NO"}');
});

test('the guides work as they are told', () => {
  expect(lines('howto.md').length).toBeGreaterThan(12);
  const output = typed('howto.md');
  expect(output).toContain('1 objects need a person');
  expect(output).toContain('tombstones found');
});
