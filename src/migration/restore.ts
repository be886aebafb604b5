import type { ObjectRow, TombstoneRecord } from '../ledger/rows.ts';
import { type ObjectHead, type Store, StoreError } from '../store/store.ts';
import { digestOfObject } from './bytes.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { tellsCovered } from './covering.ts';
import { historyRevision } from './history.ts';
import { isWrittenLate, takeBack } from './late-writes.ts';
import { isTombstone } from './marker.ts';
import { returnCopy } from './return-copy.ts';

/**
 * Undoes a tombstone: the bytes that the source keeps come back, or, where it keeps none, the verified copy does, checked against
 * the digest on its way. An object that someone wrote in the marker's place is never overwritten. May be taken again after any
 * stop; the ledger holds the intent before.
 */
export async function restore(context: StepContext, row: ObjectRow): Promise<Outcome> {
  if (!isRestorable(row) || row.tombstone === undefined || row.intent?.step !== 'restore') {
    throw new Error(`object ${row.id} is to be restored but is ${row.state} and its intent is not written`);
  }
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  if (tellsCovered(source) && (await isWrittenLate(context, row))) return await takeBack(context, row);
  if (row.tombstone.deleted === true) return await stillDeleted(source, row, row.tombstone, signal);
  const here = await source.head(row.key, { signal });
  if (here !== undefined && !(await isTombstone(context, row, row.tombstone, here, source, centre))) {
    return await alreadyBack(source, row, signal);
  }
  const revision = here?.revision;
  try {
    const head = await bringBack(context, row, row.tombstone, revision);
    return head === undefined ? writtenLate() : restored(head);
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
    return await alreadyBack(source, row, signal);
  }
}

/** A tombstone whose copy could not be proven is undone like any other: all the more is what the source keeps needed. */
export function isRestorable({ state, tombstone, intent }: ObjectRow): boolean {
  if (state !== 'failed') return state === 'tombstoned';
  return tombstone !== undefined && (intent === undefined || intent.step === 'restore');
}

/** @returns the object; `undefined` where a program that had the marker open has written it meanwhile, which is the object then. */
async function bringBack(
  context: StepContext,
  row: ObjectRow,
  { kept, revision }: TombstoneRecord,
  here: string | undefined,
): Promise<ObjectHead | undefined> {
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  if (kept !== undefined) {
    const digest = row.sha256 === undefined ? {} : { sha256: row.sha256 };
    return await source.reinstate(row.key, here, kept, { signal, ...digest });
  }
  const head = await returnCopy(context, row, source, centre, here ?? revision);
  return (await dropMarker(source, row.key, here ?? revision, signal)) ? head : undefined;
}

/**
 * A store that keeps what it replaces has the marker now.
 *
 * @returns false where a program that had it open has written it meanwhile: the object is what it wrote, since nothing else has it.
 */
async function dropMarker(source: Store, key: string, revision: string, signal: AbortSignal): Promise<boolean> {
  const token = source.keptToken(key, revision);
  if (token === undefined) return true;
  try {
    await source.purge.dropKept(key, token, { signal });
    return true;
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
    const now = await source.head(key, { signal });
    await source.reinstate(key, now?.revision, token, { signal });
    return false;
  }
}

function writtenLate(): Outcome {
  return unresolved(
    'conflict',
    'a program that had the tombstone open wrote it while it was undone; that is the object now',
  );
}

/** Nothing was written, so nothing is to be undone; unless someone brought the key to life since. */
async function stillDeleted(
  source: Store,
  row: ObjectRow,
  { revision }: TombstoneRecord,
  signal: AbortSignal,
): Promise<Outcome> {
  const newest = (await source.versions?.of(row.key, { signal }))?.at(-1);
  if (newest === undefined || historyRevision(newest) !== revision) {
    return unresolved('conflict', 'the source was written again after its tombstone; a restore would overwrite that');
  }
  return { to: 'restored', change: { intent: null, reason: null, integrity: false } };
}

/** The marker is not there any more: either an earlier attempt came to its end, or someone wrote. The bytes tell. */
async function alreadyBack(source: Store, row: ObjectRow, signal: AbortSignal): Promise<Outcome> {
  const there = await digestOfObject(source, row.key, { signal });
  // All links have the same bytes, none: only where they lead tells them apart.
  const isLink = there.head.attributes.link === row.attributes.link;
  if (there.sha256 === row.sha256 && isLink) {
    // The attempt that brought it back may have been cut off before it cleaned up.
    const { kept, revision } = row.tombstone ?? {};
    if (kept !== undefined && source.staging?.holds(kept) === true)
      await source.purge.dropKept(row.key, kept, { signal });
    if (kept === undefined && revision !== undefined && !(await dropMarker(source, row.key, revision, signal)))
      return writtenLate();
    return restored(there.head);
  }
  return unresolved('conflict', 'the source was written again after its tombstone; a restore would overwrite that');
}

function restored(head: ObjectHead): Outcome {
  return {
    to: 'restored',
    moved: head.size,
    change: { revision: head.revision, intent: null, reason: null, integrity: false },
  };
}
