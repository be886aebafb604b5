import type { Ledger } from '../ledger/ledger.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import { type ListEntry, type Store, StoreError } from '../store/store.ts';
import { collect, digestOfObject } from './bytes.ts';
import { LARGEST_MARKER, looksLikeMarker } from './marker.ts';

/**
 * How a source object stands before a run: its bytes are at the centre (`there`), nothing is (`absent`), other bytes are
 * (`conflict`), or it is the marker of an earlier run (`tombstone`).
 */
export type Standing = 'there' | 'absent' | 'conflict' | 'tombstone';

/** Compares a listed source object with what the centre lists under its key, at the least cost that gives a true answer. */
export async function judge(
  work: { readonly ledger: Ledger | undefined; readonly signal: AbortSignal },
  source: Store,
  centre: Store,
  here: ListEntry,
  there: ListEntry | undefined,
): Promise<Standing> {
  if (here.unusable !== undefined) return 'conflict';
  const row = work.ledger?.queries.byKey(source.name, here.key);
  const known = row && fromLedger(row, here, there);
  if (known !== undefined) return known;
  if (there === undefined) return 'absent';
  const { signal } = work;
  if (here.size !== there.size) return (await isTombstone(source, here, signal)) ? 'tombstone' : 'conflict';
  return (await sameBytes(source, centre, here.key, signal)) ? 'there' : 'conflict';
}

function fromLedger(row: ObjectRow, here: ListEntry, there: ListEntry | undefined): Standing | undefined {
  if ((row.state === 'tombstoned' || row.state === 'purged') && row.tombstone?.revision === here.revision)
    return 'tombstone';
  const agrees = row.revision === here.revision && row.centreRevision === there?.revision;
  return agrees && (row.state === 'copied' || row.state === 'verified') ? 'there' : undefined;
}

async function isTombstone(source: Store, here: ListEntry, signal: AbortSignal): Promise<boolean> {
  if (here.size > LARGEST_MARKER) return false;
  return looksLikeMarker(await collect((await source.read(here.key, { signal })).body));
}

async function sameBytes(source: Store, centre: Store, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([digest(source, key, signal), digest(centre, key, signal)]);
    return a === b;
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'absent') return false;
    throw error;
  }
}

async function digest(store: Store, key: string, signal: AbortSignal): Promise<string> {
  const head = await store.head(key, { signal });
  return head?.sha256 ?? (await digestOfObject(store, key, { signal })).sha256;
}
