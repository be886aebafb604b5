import type { RetryPolicy } from '../base/retry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { holdEnd, type ObjectRow } from '../ledger/rows.ts';
import type { StepContext } from '../migration/context.ts';
import { dropOld, leaves } from '../migration/keeping.ts';
import { isRestorable, restore } from '../migration/restore.ts';
import type { UnresolvedObject } from '../migration/summary.ts';
import { settle } from '../migration/tombstone.ts';
import type { Listener } from './events.ts';
import { drive, type Moved, type Step } from './local.ts';

export interface UndoWork {
  readonly context: StepContext;
  readonly ledger: Ledger;
  /** Whose tombstones to undo. */
  readonly chosen: (row: ObjectRow) => boolean;
  readonly retry: RetryPolicy;
  readonly listener: Listener;
  readonly stop: AbortSignal;
}

export interface Undone {
  readonly moved: Moved;
  /** Tombstones that were not undone, and why. */
  readonly left: readonly UnresolvedObject[];
}

/** Undoes tombstones whose hold has not ended. Those past it are left and told. */
export async function undoTombstones(work: UndoWork): Promise<Undone> {
  const { context, ledger, retry, stop } = work;
  const left: UnresolvedObject[] = [];
  const restoring: Step = {
    name: 'restore',
    intent: async () => ({ step: 'restore' }),
    take: (row) => restore(context, row),
  };
  // A run that was killed may have put its marker there and not said so.
  const settling: Step = { name: 'tombstone', take: (row) => settle(context, row) };
  const dropping: Step = { name: 'drop', take: (row) => dropOld(context, row) };
  const moved = await drive({
    ledger,
    states: ['verified', 'tombstoned', 'failed'],
    wanted: (row) =>
      work.chosen(row) && (row.state === 'verified' || (isRestorable(row) && withinHold(context, row, left))),
    next: (row) => {
      if (leaves(row)) return dropping;
      if (isRestorable(row)) return restoring;
      return row.state === 'verified' && row.intent !== undefined ? settling : undefined;
    },
    concurrency: context.plan.limits.concurrency,
    retry,
    listener: (event) => {
      if (event.type === 'unresolved') left.push(event);
      work.listener(event);
    },
    stop,
  });
  return { moved, left };
}

function withinHold(context: StepContext, row: ObjectRow, left: UnresolvedObject[]): boolean {
  const until = row.tombstone === undefined ? 0 : holdEnd(row.tombstone);
  if (row.intent?.step === 'purge') {
    left.push({ key: row.key, partition: row.partition, state: row.state, reason: 'its purge was begun' });
    return false;
  }
  // One that was begun within its hold is brought to its end. Without a proven copy no purge takes what the source keeps, ever.
  if (row.state === 'failed' || row.intent?.step === 'restore' || context.clock.now() < until) return true;
  const { key, partition, state } = row;
  left.push({ key, partition, state, reason: `its hold ended at ${new Date(until).toISOString()}` });
  return false;
}
