import type { ObjectRow, TombstoneRecord } from '../ledger/rows.ts';
import type { Store } from '../store/store.ts';
import type { Version, VersionStore } from '../store/versions.ts';
import { endsOf, type StepContext } from './context.ts';
import { historyRevision } from './history.ts';
import { isMarker, isTombstone, type Marker, markerFor } from './marker.ts';
import { isDenied, see } from './see.ts';

/** What it takes to look. */
export type Looking = Pick<StepContext, 'plan' | 'ledger' | 'stores' | 'signal'>;

/**
 * What is at the source of a tombstoned or purged object that should not be, in words; `undefined` where there is nothing, or only this
 * ledger's own marker. Goes by what a listing shows where bytes may not be read. Changes nothing.
 */
export async function stillThere(context: Looking, row: ObjectRow): Promise<string | undefined> {
  const { tombstone } = row;
  if (tombstone === undefined) return 'the ledger does not say what its tombstone is';
  const { source } = endsOf(context, row);
  const { versions } = source;
  const found =
    versions === undefined
      ? await inPlace(context, row, tombstone)
      : await inHistory(context, row, tombstone, source, versions);
  if (found !== undefined || row.state !== 'purged') return found;
  return await keptBytes(source, row, tombstone, context.signal);
}

async function inPlace(context: Looking, row: ObjectRow, tombstone: TombstoneRecord): Promise<string | undefined> {
  const { source, centre } = endsOf(context, row);
  const here = await see(source, row.key, context.signal);
  if (here === undefined) return undefined;
  return await unlessMarker(source, here.size, () => isTombstone(context, row, tombstone, here, source, centre));
}

async function inHistory(
  context: Looking,
  row: ObjectRow,
  tombstone: TombstoneRecord,
  source: Store,
  versions: VersionStore,
): Promise<string | undefined> {
  const history = await versions.of(row.key, { signal: context.signal });
  const hidden = history.slice(0, -1).filter(({ marker }) => !marker).length;
  if (row.state === 'purged' && hidden > 0) {
    return `it was purged, and ${source.name} still has ${hidden} older versions of it`;
  }
  const top = history.at(-1);
  if (top === undefined || top.marker) return undefined;
  const { at, holdUntil } = tombstone;
  const { centre } = endsOf(context, row);
  const marker = markerFor(context, row, { step: 'tombstone', at, holdUntil, revision: row.revision }, centre);
  return await unlessMarker(source, top.size, () => isOwn(source, row.key, top, tombstone, marker, context.signal));
}

async function isOwn(
  source: Store,
  key: string,
  top: Version,
  { revision }: TombstoneRecord,
  marker: Marker,
  signal: AbortSignal,
): Promise<boolean> {
  if (top.size !== marker.bytes.byteLength) return false;
  if (top.revision === revision || historyRevision(top) === revision) return true;
  return await isMarker(source, key, marker, signal);
}

async function unlessMarker(
  source: Store,
  size: number,
  isMarkerThere: () => Promise<boolean>,
): Promise<string | undefined> {
  try {
    if (await isMarkerThere()) return undefined;
    return `${source.name} has an object of ${size} bytes in its place that is not ferry's marker`;
  } catch (error) {
    if (!isDenied(error)) throw error;
    return (
      `${source.name} has an object of ${size} bytes in its place that is listed in another way than ferry's marker was; ` +
      'only its bytes could tell, and these credentials may not read them'
    );
  }
}

/** Old bytes under a name of ferry's own, as far as they may be asked for. */
async function keptBytes(
  source: Store,
  row: ObjectRow,
  { kept, leaving }: TombstoneRecord,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const token of [kept, leaving]) {
    // In a history they are versions, which were counted.
    if (token === undefined || (source.versions !== undefined && source.staging?.holds(token) !== true)) continue;
    try {
      const head = await source.headKept(row.key, token, { signal });
      if (head !== undefined) return `it was purged, and ${source.name} still keeps ${head.size} bytes of it`;
    } catch (error) {
      // A right to see them is a right to read them: docs/audit.md says who tells of them.
      if (!isDenied(error)) throw error;
    }
  }
  return undefined;
}
