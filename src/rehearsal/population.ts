import { inShard } from '../plan/shard.ts';
import type { Plan, Selector } from '../plan/types.ts';
import { Dice } from './dice.ts';

/** One synthetic object. Its bytes follow from the seed, so that they can be made again for the check. */
export interface SyntheticObject {
  /** Legacy store. */
  readonly from: string;
  readonly key: string;
  readonly bytes: Uint8Array;
}

/**
 * Synthetic users' objects for every partition of a plan: a few a user, many small, some empty, some of a few MiB. The same plan,
 * number and seed give the same objects.
 */
export function* population(plan: Plan, users: number, seed: number): Generator<SyntheticObject> {
  const taken = new Set<string>();
  for (const partition of plan.partitions) {
    const dice = new Dice(`${seed}/${partition.name}`);
    for (let user = 0; user < users; user += 1) {
      const objects = 1 + dice.below(4);
      const name = `user-${dice.below(1_000_000)}`;
      for (let n = 0; n < objects; n += 1) {
        const key = keyFor(partition.select, name, n, dice);
        const bytes = dice.bytes(sizeFor(dice));
        if (key === undefined || taken.has(`${partition.from}\n${key}`)) continue;
        taken.add(`${partition.from}\n${key}`);
        yield { from: partition.from, key, bytes };
      }
    }
  }
}

/** Most objects of people are small; a few are empty and a few large enough to be streamed. */
function sizeFor(dice: Dice): number {
  const kind = dice.below(100);
  if (kind < 5) return 0;
  if (kind < 97) return 1 + dice.below(16_384);
  return 1 + dice.below(6 * 1024 * 1024);
}

function keyFor(select: Selector, user: string, n: number, dice: Dice): string | undefined {
  switch (select.by) {
    case 'prefix':
      return `${select.prefix}${user}/object-${n}.bin`;
    case 'manifest':
      return `manifest/${user}/object-${n}.bin`;
    case 'pattern':
      return fromPattern(select, user, n, dice);
  }
}

function fromPattern(
  select: Extract<Selector, { by: 'pattern' }>,
  user: string,
  n: number,
  dice: Dice,
): string | undefined {
  const { shard } = select;
  for (let attempt = 0; attempt < 10_000; attempt += 1) {
    const values = (name: string): string => {
      const allowed = select.where[name];
      if (allowed !== undefined) return allowed[dice.below(allowed.length)] ?? user;
      return name === shard?.capture ? `${user}-${attempt}` : user;
    };
    const captured = new Map<string, string>();
    const key = fill(select.pattern, n, (name) => {
      const value = values(name);
      captured.set(name, value);
      return value;
    });
    if (shard === undefined || inShard(captured.get(shard.capture) ?? '', shard)) return key;
  }
  return undefined;
}

/** A key that a pattern selects: captures by `value`, wildcards by something plain. */
function fill(pattern: string, n: number, value: (capture: string) => string): string {
  return pattern.replace(/\\(.)|\{([^}]+)\}|\*\*|\*|\?/gsu, (token, escaped?: string, capture?: string) => {
    if (escaped !== undefined) return escaped;
    if (capture !== undefined) return value(capture);
    if (token === '**') return `folder/object ${n}.bin`;
    return token === '*' ? `part-${n}` : 'x';
  });
}
