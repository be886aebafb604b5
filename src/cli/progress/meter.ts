import type { EngineEvent } from '../../engine/events.ts';
import { isUnresolved, type State, type Unresolved } from '../../ledger/lifecycle.ts';
import type { Standing } from '../../ledger/queries.ts';
import type { Finish } from '../../plan/types.ts';
import { type Eta, Pace, slower } from './pace.ts';
import type { Counts, LimitsShown, PartitionProgress, Snapshot } from './types.ts';

/** What a meter goes by. */
export interface Metered {
  readonly plan: string;
  readonly command: string;
  /** Partitions that count, in the plan's order. */
  readonly partitions: readonly string[];
  readonly until: Finish;
  /** What is where now, as the ledger has it. */
  readonly standing: () => readonly Standing[];
  readonly limits: () => LimitsShown | undefined;
  /** Seconds, of a clock that does not go back; what `since` counts by too. */
  readonly now: () => number;
  readonly since: number;
  /** Entries listed so far while a source is listed, for who looks on and hears no events. */
  readonly listing?: () => number | undefined;
}

const REACHED: Readonly<Record<Finish, readonly State[]>> = {
  copied: ['copied', 'verified', 'tombstoned', 'purged', 'restored'],
  verified: ['verified', 'tombstoned', 'purged', 'restored'],
  tombstoned: ['tombstoned', 'purged', 'restored'],
};

interface Paces {
  readonly objects: Pace;
  readonly bytes: Pace;
}

type Sum = { -readonly [name in keyof Counts]: number };

const nothing = (): Sum => ({ objects: 0, bytes: 0, done: 0, doneBytes: 0, unresolved: 0 });
const newPaces = (): Paces => ({ objects: new Pace(), bytes: new Pace() });

/** Measures how a plan is getting on. Counts are the ledger's, at each look; only what it does not know is added up from events. */
export class Meter {
  readonly #of: Metered;
  readonly #all = newPaces();
  readonly #paces = new Map<string, Paces>();
  readonly #sent = new Map<string, number>();
  readonly #retries = new Map<string, number>();
  #listed: number | undefined;

  constructor(of: Metered) {
    this.#of = of;
    for (const name of of.partitions) this.#paces.set(name, newPaces());
  }

  take(event: EngineEvent): void {
    if (event.type === 'listing') this.#listed = event.entries;
    if (event.type === 'listed') this.#listed = undefined;
    if (event.type === 'retry') this.#retries.set(event.what, (this.#retries.get(event.what) ?? 0) + 1);
    if (event.type !== 'moved' || event.moved === undefined) return;
    this.#sent.set(event.partition, (this.#sent.get(event.partition) ?? 0) + event.moved);
  }

  /** Looks at the ledger. Each look also tells the paces how far it is: look often. */
  snapshot(): Snapshot {
    const { plan, command, since, until, standing, limits } = this.#of;
    const now = this.#of.now();
    const { counts, errors } = countsOf(standing(), this.#of.partitions, until);
    const totals = [...counts.values()].reduce<Sum>(added, nothing());
    const listed = this.#of.listing === undefined ? this.#listed : this.#of.listing();
    tell(this.#all, now, totals);
    const partitions = [...counts].map(([name, count]) => this.#partition(name, count, now));
    return {
      plan,
      command,
      seconds: now - since,
      listed,
      totals,
      objectsPerSecond: this.#all.objects.rate,
      bytesPerSecond: this.#all.bytes.rate,
      eta: listed === undefined ? etaOf(this.#all, totals) : undefined,
      slowest: slowestOf(partitions),
      errors,
      retries: Object.fromEntries(this.#retries),
      limits: limits(),
      partitions,
    };
  }

  #partition(name: string, count: Counts, now: number): PartitionProgress {
    const paces = this.#paces.get(name) ?? newPaces();
    tell(paces, now, count);
    const sent = this.#of.listing === undefined ? (this.#sent.get(name) ?? 0) : undefined;
    return { name, ...count, sent, bytesPerSecond: paces.bytes.rate, eta: etaOf(paces, count) };
  }
}

/** Adds up what the ledger has, for each of these partitions, with zeros. */
export function countsOf(
  standing: readonly Standing[],
  partitions: readonly string[],
  until: Finish,
): { readonly counts: ReadonlyMap<string, Counts>; readonly errors: Readonly<Partial<Record<Unresolved, number>>> } {
  const counts = new Map<string, Sum>(partitions.map((name) => [name, nothing()]));
  const errors: Partial<Record<Unresolved, number>> = {};
  for (const { partition, state, objects, bytes } of standing) {
    const sum = counts.get(partition);
    if (sum === undefined) continue;
    const needsPerson = isUnresolved(state);
    const done = needsPerson || REACHED[until].includes(state);
    sum.objects += objects;
    sum.bytes += bytes;
    sum.done += done ? objects : 0;
    sum.doneBytes += done ? bytes : 0;
    sum.unresolved += needsPerson ? objects : 0;
    if (needsPerson) errors[state] = (errors[state] ?? 0) + objects;
  }
  return { counts, errors };
}

function added(sum: Sum, more: Counts): Sum {
  for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += more[name];
  return sum;
}

function tell({ objects, bytes }: Paces, now: number, { done, doneBytes }: Counts): void {
  objects.add(now, done);
  bytes.add(now, doneBytes);
}

function etaOf(paces: Paces, { objects, bytes, done, doneBytes }: Counts): Eta | undefined {
  return slower(paces.objects.eta(objects - done), paces.bytes.eta(bytes - doneBytes));
}

function slowestOf(partitions: readonly PartitionProgress[]): string | undefined {
  let slowest: PartitionProgress | undefined;
  for (const one of partitions) {
    if (one.done === one.objects || one.eta === undefined) continue;
    if (slowest?.eta === undefined || one.eta.likely > slowest.eta.likely) slowest = one;
  }
  return slowest?.name;
}
