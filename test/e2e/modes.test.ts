import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { layOut } from '../support/plan.ts';

const FERRY = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));

/** Runs ferry where nothing is taken away from the modes of new files. @returns what it wrote, and how it ended. */
async function underNoMask(args: readonly string[], killedAt?: (line: string) => boolean) {
  const script = 'umask 0000; exec "$@"';
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, FERRY, ...args], {
    env: { ...process.env, CI: 'true' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    told += chunk;
    if (killedAt?.(chunk) === true) child.kill('SIGKILL');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, told };
}

/** Modes of everything in a folder, itself included, that others than its owner have any right to. */
function openIn(dir: string): string[] {
  const all = ['', ...readdirSync(dir, { recursive: true, encoding: 'utf8' })].map((name) => join(dir, name));
  return all.filter((path) => (lstatSync(path).mode & 0o077) !== 0);
}

it('keeps the state directory and what is private its owner’s alone, whatever the umask', async () => {
  const { dir, plan } = layOut();
  const log = join(dir, 'ferry.log');
  const all = ['--log-file', log, '--log-level', 'trace'];
  const state = join(dir, '.ferry/test');

  // Killed amid its work, a run leaves what else exists only while one is on: write-ahead log, shared memory, lock.
  const killed = await underNoMask(['run', plan, '--log-level', 'debug'], (line) => line.includes('"moved"'));
  expect(killed.code).toBe(null);
  const left = readdirSync(state);
  expect(left).toEqual(expect.arrayContaining(['ledger.db', 'ledger.db-wal', 'ledger.db-shm', 'lock.db', 'lock.json']));
  expect(openIn(state)).toEqual([]);

  const sealed = join(dir, 'sealed.json');
  const bundle = join(dir, 'bundle');
  for (const args of [
    ['run', plan, ...all],
    ['plan', plan, '--out', sealed, ...all],
    ['evidence', 'export', plan, '--out', bundle, ...all],
  ]) {
    const ended = await underNoMask(args);
    expect(ended.code, ended.told).toBe(0);
    expect(openIn(state)).toEqual([]);
  }
  expect(existsSync(join(state, 'evidence.key'))).toBe(true);
  expect(lstatSync(state).mode & 0o777).toBe(0o700);
  for (const entry of readdirSync(state, { withFileTypes: true })) {
    const mode = lstatSync(join(state, entry.name)).mode & 0o777;
    expect([entry.name, mode]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
  }
  expect(openIn(bundle)).toEqual([]);
  for (const file of [log, sealed]) expect([file, lstatSync(file).mode & 0o777]).toEqual([file, 0o600]);
});
