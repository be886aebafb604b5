import { setImmediate as breathe } from 'node:timers/promises';
import { compareUtf8 } from '../base/order.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { UNRESOLVED } from '../ledger/lifecycle.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { Plan } from '../plan/types.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { StepContext } from './context.ts';
import { type AliasRule, aliasesOf, ancestorsOf, HAZARD_RULES, type HazardRule, KeyHazards } from './key-hazards.ts';
import { keyCapability, NEEDED } from './probe-keys.ts';

const WHAT: Readonly<Record<AliasRule, string>> = {
  'leading-slash': 'a leading slash',
  'empty-segment': 'two slashes in a row',
  'dot-segment': 'a segment "." or ".."',
};

const PAGE = 10_000;

/** Absent keys that are remembered, so that a thousand objects of one folder ask the centre once. */
const REMEMBERED = 20_000;

/**
 * The context with a guard against keys that a centre takes and then hides or mixes up. A bucket is tried only where the ledger has
 * such keys for it; where it keeps them apart, no object costs anything more.
 */
export async function withKeyGuard(context: StepContext, ledger: Ledger): Promise<StepContext> {
  const { plan, stores, signal } = context;
  const guards = new Map<string, CentreGuard>();
  for (const name of new Set(plan.partitions.map((partition) => partition.to))) {
    const store = stores.get(name);
    // A file store refuses by itself what it cannot hold.
    if (store === undefined || store.kind !== 's3') continue;
    const unable = await unableTo(context, ledger, store);
    if (unable.size > 0) guards.set(name, new CentreGuard({ plan, ledger, store, unable, signal }));
  }
  if (guards.size === 0) return context;
  const centreOf = new Map(plan.partitions.map((partition) => [partition.name, partition.to]));
  return { ...context, keyGuard: async (row) => await guards.get(centreOf.get(row.partition) ?? '')?.why(row) };
}

/** A centre that hides keys under other keys, where the ledger has such keys for it; after `withKeyGuard`, which tries the centres. */
export async function keysUnderKeys(context: StepContext, ledger: Ledger): Promise<string | undefined> {
  const { plan, stores } = context;
  for (const name of new Set(plan.partitions.map((partition) => partition.to))) {
    if (stores.get(name)?.kind !== 's3' || ledger.probes.result(name, NEEDED['key-under-key']) !== false) continue;
    if ((await hazardsTo(context, ledger, name, ['key-under-key'])).has('key-under-key')) return name;
  }
  return undefined;
}

/** The rules under which keys must not be written to a centre. */
async function unableTo(context: StepContext, ledger: Ledger, store: Store): Promise<Set<HazardRule>> {
  const unable = new Set<HazardRule>();
  const unknown = HAZARD_RULES.filter((rule) => ledger.probes.result(store.name, NEEDED[rule]) === undefined);
  const nothingToWrite = unknown.length === 0 || ledger.queries.count(['planned', ...UNRESOLVED]) === 0;
  const met = nothingToWrite ? new Set() : await hazardsTo(context, ledger, store.name, unknown);
  for (const rule of HAZARD_RULES) {
    const matters = met.has(rule) || !unknown.includes(rule);
    if (matters && !(await keyCapability(store, ledger, NEEDED[rule], context.signal))) unable.add(rule);
  }
  return unable;
}

/** Which of these hazards the keys have that the ledger knows for a centre, whatever source they come from. */
async function hazardsTo(
  context: StepContext,
  ledger: Ledger,
  centre: string,
  rules: readonly HazardRule[],
): Promise<Set<HazardRule>> {
  const met = new Set<HazardRule>();
  const hazards = new KeyHazards();
  let count = 0;
  for (const key of keysTo(context.plan, ledger, centre)) {
    for (const { rule } of hazards.next(key)) met.add(rule);
    if (rules.every((rule) => met.has(rule))) break;
    count += 1;
    if (count % PAGE === 0) await breathe(undefined, { signal: context.signal });
  }
  return met;
}

/** All keys that move to a centre, in UTF-8 order over all sources. */
function* keysTo(plan: Plan, ledger: Ledger, centre: string): Generator<string> {
  const streams = sourcesOf(plan, centre).map((source) => keysFrom(ledger, source, centre));
  const heads = streams.map((stream) => ({ stream, key: nextOf(stream) }));
  for (;;) {
    let first: { stream: Generator<string>; key: string | undefined } | undefined;
    for (const head of heads) {
      if (head.key === undefined) continue;
      if (first?.key === undefined || compareUtf8(head.key, first.key) < 0) first = head;
    }
    if (first?.key === undefined) return;
    yield first.key;
    first.key = nextOf(first.stream);
  }
}

function nextOf(stream: Generator<string>): string | undefined {
  const next = stream.next();
  return next.done === true ? undefined : next.value;
}

function* keysFrom(ledger: Ledger, source: string, centre: string): Generator<string> {
  let after = '';
  for (;;) {
    const page = ledger.queries.keysTo(source, centre, after, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last;
  }
}

function sourcesOf(plan: Plan, centre: string): string[] {
  return [...new Set(plan.partitions.flatMap(({ from, to }) => (to === centre ? [from] : [])))];
}

interface GuardWork {
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly store: Store;
  readonly unable: ReadonlySet<HazardRule>;
  readonly signal: AbortSignal;
}

/** Tells why an object must not be written to one bucket that was tried and found unable. */
class CentreGuard {
  readonly #work: GuardWork;
  readonly #sources: readonly string[];
  readonly #partitions: ReadonlySet<string>;
  readonly #absent = new Set<string>();

  constructor(work: GuardWork) {
    this.#work = work;
    this.#sources = sourcesOf(work.plan, work.store.name);
    this.#partitions = new Set(work.plan.partitions.flatMap(({ name, to }) => (to === work.store.name ? [name] : [])));
  }

  async why({ key }: ObjectRow): Promise<string | undefined> {
    const { store, unable } = this.#work;
    const alias = aliasesOf(key).find(({ rule }) => unable.has(rule));
    if (alias !== undefined) {
      return `${store.name} does not keep ${WHAT[alias.rule]}: it refuses this key or takes it for ${JSON.stringify(alias.other)}; nothing was written`;
    }
    if (!unable.has('key-under-key')) return undefined;
    const above = this.#plannedAbove(key) ?? (await this.#objectAbove(key));
    if (above !== undefined) {
      return `${store.name} hides a key under another one from its listings, and ${JSON.stringify(above)} is an object too; nothing was written`;
    }
    const below = this.#writtenBelow(key);
    if (below === undefined) return undefined;
    return `${store.name} would hide ${JSON.stringify(below)}, which is there already, under this key; nothing was written`;
  }

  /** Decided by the ledger, so that it does not matter which of the two comes first. */
  #plannedAbove(key: string): string | undefined {
    return ancestorsOf(key).find((other) =>
      this.#sources.some((source) => {
        const row = this.#work.ledger.queries.byKey(source, other);
        return row !== undefined && row.state !== 'gone' && this.#partitions.has(row.partition);
      }),
    );
  }

  #writtenBelow(key: string): string | undefined {
    const { ledger, store } = this.#work;
    for (const source of this.#sources) {
      const below = ledger.queries.writtenBelow(source, store.name, key);
      if (below !== undefined) return below;
    }
    return undefined;
  }

  /** What someone else put at the centre. */
  async #objectAbove(key: string): Promise<string | undefined> {
    for (const other of ancestorsOf(key)) {
      if (this.#absent.has(other)) continue;
      if (await this.#isThere(other)) return other;
      if (this.#absent.size >= REMEMBERED) this.#absent.clear();
      this.#absent.add(other);
    }
    return undefined;
  }

  async #isThere(key: string): Promise<boolean> {
    try {
      return (await this.#work.store.head(key, { signal: this.#work.signal })) !== undefined;
    } catch (error) {
      // A key that the server does not even take is no object there.
      if (error instanceof StoreError && (error.kind === 'key' || error.kind === 'other')) return false;
      throw error;
    }
  }
}
