import type { ObjectRow, TombstoneIntent, TombstoneRecord } from '../ledger/rows.ts';
import { type Store, StoreError } from '../store/store.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { coveredBy, hidesNewer, judgeCovering, tellsCovered } from './covering.ts';
import { isTombstone } from './marker.ts';

/**
 * Whether a program wrote an object's bytes after they were hidden behind its tombstone, as one that had the file open can, or its write
 * came to lie under the marker in a history. Then the newest write is neither at the centre nor where its application looks for it.
 */
export async function isWrittenLate(context: StepContext, row: ObjectRow): Promise<boolean> {
  const { source } = endsOf(context, row);
  if (tellsCovered(source)) {
    return hidesNewer(source, row, await source.versions.of(row.key, { signal: context.signal }));
  }
  const kept = row.tombstone?.kept;
  return kept !== undefined && (await source.writtenSince?.(row.key, kept)) === true;
}

/**
 * Takes a tombstone back whose object was written late: what that write left is the object again, and a conflict. What someone
 * wrote over the tombstone meanwhile stays. May be taken again after any stop.
 */
export async function takeBack(context: StepContext, row: ObjectRow): Promise<Outcome> {
  const { source, centre } = endsOf(context, row);
  const { tombstone } = row;
  if (tombstone !== undefined && tellsCovered(source)) return await uncover(context, row, tombstone);
  if (row.state !== 'tombstoned' || tombstone?.kept === undefined) {
    throw new Error(`object ${row.id} has no tombstone to be taken back`);
  }
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

/** Removes the marker's own version, so that what came to lie under it is the newest again. Nobody else's version is touched. */
async function uncover(context: StepContext, row: ObjectRow, tombstone: TombstoneRecord): Promise<Outcome> {
  const { source } = endsOf(context, row);
  const { at, holdUntil } = tombstone;
  const over = { version: coveredBy(source, tombstone) };
  const intent: TombstoneIntent = { step: 'tombstone', at, holdUntil, revision: row.revision };
  const covering = await judgeCovering(context, row, intent, over);
  if (covering?.to === 'covers') return { to: row.state, change: {} };
  return unresolved('conflict', covering === undefined ? GONE : UNDER);
}

const GONE = 'the source was deleted while its tombstone was put there';
const UNDER =
  'a write or a delete of the source that was under way while its tombstone was put there came to lie under it; the marker was taken away again';

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
