import type { ObjectRow, TombstoneIntent, TombstoneRecord } from '../ledger/rows.ts';
import type { Store } from '../store/store.ts';
import type { Version, VersionStore } from '../store/versions.ts';
import { collect } from './bytes.ts';
import { historyRevision } from './history.ts';
import type { Marker } from './marker.ts';

/** What a marker came to lie on. */
export type Covering =
  | { readonly to: 'covers' /** The marker's own. */; readonly top: Version; readonly kept: string | undefined }
  | { readonly to: 'conflict'; readonly reason: string };

/** Whether a history tells what a marker has covered: where versioning is suspended, a write takes the place of another. */
export function tellsCovered(source: Store): source is Store & { readonly versions: VersionStore } {
  return source.versions?.state === 'enabled';
}

/**
 * Finds ferry's marker in an object's history and what it lies on. It has to be on top, right on the version that was copied: a condition
 * by ETag cannot tell the same bytes written again with other metadata, and a server may honour none at all. Where anything else came
 * between or on top, the marker is taken away again by its own id, and every version that anyone wrote is there as before. So are markers
 * of attempts whose answer was lost, but for one.
 *
 * @param put the id of the marker's version, where the server told it; else it is known by its bytes.
 * @returns `undefined` where the history has no such marker.
 */
export async function judgeCovering(
  versions: VersionStore,
  row: ObjectRow,
  intent: Pick<TombstoneIntent, 'version'>,
  marker: Marker,
  signal: AbortSignal,
  put?: string,
): Promise<Covering | undefined> {
  const history = await versions.of(row.key, { signal });
  const own: Version[] = [];
  for (const state of history) {
    if (state.version === put || (await isOwn(versions, row.key, state, marker, signal))) own.push(state);
  }
  const [lowest, top] = [own[0], own.at(-1)];
  if (lowest === undefined || top === undefined) return undefined;
  const below = history[history.indexOf(lowest) - 1];
  // An intent of before did not say which version it meant.
  const isCopied = intent.version === undefined ? below?.marker !== true : below?.version === intent.version;
  const alone = history.slice(history.indexOf(lowest)).every((state) => own.includes(state));
  if (isCopied && alone) {
    for (const spare of own.slice(0, -1)) await versions.remove(row.key, spare.version, { signal });
    return { to: 'covers', top, kept: below?.version };
  }
  for (const one of own) await versions.remove(row.key, one.version, { signal });
  const reason = alone
    ? 'the source was written after its copy, in the moment of the tombstone; the marker was taken away again'
    : 'the source was written or deleted in the moment of the tombstone; the marker was taken away again';
  return { to: 'conflict', reason };
}

async function isOwn(
  versions: VersionStore,
  key: string,
  { version, size, marker: deletes }: Version,
  marker: Marker,
  signal: AbortSignal,
): Promise<boolean> {
  if (deletes || size !== marker.bytes.byteLength) return false;
  const { body } = await versions.read(key, version, { signal });
  return Buffer.compare(await collect(body), marker.bytes) === 0;
}

/**
 * Whether a tombstone hides a write or a delete that is newer than what was copied. A server may order versions by a time that it takes
 * before a write has its turn (MinIO does): a write that was under way while the marker was put then comes to lie beneath it, after
 * ferry has looked. The same holds for another node of a cluster, whose clock is behind.
 *
 * @param history oldest first.
 */
export function hidesNewer(source: Store, row: ObjectRow, history: readonly Version[]): boolean {
  const { tombstone } = row;
  const over = tombstone && coveredBy(source, tombstone);
  if (tombstone === undefined || over === undefined) return false;
  const isOwn = (state: Version): boolean =>
    !state.marker && (state.revision === tombstone.revision || historyRevision(state) === tombstone.revision);
  // An attempt to show a delete again was cut off after it had taken the marker away.
  if (!history.some(isOwn)) return history.at(-1)?.marker === true;
  const below = history.findLastIndex((state) => !isOwn(state));
  // What lies on top was written over the tombstone: listings tell of that.
  if (below === history.length - 1) return false;
  const copied = history.findIndex(({ version }) => version === over);
  return copied !== -1 && copied < below;
}

/** `undefined` where no history tells, or the ledger was not told. */
export function coveredBy(source: Store, { over, kept, deleted }: TombstoneRecord): string | undefined {
  if (deleted === true || !tellsCovered(source)) return undefined;
  return over ?? (kept !== undefined && source.staging?.holds(kept) !== true ? kept : undefined);
}
