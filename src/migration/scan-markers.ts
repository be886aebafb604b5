import { isUnresolved } from '../ledger/lifecycle.ts';
import { StoreError } from '../store/store.ts';
import { collect } from './bytes.ts';
import { isWholeMarker, LARGEST_MARKER, SMALLEST_MARKER } from './marker.ts';
import type { ScanSource, ScanWork } from './scan.ts';
import { isMoved, type Known, revisionIn, type SeenState } from './scan-reasons.ts';
import { refusalIn } from './scan-refusals.ts';

/** Whether a state is a tombstone: the one that the ledger knows, or by its very bytes. What cannot be read counts as user data. */
export async function isTombstone(
  { signal }: ScanWork,
  { store }: ScanSource,
  known: Known,
  state: SeenState,
): Promise<boolean> {
  const { key, version, latest } = state;
  if (known.row?.tombstone?.revision === revisionIn(known, state) && known.row.tombstone.deleted !== true) return true;
  if (!mayBeTombstone(known, state)) return false;
  try {
    const reader =
      latest || version === undefined || store.versions === undefined
        ? await store.read(key, { signal, revision: state.revision })
        : await store.versions.read(key, version, { signal });
    if (reader.head.size === state.size) return isWholeMarker(await collect(reader.body), key);
    await reader.discard();
    return false;
  } catch (error) {
    // Who writes it right now puts no tombstone there.
    if (!(error instanceof StoreError && ['precondition', 'changed'].includes(error.kind))) refusalIn(error);
    return false;
  }
}

/**
 * Whether the bytes have to be looked at. Not those of an object that a run has read or is to read; but a key that the ledger does not
 * know may have the tombstone of another one, and one that was tombstoned may have that of an earlier time.
 */
function mayBeTombstone({ row, records }: Known, state: SeenState): boolean {
  const { size, version, latest, unusable } = state;
  if (unusable !== undefined || size < SMALLEST_MARKER || size > LARGEST_MARKER) return false;
  if (row === undefined) return true;
  if (!latest && (version === row.tombstone?.kept || isMoved(records, state))) return false;
  return row.tombstone !== undefined || row.intent !== undefined || isUnresolved(row.state);
}
