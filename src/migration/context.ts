import type { BufferPool } from '../base/budget.ts';
import type { Clock } from '../base/clock.ts';
import type { RetryPolicy } from '../base/retry.ts';
import type { HistoryBook } from '../ledger/history-book.ts';
import type { State } from '../ledger/lifecycle.ts';
import type { ObjectChange, ObjectRow } from '../ledger/rows.ts';
import type { UploadBook } from '../ledger/upload-book.ts';
import type { Plan } from '../plan/types.ts';
import type { Store } from '../store/store.ts';

/** What a step needs to know of the world. Steps hold no state of their own. */
export interface StepContext {
  readonly plan: Plan;
  /** Names the ledger in tombstones. */
  readonly ledger: string;
  readonly stores: ReadonlyMap<string, Store>;
  readonly clock: Clock;
  /** How far large objects have got. */
  readonly uploads: UploadBook;
  /** Which versions of a centre are which of a source. */
  readonly history: HistoryBook;
  /** What parts of large objects may take of memory, all together. */
  readonly partMemory: BufferPool;
  /** For the parts of a large object; whole steps are tried again by the engine. */
  readonly retry: RetryPolicy;
  /** Ends a step at once; it may then be taken again. */
  readonly signal: AbortSignal;
  /** Names of sources whose server honours no condition and whose history tells instead what came between. */
  readonly withoutCas?: ReadonlySet<string>;
  /** Why the object's centre could not keep its key apart from others, so that it must not be written there; none where all can. */
  readonly keyGuard?: KeyGuard;
}

export type KeyGuard = (row: ObjectRow) => Promise<string | undefined>;

/** What became of one object in one step: a value, never an exception. */
export interface Outcome {
  readonly to: State;
  readonly change: ObjectChange;
  /** Bytes that were written to a centre or back to a source; left out when nothing was. */
  readonly moved?: number;
}

/** The two stores of an object's partition. */
export function endsOf(
  context: Pick<StepContext, 'plan' | 'stores'>,
  row: Pick<ObjectRow, 'partition'>,
): { source: Store; centre: Store } {
  const partition = context.plan.partitions.find((candidate) => candidate.name === row.partition);
  const source = partition && context.stores.get(partition.from);
  const centre = partition && context.stores.get(partition.to);
  if (source === undefined || centre === undefined) throw new Error(`the plan has no partition ${row.partition}`);
  return { source, centre };
}

/** Whether what is seen at a centre is the copy that was verified. Without a copy, or without one in the ledger, nothing is. */
export function isVerifiedCopy(
  { centreRevision }: Pick<ObjectRow, 'centreRevision'>,
  there: { readonly revision: string } | undefined,
): boolean {
  return there !== undefined && centreRevision !== undefined && there.revision === centreRevision;
}

/** An outcome that needs a person. Whatever was begun is no longer. */
export function unresolved(to: State, reason: string, change: ObjectChange = {}): Outcome {
  return { to, change: { ...change, reason, intent: null, integrity: false } };
}

/** Bytes that should be equal are not: the gravest outcome. */
export function disagrees(reason: string): Outcome {
  return { to: 'failed', change: { reason, intent: null, integrity: true } };
}
