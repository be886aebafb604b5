import type { RetryPolicy } from '../base/retry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { State } from '../ledger/lifecycle.ts';
import { holdEnd, type ObjectRow } from '../ledger/rows.ts';
import type { Outcome, StepContext } from '../migration/context.ts';
import { probe } from '../migration/probe.ts';
import { type MarkerWay, type PurgeMeans, purge } from '../migration/purge.ts';
import type { UnresolvedObject } from '../migration/summary.ts';
import { type Router, sources } from '../plan/router.ts';
import type { Authority } from './authority.ts';
import type { Listener } from './events.ts';
import { drive, type Step } from './local.ts';

export interface PurgeWork {
  readonly context: StepContext;
  readonly ledger: Ledger;
  readonly router: Router;
  /** Whose tombstones to purge. */
  readonly chosen: (row: ObjectRow) => boolean;
  /** The sealed plan and the approvals that the purge is under; left out: none. */
  readonly authority?: Authority | undefined;
  readonly retry: RetryPolicy;
  readonly listener: Listener;
  readonly stop: AbortSignal;
}

/** What there is to purge now. */
export interface Due {
  objects: number;
  /** Of the objects as they were copied; older versions beside. */
  bytes: number;
  /** Tombstones within their hold, and when the first of them is due. */
  notDue: number;
  firstDue: number | undefined;
}

/** What a purge has done. */
export interface Purged {
  objects: number;
  versions: number;
  deleteMarkers: number;
  uploads: number;
  markersLeft: number;
  /** Objects that stay, and why. */
  readonly left: UnresolvedObject[];
}

/** `held` objects are looked at again: their locks may have ended. Of purged ones, a marker that was left may go by now. */
function purgeable(context: StepContext): readonly State[] {
  return context.plan.tombstone.markers === 'remove' ? ['tombstoned', 'held', 'purged'] : ['tombstoned', 'held'];
}

function isPurgeable(row: ObjectRow): boolean {
  if (row.tombstone === undefined) return false;
  return row.state !== 'purged' || row.purge?.marker === 'left';
}

/** Counts what a purge would take. Changes nothing. */
export function dueOf({ context, ledger, chosen }: Pick<PurgeWork, 'context' | 'ledger' | 'chosen'>): Due {
  const due: Due = { objects: 0, bytes: 0, notDue: 0, firstDue: undefined };
  for (const row of ledger.queries.inStates(purgeable(context))) {
    if (row.tombstone === undefined || !isPurgeable(row) || !chosen(row)) continue;
    if (isDue(context, row)) {
      due.objects += 1;
      due.bytes += row.size;
      continue;
    }
    due.notDue += 1;
    due.firstDue = Math.min(due.firstDue ?? Number.POSITIVE_INFINITY, holdEnd(row.tombstone));
  }
  return due;
}

/** Purges what is past its hold. @throws FerryError as `drive` does. */
export async function purgeTombstones(work: PurgeWork): Promise<Purged> {
  const { context, ledger, retry, stop } = work;
  const done: Purged = { objects: 0, versions: 0, deleteMarkers: 0, uploads: 0, markersLeft: 0, left: [] };
  const means = await meansOf(work);
  const states = purgeable(context);
  const purging: Step = {
    name: 'purge',
    intent: async () => ({ step: 'purge', at: context.clock.now() }),
    take: async (row) => {
      work.authority?.permit();
      return counted(done, await purge(context, row, means));
    },
  };
  await drive({
    ledger,
    states,
    wanted: (row) => isPurgeable(row) && work.chosen(row) && isDue(context, row),
    next: (row) => (states.includes(row.state) && isPurgeable(row) ? purging : undefined),
    concurrency: context.plan.limits.concurrency,
    retry,
    listener: (event) => {
      if (event.type === 'unresolved') done.left.push(event);
      work.listener(event);
    },
    stop,
  });
  done.uploads += await abortOldUploads(work, means);
  return done;
}

function counted(done: Purged, outcome: Outcome): Outcome {
  const record = outcome.change.purge;
  if (record === undefined) return outcome;
  done.objects += 1;
  done.versions += record.versions;
  done.deleteMarkers += record.markers;
  done.uploads += record.uploads;
  if (record.marker === 'left') done.markersLeft += 1;
  return outcome;
}

/** A restore that was begun is brought to its end by `restore`. One that was purged in part is past its hold by its own word. */
function isDue(context: StepContext, row: ObjectRow): boolean {
  if (row.intent !== undefined) return row.intent.step === 'purge';
  return row.tombstone !== undefined && context.clock.now() >= holdEnd(row.tombstone);
}

async function meansOf({ context, ledger }: PurgeWork): Promise<PurgeMeans> {
  const { plan, stores, signal } = context;
  const ways = new Map<string, MarkerWay>();
  const listed = new Map<string, number>();
  for (const name of sources(plan)) {
    listed.set(name, ledger.inventory.state(name)?.begunAt ?? 0);
    const store = stores.get(name);
    if (store?.kind !== 's3') continue;
    if (plan.tombstone.markers === 'remove') ways.set(name, 'as-is');
    else ways.set(name, (await bindsDeletes()) ? 'if-unchanged' : 'leave');

    async function bindsDeletes(): Promise<boolean> {
      if (store === undefined || store.versions?.state === 'enabled') return false;
      const known = ledger.probes.result(name, 'delete-if-unchanged');
      const able = known ?? (await probe(store, 'delete-if-unchanged', signal));
      if (known === undefined) ledger.probes.record(name, 'delete-if-unchanged', able);
      return able;
    }
  }
  return {
    marker: (store) => ways.get(store) ?? 'leave',
    listedAt: (store) => listed.get(store) ?? 0,
  };
}

/** Unfinished uploads to keys that no object has, where the server lists them. */
async function abortOldUploads(work: PurgeWork, means: PurgeMeans): Promise<number> {
  const { context, router } = work;
  const { signal } = context;
  let aborted = 0;
  for (const name of sources(context.plan)) {
    const parts = context.stores.get(name)?.parts;
    if (parts?.all === undefined) continue;
    // A server that was not shown to list them by a prefix may show some without one.
    const unprefixed = work.ledger.probes.result(name, 'list-uploads-by-prefix') !== true;
    for await (const page of parts.all({ prefix: '', unprefixed, signal })) {
      for (const { key, id, begun } of page) {
        if (begun >= means.listedAt(name) || router.route(name, key).to !== 'partition') continue;
        // A restore that was cut off goes on with its own.
        if (isOwn(work.ledger, name, key, id)) continue;
        await parts.abort(key, id, { signal });
        aborted += 1;
      }
    }
  }
  return aborted;
}

function isOwn(ledger: Ledger, source: string, key: string, id: string): boolean {
  const row = ledger.queries.byKey(source, key);
  return row !== undefined && ledger.uploads.find(row.id)?.upload === id;
}
