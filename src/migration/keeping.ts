import type { ObjectRow, TombstoneIntent, TombstoneRecord } from '../ledger/rows.ts';
import type { Keep } from '../plan/types.ts';
import { type Store, StoreError } from '../store/store.ts';
import { endsOf, isVerifiedCopy, type Outcome, type StepContext, unresolved } from './context.ts';
import { sameAttributes } from './fidelity.ts';
import { safestAt } from './keep.ts';

/** How the old bytes of a tombstone that was begun are kept: as was decided then, whatever the plan says by now. */
export function keepOf(source: Store, intent: TombstoneIntent): Keep {
  return intent.keep ?? safestAt(source);
}

/**
 * Puts the old bytes aside before the marker overwrites them, where that is how they are kept and the store does not do so by itself.
 *
 * @returns the token; `undefined` where there is nothing to be done; an outcome where the copy would not be the object.
 * @throws StoreError as `StagingStore.stage`.
 */
export async function stage(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  source: Store,
): Promise<string | Outcome | undefined> {
  if (keepOf(source, intent) !== 'staged' || source.staging === undefined) return undefined;
  if (row.sha256 === undefined) throw new Error(`object ${row.id} is verified and has no SHA-256`);
  const { plan, clock, signal } = context;
  const { attributes } = await source.staging.stage(row.key, intent.revision, {
    size: row.size,
    sha256: row.sha256,
    attributes: row.attributes,
    attested: plan.verify === 'attested',
    signal,
  });
  if (sameAttributes(row.attributes, attributes, clock.now())) return source.staging.token(row.key, intent.revision);
  return unresolved(
    'failed',
    `${source.name} did not keep all that the object carries with the copy that was put aside; say keep: centre`,
  );
}

/** Removes what was put aside for a marker that is not there and will not come. */
export async function unstage(
  row: ObjectRow,
  intent: TombstoneIntent,
  source: Store,
  signal: AbortSignal,
): Promise<void> {
  if (keepOf(source, intent) !== 'staged' || source.staging === undefined) return;
  await source.purge.dropKept(row.key, source.staging.token(row.key, intent.revision), { signal });
}

/** What the ledger says of old bytes that the source still has: a restore relies on them, or nothing does and they go. */
export function keptAs(
  source: Store,
  row: ObjectRow,
  intent: TombstoneIntent,
  kept: string | undefined,
): Pick<TombstoneRecord, 'kept' | 'leaving'> {
  // Found again, long after: whatever was said of this marker then still holds.
  if (row.tombstone?.at === intent.at) return { kept: row.tombstone.kept, leaving: row.tombstone.leaving };
  if (keepOf(source, intent) !== 'centre') return { kept };
  // A version may be locked, and stays until it is purged.
  const own = source.keptToken(row.key, intent.revision);
  return own !== undefined && own === kept ? { leaving: kept } : {};
}

/** When a tombstone was begun, and how long it can be undone. */
export function timesOf(
  { tombstone }: ObjectRow,
  { at, holdUntil, heldUntil }: TombstoneIntent,
): Pick<TombstoneRecord, 'at' | 'holdUntil' | 'heldUntil'> {
  const longer = tombstone?.at === at ? tombstone.heldUntil : heldUntil;
  return longer !== undefined && longer > holdUntil ? { at, holdUntil, heldUntil: longer } : { at, holdUntil };
}

/** Whether a tombstone has old bytes that are to go. */
export function leaves(row: ObjectRow): boolean {
  return row.state === 'tombstoned' && row.tombstone?.leaving !== undefined;
}

/**
 * Removes old bytes that nothing relies on: the ledger has said so before, so that a restore brings back the copy at the centre. They stay,
 * and are what a restore brings back, where the copy is not the one that was verified any more, or someone wrote them after they were
 * hidden. May be taken again after any stop.
 */
export async function dropOld(context: StepContext, row: ObjectRow): Promise<Outcome> {
  const { tombstone } = row;
  if (tombstone?.leaving === undefined) throw new Error(`object ${row.id} has no old bytes that are to go`);
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  const { leaving, ...rest } = tombstone;
  const stay = (reason: string): Outcome => ({
    to: 'tombstoned',
    change: { tombstone: { ...rest, kept: leaving }, reason },
  });
  if (!isVerifiedCopy(row, await centre.head(row.key, { signal }))) {
    return stay('the copy at the centre is not the one that was verified; the old bytes are kept at the source');
  }
  try {
    await source.purge.dropKept(row.key, leaving, { signal });
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
    return stay(`the old bytes are kept at the source: ${error.why}`);
  }
  return { to: 'tombstoned', change: { tombstone: rest, reason: null } };
}
