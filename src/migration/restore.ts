import type { ObjectRow, TombstoneRecord } from '../ledger/rows.ts';
import { type ObjectHead, type Store, StoreError } from '../store/store.ts';
import { digestOfObject } from './bytes.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { returnCopy } from './return-copy.ts';

/**
 * Undoes a tombstone: the bytes that the source keeps come back, or, where it keeps none, the verified copy does, checked against
 * the digest on its way. An object that someone wrote in the marker's place is never overwritten. May be taken again after any
 * stop; the ledger holds the intent before.
 */
export async function restore(context: StepContext, row: ObjectRow): Promise<Outcome> {
  if (row.state !== 'tombstoned' || row.tombstone === undefined || row.intent?.step !== 'restore') {
    throw new Error(`object ${row.id} is to be restored but is ${row.state} and its intent is not written`);
  }
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  const here = await source.head(row.key, { signal });
  if (here !== undefined && here.revision !== row.tombstone.revision) {
    return await alreadyBack(source, row, signal);
  }
  try {
    const head =
      row.tombstone.kept === undefined
        ? await returnCopy(context, row, source, centre, row.tombstone.revision)
        : await fromKept(source, row, row.tombstone, row.tombstone.kept, here, signal);
    return restored(head);
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
    return await alreadyBack(source, row, signal);
  }
}

async function fromKept(
  source: Store,
  row: ObjectRow,
  record: TombstoneRecord,
  kept: string,
  here: ObjectHead | undefined,
  signal: AbortSignal,
): Promise<ObjectHead> {
  const revision = here === undefined ? undefined : record.revision;
  return await source.reinstate(row.key, revision, kept, { signal });
}

/** The marker is not there any more: either an earlier attempt came to its end, or someone wrote. The bytes tell. */
async function alreadyBack(source: Store, row: ObjectRow, signal: AbortSignal): Promise<Outcome> {
  const there = await digestOfObject(source, row.key, { signal });
  if (there.sha256 === row.sha256) return restored(there.head);
  return unresolved('conflict', 'the source was written again after its tombstone; a restore would overwrite that');
}

function restored(head: ObjectHead): Outcome {
  return {
    to: 'restored',
    moved: head.size,
    change: { revision: head.revision, intent: null, reason: null, integrity: false },
  };
}
