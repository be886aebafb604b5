import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { type Laid, layOut } from '../support/plan.ts';
import { digestsIn } from '../support/tree.ts';

const CHILD = fileURLToPath(new URL('../support/crash-child.ts', import.meta.url));

/** One user at each centre, and an empty object. */
const FILES = { 'users/NO/a': 'first', 'users/NO/empty': '', 'users/DE/b': 'second', 'tmp/x': 'scratch' };

/** Whether the child came to its end; otherwise it was killed at the point. */
async function child(laid: Laid, command: 'run' | 'restore' | 'purge', where: string, point: number): Promise<boolean> {
  const args = [CHILD, laid.plan, stateOf(laid), command, where, String(point)];
  const started = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code, signal] = (await once(started, 'exit')) as [number | null, string | null];
  if (signal === 'SIGKILL') return false;
  expect(code, `${command} ${where} ${point}`).toBe(0);
  return true;
}

function stateOf(laid: Laid): string {
  return join(laid.dir, 'state');
}

function statesIn(laid: Laid): Readonly<Record<string, number>> {
  const ledger = Ledger.read(stateOf(laid));
  const states: Record<string, number> = {};
  for (const tally of ledger?.queries.tallies() ?? []) {
    for (const [state, n] of Object.entries(tally.states)) states[state] = (states[state] ?? 0) + n;
  }
  ledger?.close();
  return Object.fromEntries(Object.entries(states).filter(([, n]) => n > 0));
}

/** No byte of a source may be gone from the source's side whose copy is not whole at its centre. */
function nothingIsLost(laid: Laid, before: Readonly<Record<string, string>>): void {
  const legacy = Object.values(digestsIn(laid.legacy, true));
  const centres = { ...digestsIn(laid.hamar), ...digestsIn(laid.dublin) };
  for (const [key, digest] of Object.entries(before)) {
    expect(legacy.includes(digest) || centres[key] === digest, key).toBe(true);
  }
}

const WAYS = [
  { where: 'before', keep: 'staged' },
  { where: 'after', keep: 'staged' },
  { where: 'effect', keep: 'staged' },
  // What it does beyond the others are effects and the commits behind them.
  { where: 'after', keep: 'centre' },
  { where: 'effect', keep: 'centre' },
];

/** With `keep: centre` no old bytes stay once a run is through, wherever it was killed. */
function nothingIsHeld(laid: Laid, keep: string): void {
  const held = Object.keys(digestsIn(laid.legacy, true)).filter((key) => key.startsWith('.ferry-held/'));
  expect(held.length).toBe(keep === 'centre' ? 0 : 3);
}

describe.each(WAYS)('killed $where each step in turn, keep: $keep', ({ where, keep }) => {
  const change = { limits: { concurrency: 1 }, tombstone: { keep } };

  it('a run goes on to the same end', async () => {
    let points = 0;
    for (let point = 1; ; point += 1) {
      const laid = layOut(change, FILES);
      const before = digestsIn(laid.legacy);
      const ended = await child(laid, 'run', where, point);
      nothingIsLost(laid, before);
      expect(await child(laid, 'run', 'never', 0)).toBe(true);
      expect(statesIn(laid), `point ${point}`).toEqual({ tombstoned: 3 });
      nothingIsHeld(laid, keep);
      expect({ ...digestsIn(laid.hamar), ...digestsIn(laid.dublin), 'tmp/x': before['tmp/x'] }).toEqual(before);
      expect(await child(laid, 'restore', 'never', 0)).toBe(true);
      expect(digestsIn(laid.legacy, true), `point ${point}`).toEqual(before);
      if (ended) break;
      points = point;
    }
    // Three objects: a copy and a tombstone each are effects; listing, copy, verify, intent and tombstone are commits.
    expect(points).toBeGreaterThanOrEqual(where === 'effect' ? 6 : 14);
  }, 300_000);

  it('a purge goes on to the same end', async () => {
    let points = 0;
    for (let point = 1; ; point += 1) {
      const laid = layOut({ ...change, tombstone: { hold: '0s', keep } }, FILES);
      const before = digestsIn(laid.legacy);
      await child(laid, 'run', 'never', 0);
      const ended = await child(laid, 'purge', where, point);
      nothingIsLost(laid, before);
      expect(await child(laid, 'purge', 'never', 0)).toBe(true);
      expect(statesIn(laid), `point ${point}`).toEqual({ purged: 3 });
      expect({ ...digestsIn(laid.hamar), ...digestsIn(laid.dublin), 'tmp/x': before['tmp/x'] }).toEqual(before);
      // Neither markers nor kept bytes nor anything else of ferry's.
      expect(Object.keys(digestsIn(laid.legacy, true)), `point ${point}`).toEqual(['tmp/x']);
      if (ended) break;
      points = point;
    }
    // Of each object, kept bytes (which `centre` has not) and marker; its intent and its end.
    expect(points).toBeGreaterThanOrEqual(where === 'effect' && keep === 'centre' ? 3 : 6);
  }, 300_000);

  it('a restore goes on to the same end', async () => {
    let points = 0;
    for (let point = 1; ; point += 1) {
      const laid = layOut(change, FILES);
      const before = digestsIn(laid.legacy);
      await child(laid, 'run', 'never', 0);
      const ended = await child(laid, 'restore', where, point);
      nothingIsLost(laid, before);
      expect(await child(laid, 'restore', 'never', 0)).toBe(true);
      expect(statesIn(laid), `point ${point}`).toEqual({ restored: 3 });
      expect(digestsIn(laid.legacy, true), `point ${point}`).toEqual(before);
      if (ended) break;
      points = point;
    }
    expect(points).toBeGreaterThanOrEqual(where === 'effect' ? 3 : 6);
  }, 300_000);
});
