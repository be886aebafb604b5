import type { ObjectRow, TombstoneIntent } from '../ledger/rows.ts';
import type { Store } from '../store/store.ts';
import { endsOf, type StepContext } from './context.ts';
import { bytesOfMarker, type Marker, markerFor, wholeMarker } from './marker.ts';

/*
 * A request of a run that was killed may arrive late: after the next run has looked, found no marker, and begun the step anew with other
 * times. Such a marker says everything of the same object but its times, and stands for the tombstone as well as any other.
 */

/** How far markers of one key may differ in length: times beyond the year 9999, and the digits of another size. */
const SLACK = 24;

/**
 * The attempt whose marker these bytes are: `intent` itself, or another one of this ledger for this very object and copy. The hold of an
 * adopted one is counted from now, since nobody can say when it arrived; `undefined` for any other bytes.
 */
export function attemptOf(
  context: Pick<StepContext, 'plan' | 'ledger' | 'clock'>,
  row: ObjectRow,
  intent: TombstoneIntent,
  centre: Store,
  bytes: Uint8Array,
): TombstoneIntent | undefined {
  if (isEqual(bytes, markerFor(context, row, intent, centre))) return intent;
  const read = wholeMarker(bytes, row.key);
  if (read === undefined) return undefined;
  const attempt: TombstoneIntent = {
    ...intent,
    at: Date.parse(read.tombstonedAt),
    holdUntil: Date.parse(read.holdUntil),
    heldUntil: context.clock.now() + context.plan.tombstone.holdMs,
    // What this attempt was bound to is not what that one was.
    version: undefined,
  };
  return isEqual(bytes, markerFor(context, row, attempt, centre)) ? attempt : undefined;
}

function isEqual(bytes: Uint8Array, marker: Marker): boolean {
  return Buffer.compare(bytes, marker.bytes) === 0;
}

/** Whether bytes are a marker that this ledger put under this key, for whatever copy of it. */
export function isOfLedger(context: Pick<StepContext, 'ledger'>, key: string, bytes: Uint8Array): boolean {
  return wholeMarker(bytes, key)?.ledger === context.ledger;
}

/** Whether something of this size could be a marker like this one. */
export function mayBeMarker(size: number, marker: Marker): boolean {
  return Math.abs(size - marker.bytes.byteLength) <= SLACK;
}

/** The attempt whose marker is the object now, if it is one of this ledger's. Reads it only where its size allows that. */
export async function attemptThere(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  here: { readonly size: number } | undefined,
): Promise<TombstoneIntent | undefined> {
  const { source, centre } = endsOf(context, row);
  if (here === undefined || !mayBeMarker(here.size, markerFor(context, row, intent, centre))) return undefined;
  const bytes = await bytesOfMarker(source, row.key, context.signal);
  return bytes && attemptOf(context, row, intent, centre, bytes);
}

/** The attempt whose marker bytes are that were found in a source where an object was to be copied; there was one only after a copy. */
export function earlierAttempt(context: StepContext, row: ObjectRow, bytes: Uint8Array): TombstoneIntent | undefined {
  if (row.sha256 === undefined || row.centreRevision === undefined) return undefined;
  const intent: TombstoneIntent = { step: 'tombstone', at: 0, holdUntil: 0, revision: row.revision };
  return attemptOf(context, row, intent, endsOf(context, row).centre, bytes);
}
