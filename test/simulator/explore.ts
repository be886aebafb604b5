import { hash } from 'node:crypto';
import { type Deed, type Ended, type Kind, type Scenario, simulate } from './simulation.ts';
import type { Choose } from './world.ts';

/** What is explored: two objects, one deed of someone else, one crash, and requests that arrive late where there are any. */
export const SETS: readonly { readonly name: string; readonly kind: Kind; readonly does: Deed['does'] }[] = [
  { name: 'bucket overwrite', kind: 'bucket', does: 'write' },
  { name: 'bucket delete', kind: 'bucket', does: 'delete' },
  { name: 'versions overwrite', kind: 'versions', does: 'write' },
  { name: 'versions delete', kind: 'versions', does: 'delete' },
  { name: 'versions same bytes', kind: 'versions', does: 'attributes' },
  { name: 'versions without CAS overwrite', kind: 'no-cas', does: 'write' },
  { name: 'versions without CAS delete', kind: 'no-cas', does: 'delete' },
  { name: 'folder rename over', kind: 'folder', does: 'write' },
  { name: 'folder unlink', kind: 'folder', does: 'delete' },
  { name: 'folder write into the open file', kind: 'folder', does: 'open' },
];

function scenarioOf({ kind, does }: (typeof SETS)[number]): Scenario {
  return {
    kind,
    keep: undefined,
    keys: ['a', 'b'],
    concurrency: 1,
    commands: ['tombstoned'],
    writes: [{ does, key: 'a' }],
    kills: 1,
    faults: { failBefore: 0, failAfter: 0, late: kind !== 'folder' },
    flips: 0,
    cuts: 0,
    stale: 0,
  };
}

class Pruned extends Error {
  override readonly name = 'Pruned';
}

/** Chances that are rare in a drawn simulation: here the first way is that nothing happens, and the other that it does. */
const RARE = /^(kill|deed|write) /;

/** Follows a path of choices, then the first way at every further one, unless the state was seen before. */
class Path {
  readonly taken: number[] = [];
  /** Ways that were not taken, to be explored. */
  readonly others: number[][] = [];
  readonly #given: readonly number[];
  readonly #seen: Set<string>;
  fingerprint: () => string = () => '';
  isOver = false;

  constructor(given: readonly number[], seen: Set<string>) {
    this.#given = given;
    this.#seen = seen;
  }

  readonly choose: Choose = (n, about) => {
    if (this.isOver || n === 1 || about === 'delay' || about === 'jitter') return 0;
    const isRare = RARE.test(about);
    const ways = isRare ? 2 : n;
    const at = this.taken.length;
    const way = this.#given[at] ?? 0;
    if (at >= this.#given.length) {
      const state = hash('sha256', `${about} ${this.fingerprint()}`);
      if (this.#seen.has(state)) throw new Pruned();
      this.#seen.add(state);
      for (let other = 1; other < ways; other += 1) this.others.push([...this.taken, other]);
    }
    this.taken.push(way);
    return isRare ? 1 - way : way;
  };
}

export interface Explored {
  readonly states: number;
  readonly runs: number;
  /** Whether every way was gone. */
  readonly whole: boolean;
  readonly problems: readonly { readonly path: string; readonly violation: string }[];
}

/** Goes every way of one set, depth first, up to so many runs. */
export async function explore(set: (typeof SETS)[number], mostRuns: number): Promise<Explored> {
  const seen = new Set<string>();
  const stack: number[][] = [[]];
  const problems: { path: string; violation: string }[] = [];
  let runs = 0;
  while (stack.length > 0 && runs < mostRuns) {
    const path = new Path(stack.pop() as number[], seen);
    const { violation } = await along(set, path);
    runs += 1;
    stack.push(...path.others);
    if (violation !== undefined) problems.push({ path: path.taken.join('.'), violation });
    if (problems.length >= 10) break;
  }
  return { states: seen.size, runs, whole: stack.length === 0, problems };
}

async function along(set: (typeof SETS)[number], path: Path): Promise<Ended> {
  const ended = await simulate(path.choose, scenarioOf(set), {
    began: (fingerprint) => {
      path.fingerprint = fingerprint;
    },
    quiet: () => {
      path.isOver = true;
    },
  });
  return ended.violation?.includes('Pruned') === true ? { ...ended, violation: undefined } : ended;
}

/** One way again, with its trace. */
export async function replay(set: (typeof SETS)[number], path: string): Promise<Ended> {
  const given = path === '' ? [] : path.split('.').map(Number);
  return await along(set, new Path(given, new Set()));
}
