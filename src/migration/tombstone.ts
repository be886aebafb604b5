import { isUnresolved } from '../ledger/lifecycle.ts';
import type { ObjectRow, TombstoneIntent } from '../ledger/rows.ts';
import { type ObjectHead, type Replaced, type Store, StoreError } from '../store/store.ts';
import { digestOfObject } from './bytes.ts';
import { endsOf, isVerifiedCopy, type Outcome, type StepContext, unresolved } from './context.ts';
import { copy } from './copy.ts';
import { type Covering, judgeCovering, tellsCovered } from './covering.ts';
import { attemptThere } from './earlier-marker.ts';
import { sameAttributes } from './fidelity.ts';
import { movesHistory } from './history.ts';
import { keepAt } from './keep.ts';
import { keepOf, keptAs, stage, timesOf, unstage } from './keeping.ts';
import { type Marker, markerFor } from './marker.ts';
import { historyTombstoneRevision, putBefore, tombstoneHistory } from './tombstone-history.ts';

/**
 * What is written to the ledger before the step: all that the marker depends on, so that it is the same after a crash, and the very
 * state of the source that may be replaced.
 */
export async function tombstoneIntent(context: StepContext, row: ObjectRow): Promise<TombstoneIntent> {
  const { source } = endsOf(context, row);
  const history = movesHistory(context, row);
  const here = history ? undefined : await source.head(row.key, { signal: context.signal });
  const revision = history
    ? historyTombstoneRevision(context, row)
    : here && (await unchangedRevision(context, source, row, here.revision));
  const version = history ? context.history.of(row.id).at(-1)?.sourceVersion : versionOf(source, here);
  const at = context.clock.now();
  return {
    step: 'tombstone',
    at,
    holdUntil: at + context.plan.tombstone.holdMs,
    revision: revision ?? row.revision,
    keep: keepAt(context.plan, source),
    ...(version === undefined ? {} : { version }),
    ...(context.withoutCas?.has(source.name) === true ? { withoutCas: true } : {}),
  };
}

/** The id of the state that the object is in, where its history tells what a marker covers. Not every server names `null`. */
function versionOf(source: Store, here: ObjectHead | undefined): string | undefined {
  return here === undefined || !tellsCovered(source) ? undefined : (here.version ?? 'null');
}

/**
 * Puts a marker in the place of a source object whose copy is verified, if and only if nobody has written the source since it
 * was read and the verified copy is still at the centre. The swap itself is the store's compare-and-swap: no write can fall
 * between the check and the marker. May be taken again after any stop: it finds its own marker.
 */
export async function tombstone(context: StepContext, row: ObjectRow): Promise<Outcome> {
  if (row.state !== 'verified' || row.intent?.step !== 'tombstone') {
    throw new Error(`object ${row.id} is to be tombstoned but is ${row.state} and its intent is not written`);
  }
  if (movesHistory(context, row)) return await tombstoneHistory(context, row, row.intent);
  const { intent } = row;
  const { source, centre } = endsOf(context, row);
  const marker = markerFor(context, row, intent, centre);
  const outcome = await put(context, row, intent, source, centre, marker);
  if (outcome.to !== 'tombstoned') await undone(context, row, intent, source);
  return outcome;
}

/** Leaves nothing of an attempt that did not come to a tombstone, while its intent is still in the ledger. */
async function undone(context: StepContext, row: ObjectRow, intent: TombstoneIntent, source: Store): Promise<void> {
  const { signal } = context;
  // A marker whose answer was lost may lie below what someone wrote since.
  if (tellsCovered(source)) await judgeCovering(context, row, intent, { version: NONE });
  await unstage(row, intent, source, signal);
}

/** No version has this id: whatever a marker lies on, it is taken away. */
const NONE = '';

async function put(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  source: Store,
  centre: Store,
  marker: Marker,
): Promise<Outcome> {
  const { signal } = context;
  const copyNow = await centre.head(row.key, { signal });
  const here = await source.head(row.key, { signal });
  const attempt = await attemptThere(context, row, intent, here);
  if (here !== undefined && attempt !== undefined) {
    // A run before this one put it there and was killed before it could say so.
    return await found(context, row, attempt, source, here.revision);
  }
  if (!isVerifiedCopy(row, copyNow)) {
    if (here === undefined) await bringBack(source, row.key, intent, signal);
    return unresolved(
      'conflict',
      'the copy at the centre is not the one that was verified; the source is left as it is',
    );
  }
  if (here === undefined && !(await cutShort(source, row.key, intent, signal))) {
    if (await bringBack(source, row.key, intent, signal))
      return unresolved('conflict', 'the source was written while its tombstone was begun');
    return unresolved('conflict', 'the source was deleted after its copy: decide whether the copy must go too');
  }
  if (here !== undefined && here.revision !== intent.revision) {
    return await changed(context, source, row, here.revision, 'the source changed after its copy');
  }
  if (here !== undefined && intent.version !== undefined && versionOf(source, here) !== intent.version) {
    return await changed(context, source, row, here.revision, 'the source changed after its copy');
  }
  // An ETag follows the bytes alone: new metadata over the same bytes shows only here.
  if (here !== undefined && !sameAttributes(row.attributes, here.attributes, context.clock.now())) {
    return unresolved('conflict', 'what the source carries beside its bytes changed after its copy');
  }
  if (intent.withoutCas === true && !(await isCopied(source, row, intent, signal))) {
    return unresolved('conflict', 'the source changed after its copy');
  }
  const staged = here === undefined ? undefined : await stage(context, row, intent, source);
  if (typeof staged === 'object') return staged;
  return await swap(context, row, intent, source, marker, staged);
}

/** Whether the object as it is now, read to its end, is what was copied. */
async function isCopied(source: Store, row: ObjectRow, intent: TombstoneIntent, signal: AbortSignal): Promise<boolean> {
  try {
    const { head, sha256 } = await digestOfObject(source, row.key, { signal });
    return sha256 === row.sha256 && versionOf(source, head) === intent.version;
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'absent') return false;
    throw error;
  }
}

/**
 * The source is not in the state that was to be replaced: a conflict, unless its bytes are those that were copied. Then the step is
 * to be taken anew, with a new intent.
 */
async function changed(
  context: StepContext,
  source: Store,
  row: ObjectRow,
  now: string | undefined,
  reason: string,
): Promise<Outcome> {
  const same = now !== undefined && (await unchangedRevision(context, source, row, now)) !== undefined;
  return same ? { to: 'verified', change: { intent: null } } : unresolved('conflict', reason);
}

/**
 * Finds out what became of a tombstone that was begun, possibly long ago: its marker is there, or the step was cut off between hiding
 * the old bytes and showing the marker, or it had no effect. Hidden bytes come back, so that a new attempt looks at everything
 * again and its hold starts anew. An object that needs a person goes on from the copy on, its marker counting as the source.
 */
export async function settle(context: StepContext, row: ObjectRow): Promise<Outcome> {
  const intent = begunTombstone(row);
  if (intent === undefined) throw new Error(`object ${row.id} has no tombstone that was begun`);
  if (movesHistory(context, row) && row.state === 'verified') {
    return (await putBefore(context, row, intent)) ?? { to: 'verified', change: { intent: null } };
  }
  const { source } = endsOf(context, row);
  const { signal } = context;
  const here = await source.head(row.key, { signal });
  const attempt = await attemptThere(context, row, intent, here);
  if (here !== undefined && attempt !== undefined) {
    if (row.state !== 'verified') return { to: 'copied', change: { intent: attempt, reason: null, integrity: false } };
    const outcome = await found(context, row, attempt, source, here.revision);
    if (outcome.to !== 'tombstoned') await undone(context, row, intent, source);
    return outcome;
  }
  if (row.intent !== undefined) {
    if (here === undefined) await bringBack(source, row.key, intent, signal);
    await undone(context, row, intent, source);
  }
  return row.state === 'verified' ? { to: 'verified', change: { intent: null } } : await copy(context, row);
}

/**
 * The tombstone whose marker may be at the source although the object is not `tombstoned`. A marker that was only touched (its mode, a
 * backup's hard link) has another revision, and the inventory cannot tell that from a new object.
 */
export function begunTombstone(row: ObjectRow): TombstoneIntent | undefined {
  if (row.intent?.step === 'tombstone') return row.intent;
  if (row.tombstone === undefined || !isUnresolved(row.state)) return undefined;
  const { at, holdUntil } = row.tombstone;
  return { step: 'tombstone', at, holdUntil, revision: row.revision };
}

/** The outcome where the marker is there already, of the intent in the ledger or of an earlier attempt. */
async function found(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  source: Store,
  revision: string,
): Promise<Outcome> {
  const { signal } = context;
  // What lies below a marker that was told of before was judged then.
  const isKnown = row.tombstone?.at === intent.at;
  if (!isKnown && tellsCovered(source)) {
    const covering = await judgeCovering(context, row, intent, intent);
    if (covering?.to === 'conflict') return unresolved('conflict', covering.reason);
    if (covering !== undefined) return covered(source, row, covering);
  }
  const token =
    keepOf(source, intent) === 'staged' && source.staging !== undefined
      ? source.staging.token(row.key, intent.revision)
      : source.keptToken(row.key, intent.revision);
  const isKept = token !== undefined && (await source.headKept(row.key, token, { signal })) !== undefined;
  return done(source, row, intent, revision, isKept ? token : undefined);
}

/**
 * Shows the old bytes again where an attempt was cut off after hiding them, also where a program that had them open has written them
 * since. Whatever someone wrote there meanwhile stays.
 *
 * @returns whether they are back.
 */
async function bringBack(source: Store, key: string, intent: TombstoneIntent, signal: AbortSignal): Promise<boolean> {
  const token = source.keptToken(key, intent.revision);
  if (token === undefined || (await source.headKept(key, token, { signal })) === undefined) return false;
  try {
    await source.reinstate(key, undefined, token, { signal });
    return true;
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
    return false;
  }
}

/**
 * The revision of the source now, if its bytes and attributes are still those that were copied; else `undefined`. A revision also
 * changes when nobody wrote: a file's when its mode or another hard link of it is touched. Then the bytes are read again, and the
 * swap is bound to the very state that was read.
 */
async function unchangedRevision(
  { clock, signal }: StepContext,
  source: Store,
  row: ObjectRow,
  now: string,
): Promise<string | undefined> {
  if (now === row.revision) return now;
  try {
    const { head, sha256 } = await digestOfObject(source, row.key, { signal });
    const same = sha256 === row.sha256 && sameAttributes(head.attributes, row.attributes, clock.now());
    return same ? head.revision : undefined;
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'absent') return undefined;
    throw error;
  }
}

async function swap(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  source: Store,
  marker: Marker,
  staged: string | undefined,
): Promise<Outcome> {
  const { signal } = context;
  let replaced: Replaced;
  try {
    replaced = await source.replace(row.key, intent.revision, marker.bytes, {
      size: marker.bytes.byteLength,
      sha256: marker.sha256,
      attributes: marker.attributes,
      signal,
      ...(intent.withoutCas === true ? { unconditional: true } : {}),
    });
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
    // Either someone wrote, or a marker of ours arrived whose answer was lost. Only the bytes can tell.
    const now = await source.head(row.key, { signal });
    const attempt = await attemptThere(context, row, intent, now);
    if (now !== undefined && attempt !== undefined) return await found(context, row, attempt, source, now.revision);
    // Whoever had the file open may have written it while it was hidden and nothing in its place.
    if (now === undefined) await bringBack(source, row.key, intent, signal);
    return await changed(context, source, row, now?.revision, `the source changed after its copy (${error.why})`);
  }
  const { head, kept } = replaced;
  if (tellsCovered(source)) {
    const covering = await judgeCovering(context, row, intent, intent, head.version);
    if (covering?.to === 'covers') return covered(source, row, covering);
    return unresolved('conflict', covering?.reason ?? 'the marker was removed at once by someone else');
  }
  return done(source, row, intent, head.revision, staged ?? kept);
}

/** Whether an earlier attempt was cut between hiding the old bytes and showing the marker: they are then whole where it keeps them. */
async function cutShort(source: Store, key: string, intent: TombstoneIntent, signal: AbortSignal): Promise<boolean> {
  const token = source.keptToken(key, intent.revision);
  if (token === undefined) return false;
  const kept = await source.headKept(key, token, { signal });
  return kept?.revision === intent.revision;
}

function covered(source: Store, row: ObjectRow, { top, kept, attempt }: Covering & { readonly to: 'covers' }): Outcome {
  return done(source, row, attempt, top.revision, kept, kept);
}

function done(
  source: Store,
  row: ObjectRow,
  intent: TombstoneIntent,
  revision: string,
  kept: string | undefined,
  over = row.tombstone?.at === intent.at ? row.tombstone.over : undefined,
): Outcome {
  const below = over === undefined ? {} : { over };
  return {
    to: 'tombstoned',
    change: {
      tombstone: { revision, ...keptAs(source, row, intent, kept), ...below, ...timesOf(row, intent) },
      intent: null,
      reason: null,
      integrity: false,
    },
  };
}
