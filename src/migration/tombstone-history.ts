import type { ObjectRow, TombstoneIntent } from '../ledger/rows.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { Version, VersionStore } from '../store/versions.ts';
import { digestOfObject } from './bytes.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { type Covering, judgeCovering, tellsCovered } from './covering.ts';
import { attemptThere } from './earlier-marker.ts';
import { sameAttributes } from './fidelity.ts';
import { freshOf, historyRevision, isWhole } from './history.ts';
import { keptAs, timesOf } from './keeping.ts';
import { type Marker, markerFor } from './marker.ts';

/** The state of the source that the marker may be put over: the newest one that was copied. */
export function historyTombstoneRevision(context: StepContext, row: ObjectRow): string {
  return context.history.of(row.id).at(-1)?.revision ?? '';
}

/**
 * Puts a marker on top of a history whose every state is verified at the centre, if nothing was added to it since and the centre's is
 * whole. In a bucket with versioning all older states stay below the marker. A key that its application has deleted has a delete
 * marker on top already: that one stands for the tombstone, and nothing is written, so that the key does not come to light again.
 */
export async function tombstoneHistory(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
): Promise<Outcome> {
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  const [from, to] = [source.versions, centre.versions];
  if (from === undefined || to === undefined) throw new Error(`object ${row.id} has no history to be tombstoned`);
  const already = await putBefore(context, row, intent);
  if (already !== undefined) return already;
  const marker = markerFor(context, row, intent, centre);
  const before = await from.of(row.key, { signal });
  const records = context.history.of(row.id);
  if (!isWhole(await to.of(row.key, { signal }), records)) {
    return unresolved(
      'conflict',
      'the history at the centre is not the one that was verified; the source is left as it is',
    );
  }
  const newest = before.at(-1);
  const last = records.at(-1);
  if (newest === undefined) {
    return unresolved(
      'conflict',
      'the source was deleted for good after its copy: decide whether the copy must go too',
    );
  }
  const isLast = last?.sourceVersion === newest.version && last.revision === newest.revision;
  if (!isLast || freshOf(before, records)?.length !== 0) {
    return unresolved('conflict', 'the source was written after its copy');
  }
  if (newest.marker) return done(source, row, intent, newest, undefined, true);
  const head = await from.head(row.key, newest.version, { signal });
  if (head === undefined || !sameAttributes(row.attributes, head.attributes, context.clock.now())) {
    return unresolved('conflict', 'what the source carries beside its bytes changed after its copy');
  }
  if (intent.withoutCas === true && !(await isNewest(source, row, newest, signal))) {
    return unresolved('conflict', 'the source was written after its copy');
  }
  return await swap({ context, row, intent, source, from, marker, newest });
}

/** Whether the object as it is now, read to its end, is the newest version that was copied. */
async function isNewest(source: Store, row: ObjectRow, newest: Version, signal: AbortSignal): Promise<boolean> {
  const { head, sha256 } = await digestOfObject(source, row.key, { signal });
  return sha256 === row.sha256 && (head.version ?? 'null') === newest.version;
}

/**
 * The outcome of a tombstone whose marker is in the history already, put there by a run that was killed before it could say so, or by an
 * attempt whose answer was lost.
 */
export async function putBefore(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
): Promise<Outcome | undefined> {
  const { source } = endsOf(context, row);
  const { signal } = context;
  if (tellsCovered(source)) {
    const bound = { version: intent.version ?? context.history.of(row.id).at(-1)?.sourceVersion };
    const covering = await judgeCovering(context, row, intent, bound);
    return covering && judged(source, row, covering);
  }
  const put = (await source.versions?.of(row.key, { signal }))?.at(-1);
  const attempt = put?.marker === false ? await attemptThere(context, row, intent, put) : undefined;
  return put === undefined || attempt === undefined ? undefined : done(source, row, attempt, put, undefined, false);
}

async function swap(work: {
  readonly context: StepContext;
  readonly row: ObjectRow;
  readonly intent: TombstoneIntent;
  readonly source: Store;
  readonly from: VersionStore;
  readonly marker: Marker;
  readonly newest: Version;
}): Promise<Outcome> {
  const { context, row, intent, source, from, marker, newest } = work;
  const { signal } = context;
  const hidden = context.history.of(row.id).find(({ sourceVersion }) => sourceVersion === 'null');
  let version: string | undefined;
  try {
    const { head } = await source.replace(row.key, newest.revision, marker.bytes, {
      size: marker.bytes.byteLength,
      sha256: marker.sha256,
      attributes: marker.attributes,
      signal,
      ...(hidden === undefined ? {} : { overNull: hidden.revision }),
      ...(intent.withoutCas === true ? { unconditional: true } : {}),
    });
    version = head.version;
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
    const put = await putBefore(context, row, intent);
    return put ?? unresolved('conflict', `the source was written after its copy (${error.why})`);
  }
  if (tellsCovered(source)) {
    const covering = await judgeCovering(context, row, intent, newest, version);
    if (covering !== undefined) return judged(source, row, covering);
  }
  // Suspended, the marker took the place of `null`, and what lies below it may be any older state.
  const after = await from.of(row.key, { signal });
  const put = after.findLast(({ marker: deletes, size }) => !deletes && size === marker.bytes.byteLength);
  if (put === undefined) return unresolved('conflict', 'the marker was removed at once by someone else');
  return done(source, row, intent, put, undefined, false);
}

function judged(source: Store, row: ObjectRow, covering: Covering): Outcome {
  if (covering.to === 'conflict') return unresolved('conflict', covering.reason);
  return done(source, row, covering.attempt, covering.top, covering.kept, false, covering.kept);
}

function done(
  source: Store,
  row: ObjectRow,
  intent: TombstoneIntent,
  top: Version,
  kept: string | undefined,
  deleted: boolean,
  over?: string,
): Outcome {
  const tombstone = {
    revision: historyRevision(top),
    ...timesOf(row, intent),
    ...keptAs(source, row, intent, kept),
    ...(over === undefined ? {} : { over }),
    ...(deleted ? { deleted } : {}),
  };
  return { to: 'tombstoned', change: { tombstone, intent: null, reason: null, integrity: false } };
}
