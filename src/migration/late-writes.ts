import type { ObjectRow } from '../ledger/rows.ts';
import { type Store, StoreError } from '../store/store.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { isTombstone } from './restore.ts';

/**
 * Whether a program wrote an object's bytes after they were hidden behind its tombstone: one that had the file open can. Then the
 * newest write is neither at the centre nor where its application looks for it.
 */
export async function isWrittenLate(context: StepContext, row: ObjectRow): Promise<boolean> {
  const { source } = endsOf(context, row);
  const kept = row.tombstone?.kept;
  return kept !== undefined && (await source.writtenSince?.(row.key, kept)) === true;
}

/**
 * Takes a tombstone back whose object was written late: the file with that write is the object again, and a conflict. What someone
 * wrote over the tombstone meanwhile stays. May be taken again after any stop.
 */
export async function takeBack(context: StepContext, row: ObjectRow): Promise<Outcome> {
  const { tombstone } = row;
  if (row.state !== 'tombstoned' || tombstone?.kept === undefined) {
    throw new Error(`object ${row.id} has no tombstone to be taken back`);
  }
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  const here = await source.head(row.key, { signal });
  const held = await source.headKept(row.key, tombstone.kept, { signal });
  // Cut off before the last of its steps, an earlier attempt has left one file under both names.
  const isBack = here !== undefined && here.revision === held?.revision;
  const isFree = here === undefined || isBack || (await isTombstone(context, row, tombstone, here, source, centre));
  if (!isFree || !(await isShown(source, row.key, here?.revision, tombstone.kept, signal))) {
    return unresolved('conflict', 'the source was written again after its tombstone');
  }
  return unresolved(
    'conflict',
    'a program that had the source open wrote it after its tombstone, which was taken back',
  );
}

async function isShown(
  source: Store,
  key: string,
  revision: string | undefined,
  kept: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await source.reinstate(key, revision, kept, { signal });
    return true;
  } catch (error) {
    if (!(error instanceof StoreError && (error.kind === 'precondition' || error.kind === 'absent'))) throw error;
    return false;
  }
}
