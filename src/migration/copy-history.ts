import type { VersionRecord } from '../ledger/history-book.ts';
import type { ObjectRow, TombstoneIntent } from '../ledger/rows.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { Version, VersionStore } from '../store/versions.ts';
import { atVersion } from '../store/wrap/at-version.ts';
import { digestOfObject } from './bytes.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { dropUpload } from './copy-parts.ts';
import { type CopiedVersion, copyVersion } from './copy-version.ts';
import { earlierAttempt } from './earlier-marker.ts';
import { freshOf, historyRevision, isWhole } from './history.ts';
import { bytesOfMarker, LARGEST_MARKER, SMALLEST_MARKER } from './marker.ts';

/** One key on its way from history to history. */
export interface HistoryWork {
  readonly context: StepContext;
  readonly row: ObjectRow;
  readonly source: Store;
  readonly centre: Store;
}

interface Way extends HistoryWork {
  readonly to: VersionStore;
  readonly records: VersionRecord[];
  /** What the centre has on top now. */
  newest: Version | undefined;
  sent: number;
}

/**
 * Copies a key with its whole history, oldest first, delete markers included. Each state is in the ledger, with both version ids, before
 * the next one is sent, so that a killed run goes on at the state where it was. What the centre has is never hidden or overwritten
 * but by the next state of the same history: a history that is already there, as far as it goes, counts as copied; any other is a conflict.
 */
export async function copyHistory(context: StepContext, row: ObjectRow): Promise<Outcome> {
  const { source, centre } = endsOf(context, row);
  const [from, to] = [source.versions, centre.versions];
  if (from === undefined || to?.state !== 'enabled') {
    return unresolved('failed', `${centre.name} keeps no versions: enable versioning there, or say versions: current`);
  }
  const barred = await context.keyGuard?.(row);
  if (barred !== undefined) return unresolved('failed', barred);
  const { signal } = context;
  const history = await from.of(row.key, { signal });
  const latest = history.at(-1);
  if (latest === undefined) return unresolved('gone', 'the source vanished before its copy');
  const known = context.history.of(row.id);
  const fresh = freshOf(history, known);
  if (fresh === undefined) {
    return unresolved('conflict', 'the history at the source is no continuation of what was copied of it');
  }
  const attempt = await arrivedLate(context, row, source, fresh);
  // What lies between is not to stay hidden: the step that put it there judges that when the copy is verified once more.
  if (attempt !== undefined) return { to: 'copied', change: { intent: attempt, reason: null, integrity: false } };
  const there = await to.of(row.key, { signal });
  const way: Way = { context, row, source, centre, to, records: [...known], newest: there.at(-1), sent: 0 };
  const rest = await adopt(way, fresh, there);
  if (!Array.isArray(rest)) return rest;
  try {
    for (const state of rest) {
      const refused = await append(way, state, state === latest);
      if (refused !== undefined) return refused;
    }
  } catch (error) {
    const outcome = writtenMeanwhile(way, error);
    const left = context.uploads.find(row.id);
    if (left !== undefined) await dropUpload(context, row.key, row.id, centre, left);
    return outcome;
  }
  if (!isWhole(await to.of(row.key, { signal }), way.records)) return foreign(way);
  return copied(way, latest);
}

/** The attempt whose marker is on top of a history that was copied before. */
async function arrivedLate(
  context: StepContext,
  row: ObjectRow,
  source: Store,
  fresh: readonly Version[],
): Promise<TombstoneIntent | undefined> {
  const top = fresh.at(-1);
  if (top === undefined || top.marker || row.sha256 === undefined) return undefined;
  if (top.size < SMALLEST_MARKER || top.size > LARGEST_MARKER) return undefined;
  const bytes = await bytesOfMarker(atVersion(source, top.version), row.key, context.signal);
  return bytes && earlierAttempt(context, row, bytes);
}

/** What the centre has beyond the ledger: states whose answer was lost, or the same history from elsewhere. @returns what is left to send. */
async function adopt(way: Way, fresh: readonly Version[], there: readonly Version[]): Promise<Version[] | Outcome> {
  const placed = way.records.filter(({ centreVersion }) => centreVersion !== undefined).length;
  if (!isWhole(there.slice(0, placed), way.records)) return foreign(way);
  const rest = [...fresh];
  for (const state of there.slice(placed)) {
    while (rest[0]?.marker === true && !state.marker && hidesNothing(way))
      await record(way, rest.shift() as Version, {}, undefined);
    const next = rest.shift();
    if (next === undefined || next.marker !== state.marker) return foreign(way);
    if (next.marker) {
      await record(way, next, {}, state.version);
      continue;
    }
    const same = await sameBytes(way, next, state);
    if (same === undefined) return foreign(way);
    await record(way, next, same, state.version);
  }
  return rest;
}

/** Whether a delete marker that comes next would hide nothing: there is none or another one below it. Not every server makes one then. */
function hidesNothing({ records }: Way): boolean {
  return records.at(-1)?.marker !== false;
}

async function sameBytes(way: Way, here: Version, there: Version): Promise<Partial<CopiedVersion> | undefined> {
  if (here.size !== there.size) return undefined;
  const { context, row, source, centre } = way;
  const { signal } = context;
  const read = await digestOfObject(atVersion(source, here.version), row.key, { signal });
  const copy = await digestOfObject(atVersion(centre, there.version), row.key, { signal });
  return read.sha256 === copy.sha256 ? { sha256: read.sha256, attributes: read.head.attributes } : undefined;
}

/** Sends one state on top of what the centre has. @returns an outcome where that ends the step. */
async function append(way: Way, state: Version, isLatest: boolean): Promise<Outcome | undefined> {
  if (state.marker) return await appendMarker(way, state);
  const over = way.newest === undefined || way.newest.marker ? undefined : way.newest.revision;
  const made = await copyVersion(way, state, over, isLatest);
  if ('to' in made) return made;
  way.sent += made.sent;
  const version = made.head.version ?? (await way.to.of(way.row.key, { signal: way.context.signal })).at(-1)?.version;
  if (version === undefined) return foreign(way);
  way.newest = { version, marker: false, size: state.size, revision: made.head.revision, modified: 0 };
  await record(way, state, made, version);
  return undefined;
}

async function appendMarker(way: Way, state: Version): Promise<Outcome | undefined> {
  const { to, row } = way;
  const { signal } = way.context;
  await to.mark(row.key, { signal });
  const [below, top] = (await to.of(row.key, { signal })).slice(-2) as [Version | undefined, Version | undefined];
  const newest = top ?? below;
  const added = newest?.marker === true && newest.version !== way.newest?.version;
  const under = top === undefined ? undefined : below;
  if (added ? under?.version !== way.newest?.version : newest?.version !== way.newest?.version) {
    // Someone wrote there at this moment: what they wrote is not to stay hidden.
    if (added) await to.remove(row.key, newest.version, { signal });
    return foreign(way);
  }
  if (!added && !hidesNothing(way))
    return unresolved('failed', `${way.centre.name} made no delete marker when it was asked to`);
  if (added) way.newest = newest;
  await record(way, state, {}, added ? newest.version : undefined);
  return undefined;
}

async function record(
  way: Way,
  state: Version,
  made: Partial<CopiedVersion>,
  centreVersion: string | undefined,
): Promise<void> {
  const entry: VersionRecord = {
    position: way.records.length + 1,
    sourceVersion: state.version,
    marker: state.marker,
    size: state.size,
    revision: state.revision,
    sha256: made.sha256,
    composite: made.composite,
    attributes: made.attributes ?? {},
    centreVersion,
  };
  await way.context.history.arrived(way.row.id, entry);
  way.records.push(entry);
}

function copied(way: Way, latest: Version): Outcome {
  const top = way.records.at(-1);
  const digest = way.records.findLast(({ sha256 }) => sha256 !== undefined)?.sha256;
  return {
    to: 'copied',
    ...(way.sent > 0 ? { moved: way.sent } : {}),
    change: {
      size: latest.size,
      revision: historyRevision(latest),
      // Of a deleted key, the digest of its last bytes: it tells that something of it is at the centre.
      ...(digest === undefined ? {} : { sha256: digest }),
      composite: top?.composite ?? null,
      centreRevision: way.newest?.version ?? '',
      attributes: top?.attributes ?? {},
      intent: null,
      reason: null,
      integrity: false,
    },
  };
}

function foreign(way: Way): Outcome {
  return unresolved(
    'conflict',
    `${way.centre.name} holds another history under this key than was copied: it is left as it is`,
  );
}

/** A write that found something else on top than the state before it: either its own lost answer, or someone else. */
function writtenMeanwhile(way: Way, error: unknown): Outcome {
  if (!(error instanceof StoreError)) throw error;
  if (error.kind === 'exists' || (error.kind === 'precondition' && error.store === way.centre.name))
    return foreign(way);
  if (error.kind !== 'precondition' && error.kind !== 'absent') throw error;
  // A version has gone from the source between listing and reading: the next attempt sees what is left.
  const { store, key = way.row.key, why } = error;
  throw new StoreError({ kind: 'changed', store, op: 'read version', key, why });
}
