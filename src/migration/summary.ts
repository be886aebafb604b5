import type { Ledger } from '../ledger/ledger.ts';
import { noStates, type State, UNRESOLVED } from '../ledger/lifecycle.ts';
import { sources } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import { planDigest } from './chain.ts';

/** An object that needs a person. */
export interface UnresolvedObject {
  readonly key: string;
  readonly partition: string;
  readonly state: State;
  readonly reason: string;
}

/** Where a plan stands: the document of `run` and `status`. Sizes in bytes. */
export interface Summary {
  readonly plan: string;
  readonly digest: string;
  readonly finish: string;
  readonly totals: { readonly objects: number; readonly bytes: number; readonly states: Record<State, number> };
  readonly partitions: readonly {
    readonly name: string;
    readonly objects: number;
    readonly bytes: number;
    readonly states: Record<State, number>;
  }[];
  /** States of histories that are at centres; only where a partition moves them. */
  readonly history?: { readonly versions: number; readonly deleteMarkers: number };
  readonly unresolved: readonly UnresolvedObject[];
  /** Objects whose bytes or digests do not agree. */
  readonly integrityFailures: number;
}

/** Counts and unresolved objects as the ledger has them now; all zero where there is no ledger yet. */
export function summarise(plan: Plan, ledger: Ledger | undefined): Summary {
  const partitions = ledger
    ? ledger.queries.tallies().map(({ partition, ...rest }) => ({ name: partition, ...rest }))
    : plan.partitions.map(({ name }) => ({ name, objects: 0, bytes: 0, states: noStates() }));
  const states = noStates();
  let objects = 0;
  let bytes = 0;
  for (const partition of partitions) {
    objects += partition.objects;
    bytes += partition.bytes;
    for (const state of Object.keys(states) as State[]) states[state] += partition.states[state];
  }
  return {
    plan: plan.name,
    digest: digestNow(plan, ledger),
    finish: plan.finish,
    totals: { objects, bytes, states },
    partitions,
    ...historyOf(plan, ledger),
    unresolved: ledger ? listUnresolved(ledger) : [],
    integrityFailures: ledger?.queries.integrityFailures() ?? 0,
  };
}

function historyOf(plan: Plan, ledger: Ledger | undefined): Pick<Summary, 'history'> {
  if (ledger === undefined || !plan.partitions.some(({ versions }) => versions === 'all')) return {};
  const { versions, markers } = ledger.history.counts();
  return { history: { versions, deleteMarkers: markers } };
}

function listUnresolved(ledger: Ledger): UnresolvedObject[] {
  const found: UnresolvedObject[] = [];
  for (const { key, partition, state, reason } of ledger.queries.inStates(UNRESOLVED)) {
    found.push({ key, partition, state, reason: reason ?? '' });
  }
  return found;
}

/** The plan's digest over its first complete inventory; over the plan alone while there is none. */
export function digestNow(plan: Plan, ledger: Ledger | undefined): string {
  const inventories: { source: string; digest: string }[] = [];
  for (const source of sources(plan)) {
    const digest = ledger?.inventory.state(source)?.digest;
    if (digest === undefined) return plan.digest;
    inventories.push({ source, digest });
  }
  return planDigest(plan, inventories);
}
