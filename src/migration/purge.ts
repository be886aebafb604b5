import { holdEnd, type ObjectRow, type PurgeRecord, type TombstoneRecord } from '../ledger/rows.ts';
import { type Store, StoreError } from '../store/store.ts';
import { endsOf, isVerifiedCopy, type Outcome, type StepContext, unresolved } from './context.ts';
import { isWhole, movesHistory } from './history.ts';
import { isTombstone } from './marker.ts';
import { purgeHistory } from './purge-history.ts';
import { isDenied, mustRead, reading, see } from './see.ts';

/**
 * How a marker may go from a bucket without histories: by a DELETE that the server was shown to bind to the marker's state, by one without
 * a condition because the plan says so, or not at all.
 */
export type MarkerWay = 'if-unchanged' | 'as-is' | 'leave';

/** What a purge has to know of the sources. */
export interface PurgeMeans {
  readonly marker: (store: string) => MarkerWay;
  /** When the last listing of a source began, in milliseconds since 1970: an unfinished upload that is older is nobody's work. */
  readonly listedAt: (store: string) => number;
}

/** What the bytes of an object at a source are read for. */
export const IS_MARKER = 'whether the object is the marker of this tombstone';

/** What is taken away in one purge of one object. */
export type Removed = Omit<PurgeRecord, 'at'>;

/**
 * Removes for good what a tombstone past its hold still hides, and the marker. Before that the copy at the centre is looked at once more,
 * and at the source everything has to be as the tombstone left it. Each thing is removed by its own exact name. May be taken again
 * after any stop: what is gone is gone.
 */
export async function purge(context: StepContext, row: ObjectRow, means: PurgeMeans): Promise<Outcome> {
  const { tombstone, intent } = row;
  if (tombstone === undefined || intent?.step !== 'purge') {
    throw new Error(`object ${row.id} is to be purged but is ${row.state} and its intent is not written`);
  }
  if (intent.at < holdEnd(tombstone)) throw new Error(`object ${row.id} is to be purged within its hold`);
  try {
    return await purged(context, row, tombstone, intent.at, means);
  } catch (error) {
    // What is left stays as it is, for credentials that may.
    if (isDenied(error)) return { to: row.state, change: { reason: error.message } };
    throw error;
  }
}

async function purged(
  context: StepContext,
  row: ObjectRow,
  tombstone: TombstoneRecord,
  at: number,
  means: PurgeMeans,
): Promise<Outcome> {
  const { source } = endsOf(context, row);
  const gone = await missingCopy(context, row);
  if (gone !== undefined) return { to: row.state, change: { reason: gone, integrity: true, intent: null } };
  const removed =
    source.versions === undefined
      ? await purgeObject(context, row, tombstone, means)
      : await purgeHistory(context, row, tombstone, means);
  if ('to' in removed) return removed;
  // Beside a history: a copy that was put aside is under a key of its own.
  const { kept } = tombstone;
  const aside = source.versions !== undefined && kept !== undefined && source.staging?.holds(kept) === true;
  if (aside) await source.purge.dropKept(row.key, kept, { signal: context.signal });
  const uploads = await abortUploads(context, row, source, means.listedAt(source.name));
  const record: PurgeRecord = { ...removed, uploads: removed.uploads + uploads, at };
  return { to: 'purged', change: { purge: record, intent: null, reason: null, integrity: false } };
}

/** Why the copy at the centre does not count any more, if it does not. */
async function missingCopy(context: StepContext, row: ObjectRow): Promise<string | undefined> {
  const { centre } = endsOf(context, row);
  const { signal } = context;
  if (movesHistory(context, row)) {
    const there = (await centre.versions?.of(row.key, { signal })) ?? [];
    if (isWhole(there, context.history.of(row.id))) return undefined;
  } else {
    const there = await see(centre, row.key, signal);
    if (isVerifiedCopy(row, there)) return undefined;
    if (there?.listed === true) throw mustRead(centre.name, row.key, 'whether it is the copy that was verified');
  }
  return `the copy at ${centre.name} is not the one that was verified: nothing was purged`;
}

/** A store without histories: the kept bytes go first, then the marker, so that what is cut off can be found again by its key. */
async function purgeObject(
  context: StepContext,
  row: ObjectRow,
  tombstone: TombstoneRecord,
  means: PurgeMeans,
): Promise<Removed | Outcome> {
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  const here = await see(source, row.key, signal);
  const isOurs =
    here === undefined || (await reading(IS_MARKER, () => isTombstone(context, row, tombstone, here, source, centre)));
  if (!isOurs) return writtenAgain();
  try {
    // A run that was cut off may have left bytes that nothing relies on.
    for (const token of [tombstone.kept, tombstone.leaving]) {
      if (token !== undefined) await source.purge.dropKept(row.key, token, { signal });
    }
    const left = here !== undefined && !(await dropMarker(source, row.key, here.revision, means, signal));
    return {
      versions: tombstone.kept === undefined ? 0 : 1,
      markers: 0,
      uploads: 0,
      marker: left ? 'left' : 'removed',
    };
  } catch (error) {
    return refusedRemoval(error);
  }
}

/** @returns whether it is gone. */
async function dropMarker(
  source: Store,
  key: string,
  revision: string,
  means: PurgeMeans,
  signal: AbortSignal,
): Promise<boolean> {
  const way = source.kind === 's3' ? means.marker(source.name) : 'if-unchanged';
  if (way === 'leave') return false;
  await source.purge.dropMarker(key, revision, { signal, asIs: way === 'as-is' });
  return true;
}

export function writtenAgain(): Outcome {
  return unresolved('conflict', 'the source was written again after its tombstone: nothing was purged');
}

/** What a store would not remove: a lock holds it, or it is not what was hidden. Anything else is the engine's to try again. */
export function refusedRemoval(error: unknown): Outcome {
  if (!(error instanceof StoreError)) throw error;
  if (error.kind === 'locked') return unresolved('held', error.why);
  if (error.kind !== 'precondition') throw error;
  return unresolved('conflict', `the source was written after its tombstone (${error.why}): it was left as it is`);
}

/** Parts that were sent to this key and never became an object are user data too. */
async function abortUploads(context: StepContext, row: ObjectRow, source: Store, before: number): Promise<number> {
  const { signal } = context;
  if (source.parts === undefined) return 0;
  const old = (await source.parts.uploads(row.key, { signal })).filter(({ begun }) => begun < before);
  for (const { id } of old) await source.parts.abort(row.key, id, { signal });
  return old.length;
}
