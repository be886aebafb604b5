import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BUGS } from './bugs.ts';
import { places } from './plant.ts';
import { REGRESSIONS } from './regressions.ts';
import { simulate } from './simulation.ts';
import { seeded } from './world.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

/** Seconds that the fresh seeds of one call may take. */
const FRESH_S = 10;

async function main(...args: readonly string[]): Promise<{ readonly code: unknown; readonly told: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [told, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { code, told };
}

/** What names nothing that is drawn anew with each process: ids of ledgers and of trial objects, folders. */
const plain = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|state-\w+|since [\dTZ:.-]+/g, 'X'));

describe('the simulation', () => {
  it.each(REGRESSIONS)('seed $seed: $showed, and does no more', async ({ seed, scenario }) => {
    const { trace, violation } = await simulate(seeded(seed), scenario);
    expect(violation, trace.join('\n')).toBe(undefined);
  });

  it('takes the same way twice with the same seed', async () => {
    for (const seed of [11, 12, 13]) {
      const [one, other] = [await simulate(seeded(seed)), await simulate(seeded(seed))];
      expect(plain(one.trace)).toEqual(plain(other.trace));
      expect(one.trace.length).toBeGreaterThan(5);
    }
  });

  it('breaks no rule with seeds that nobody has tried', async () => {
    const from = Math.floor(Date.now() / 1_000);
    const { told, code } = await main(
      '--from',
      String(from),
      '--seeds',
      '1000000',
      '--seconds',
      String(FRESH_S),
      '--first',
    );
    expect(code, `${told}\nnpm run simulate -- --seed N shows the way`).toBe(0);
  });
});

describe('planted bugs', () => {
  it.each(BUGS)('"$name" still has its one place in the sources', (bug) => {
    expect(places(bug)).toEqual(bug.edits.map(() => 1));
  });
});
