import { inShard } from '../plan/shard.ts';
import type { Plan, Selector } from '../plan/types.ts';
import { Dice } from './dice.ts';
import type { PopulationModel } from './model.ts';

/** One synthetic object. Its bytes follow from the seed. */
export interface SyntheticObject {
  /** Legacy store. */
  readonly from: string;
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Whether it is of the first part, which is restored. */
  readonly sample: boolean;
}

/** One user in so many, and at least one, is of the part that is restored. */
const ONE_IN = 10;

/** How many objects are put where an exclude leaves them. */
const EXCLUDED = 3;

/** Ends of names as people give them: with blanks, in scripts of their own, and such as a careless program would decode. */
const TAILS = ['.bin', ' (2).jpg', '+tag.txt', '%2F.json', '-æøå.txt', '-日本.png', "'quoted'.csv", '.tar.gz'] as const;

/**
 * Synthetic users' objects for every partition of a plan, in the shape that its selectors ask for. The same plan, model and seed give
 * the same objects, one at a time. A key may come twice; the second one is left out by whoever puts them.
 */
export function* population(plan: Plan, model: PopulationModel, seed: number): Generator<SyntheticObject> {
  for (const [index, partition] of plan.partitions.entries()) {
    const its = model.partitions[index];
    if (its !== undefined) yield* ofPartition(partition, index, its, seed);
  }
}

function* ofPartition(
  partition: Plan['partitions'][number],
  index: number,
  { objects, users, sizes }: PopulationModel['partitions'][number],
  seed: number,
): Generator<SyntheticObject> {
  const dice = new Dice(`${seed}/${partition.name}`);
  const crowd = Math.max(1, users);
  for (let n = 0; n < objects; n += 1) {
    const user = n % crowd;
    const name = `user-${index}-${user}`;
    const key = keyFor(partition.select, name, Math.floor(n / crowd), dice);
    const bytes = dice.bytes(sizes(dice));
    if (key !== undefined) yield { from: partition.from, key, bytes, sample: user % ONE_IN === 0 };
  }
}

/** Objects that the plan's excludes name; none for a manifest, whose keys are real ones. */
export function* excluded(plan: Plan, seed: number): Generator<SyntheticObject> {
  for (const [index, { from, select }] of plan.exclude.entries()) {
    if (select.by === 'manifest') continue;
    const dice = new Dice(`${seed}/exclude/${index}`);
    for (let n = 0; n < EXCLUDED; n += 1) {
      const key = keyFor(select, `user-x${index}`, n, dice);
      if (key !== undefined) yield { from, key, bytes: dice.bytes(1 + dice.below(2_000)), sample: false };
    }
  }
}

function keyFor(select: Selector, user: string, n: number, dice: Dice): string | undefined {
  const object = `object-${n}${TAILS[dice.below(TAILS.length)]}`;
  switch (select.by) {
    case 'prefix':
      return `${select.prefix}${user}/${object}`;
    case 'manifest':
      return `manifest/${user}/${object}`;
    case 'pattern':
      return fromPattern(select, user, n, object, dice);
  }
}

function fromPattern(
  select: Extract<Selector, { by: 'pattern' }>,
  user: string,
  n: number,
  object: string,
  dice: Dice,
): string | undefined {
  const { shard } = select;
  // Where nothing else in the key tells objects apart, each is a user's only one; and where no capture is free, the rest of the key
  // tells the user.
  const own = select.pattern.includes('*') ? user : `${user}-${n}`;
  const captures = [...select.pattern.matchAll(/\\.|\{([^}]+)\}/gsu)].flatMap(([, name]) => name ?? []);
  const free = captures.some((name) => select.where[name] === undefined);
  const rest = free ? object : `${user}-${object}`;
  for (let attempt = 0; attempt < 10_000; attempt += 1) {
    const values = (name: string): string => {
      const allowed = select.where[name];
      if (allowed !== undefined) return allowed[dice.below(allowed.length)] ?? own;
      return name === shard?.capture ? `${own}-${attempt}` : own;
    };
    const captured = new Map<string, string>();
    const key = fill(select.pattern, rest, (name) => {
      const value = values(name);
      captured.set(name, value);
      return value;
    });
    if (shard === undefined || inShard(captured.get(shard.capture) ?? '', shard)) return key;
  }
  return undefined;
}

/** A key that a pattern selects: captures by `value`, wildcards by a name. */
function fill(pattern: string, object: string, value: (capture: string) => string): string {
  return pattern.replace(/\\(.)|\{([^}]+)\}|\*\*|\*|\?/gsu, (token, escaped?: string, capture?: string) => {
    if (escaped !== undefined) return escaped;
    if (capture !== undefined) return value(capture);
    if (token === '**') return `folder/${object}`;
    return token === '*' ? object : 'x';
  });
}
