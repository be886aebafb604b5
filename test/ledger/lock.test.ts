import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { FerryError } from '../../src/base/errors.ts';
import { takeLock } from '../../src/ledger/lock.ts';
import { tempDir } from '../support/temp.ts';

/** Takes the lock of a folder in a process of its own, says whether it has it, and keeps it until it is killed. */
const HOLDER = `
  import { takeLock } from ${JSON.stringify(new URL('../../src/ledger/lock.ts', import.meta.url).href)};
  try { takeLock(process.argv[1], 'run'); console.log('held'); setInterval(() => {}, 1000); }
  catch (error) { console.log(error.fault + ' ' + error.why); }`;

interface Starter {
  readonly child: ChildProcess;
  readonly said: Promise<string>;
}

function start(dir: string): Starter {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  return { child, said: once(lines, 'line').then(([line]) => String(line)) };
}

describe('the lock of a state directory', () => {
  it('goes to exactly one of 20 simultaneous starters; the others are told who has it', async () => {
    const dir = tempDir();
    const starters = Array.from({ length: 20 }, () => start(dir));
    const said = await Promise.all(starters.map((starter) => starter.said));
    const holders = said.filter((line) => line === 'held');
    const winner = starters[said.indexOf('held')];
    expect(holders).toHaveLength(1);
    for (const line of said) if (line !== 'held') expect(line).toMatch(/^unreachable /);
    expect(() => takeLock(dir, 'run')).toThrow(`process ${winner?.child.pid} `);
    for (const { child } of starters) child.kill('SIGKILL');
  });

  it('is free again when its holder was killed', async () => {
    const dir = tempDir();
    const holder = start(dir);
    expect(await holder.said).toBe('held');
    expect(() => takeLock(dir, 'run')).toThrow(FerryError);
    holder.child.kill('SIGKILL');
    await once(holder.child, 'exit');
    takeLock(dir, 'run').release();
  });

  it('can be taken again after a release', () => {
    const dir = tempDir();
    takeLock(dir, 'run').release();
    takeLock(dir, 'restore').release();
  });
});
