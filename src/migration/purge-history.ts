import type { ObjectRow, TombstoneRecord } from '../ledger/rows.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { Version, VersionStore } from '../store/versions.ts';
import { atVersion } from '../store/wrap/at-version.ts';
import { digestOfObject } from './bytes.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { hidesNewer } from './covering.ts';
import { historyRevision, movesHistory } from './history.ts';
import { takeBack } from './late-writes.ts';
import { isMarker, markerFor } from './marker.ts';
import { IS_MARKER, type PurgeMeans, type Removed, writtenAgain } from './purge.ts';
import { reading } from './see.ts';

/**
 * Purges a key of a bucket with histories: all states that a verified copy stands for, by their ids, then the marker's own version.
 * A state that nobody copied, or that a lock holds, stays, and the marker with it.
 */
export async function purgeHistory(
  context: StepContext,
  row: ObjectRow,
  tombstone: TombstoneRecord,
  means: PurgeMeans,
): Promise<Removed | Outcome> {
  const { source } = endsOf(context, row);
  const { signal } = context;
  const versions = source.versions as VersionStore;
  const history = await versions.of(row.key, { signal });
  const top = history.at(-1);
  if (top === undefined) return { versions: 0, markers: 0, uploads: 0, marker: 'removed' };
  if (!(await isOwn(context, row, tombstone, source, top))) return writtenAgain();
  if (hidesNewer(source, row, history)) return await takeBack(context, row);
  const hidden = history.slice(0, -1);
  const uncopied = await uncopiedOf(context, row, tombstone, source, hidden);
  if (uncopied > 0) {
    const reason = `${uncopied} older versions were never copied (versions: current): nothing was purged`;
    return { to: row.state, change: { reason, intent: null } };
  }
  if (
    versions.state === 'suspended' &&
    hidden.some(({ version }) => version === 'null') &&
    !deletesAsIs(source, means)
  ) {
    const reason =
      'versioning is suspended: its hidden version null could by then be what someone writes, and nothing was purged; ' +
      'enable versioning, or say tombstone: { markers: remove } once nobody writes there';
    return { to: row.state, change: { reason, intent: null } };
  }
  const locked = await dropAll(source, row.key, hidden, signal);
  if (locked !== undefined) return unresolved('held', locked);
  const left = !(await dropTop(versions, source, row.key, top, means, signal));
  const rest = (await versions.of(row.key, { signal })).length;
  if (rest > (left ? 1 : 0))
    return unresolved('conflict', 'the source was written while it was purged: what was written stays');
  const markers = hidden.filter(({ marker }) => marker).length + (top.marker ? 1 : 0);
  return {
    versions: hidden.length - hidden.filter(({ marker }) => marker).length,
    markers,
    uploads: 0,
    marker: left ? 'left' : 'removed',
  };
}

/** Whether the newest state is the one that the tombstone left there. */
async function isOwn(
  context: StepContext,
  row: ObjectRow,
  tombstone: TombstoneRecord,
  source: Store,
  top: Version,
): Promise<boolean> {
  if (tombstone.deleted === true) return top.marker && historyRevision(top) === tombstone.revision;
  if (top.marker) return false;
  const { at, holdUntil } = tombstone;
  const { centre } = endsOf(context, row);
  const marker = markerFor(context, row, { step: 'tombstone', at, holdUntil, revision: row.revision }, centre);
  if (top.size !== marker.bytes.byteLength) return false;
  // As the ledger has it, by ETag and where histories move by version too: then nobody's bytes have to be read.
  if (top.revision === tombstone.revision || historyRevision(top) === tombstone.revision) return true;
  return await reading(IS_MARKER, () => isMarker(source, row.key, marker, context.signal));
}

/** How many hidden states with bytes no verified copy stands for. */
async function uncopiedOf(
  context: StepContext,
  row: ObjectRow,
  tombstone: TombstoneRecord,
  source: Store,
  hidden: readonly Version[],
): Promise<number> {
  const records = movesHistory(context, row) ? context.history.of(row.id) : [];
  let uncopied = 0;
  for (const state of hidden) {
    if (state.marker || state.version === tombstone.kept) continue;
    const known = records.some(
      ({ sourceVersion, revision }) => sourceVersion === state.version && revision === state.revision,
    );
    if (!known && !(await hasSameBytes(context, row, source, state))) uncopied += 1;
  }
  return uncopied;
}

/** A version whose id the ledger does not know, as where versioning is suspended: its bytes tell. */
async function hasSameBytes(context: StepContext, row: ObjectRow, source: Store, state: Version): Promise<boolean> {
  if (state.size !== row.size || row.sha256 === undefined) return false;
  const { sha256 } = await reading('whether an older version is the one that was copied', () =>
    digestOfObject(atVersion(source, state.version), row.key, { signal: context.signal }),
  );
  return sha256 === row.sha256;
}

/** Removes states by their ids, all that can go. @returns why one has to stay, if a lock holds it. */
async function dropAll(
  source: Store,
  key: string,
  states: readonly Version[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const drop = source.purge.dropVersion;
  if (drop === undefined) throw new Error(`${source.name} removes no versions`);
  const ended = await Promise.allSettled(
    states.map(({ version }) => drop.call(source.purge, { key, version }, { signal })),
  );
  const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  const other = failures.find((error) => !(error instanceof StoreError && error.kind === 'locked'));
  if (other !== undefined) throw other;
  const locked = failures[0];
  if (!(locked instanceof StoreError)) return undefined;
  return failures.length === 1 ? locked.why : `${locked.why}, and ${failures.length - 1} more versions`;
}

function deletesAsIs(source: Store, means: PurgeMeans): boolean {
  return means.marker(source.name) === 'as-is';
}

/** @returns whether it is gone. A suspended bucket's `null` is whatever was written last: only the id of a real version is the marker's alone. */
async function dropTop(
  versions: VersionStore,
  source: Store,
  key: string,
  top: Version,
  means: PurgeMeans,
  signal: AbortSignal,
): Promise<boolean> {
  if (versions.state === 'suspended' && top.version === 'null' && !deletesAsIs(source, means)) return false;
  await dropAll(source, key, [top], signal);
  return true;
}
