import { createHash } from 'node:crypto';
import { retry } from '../base/retry.ts';
import type { ObjectRow, TombstoneRecord } from '../ledger/rows.ts';
import { type Attributes, type ObjectHead, type Store, StoreError } from '../store/store.ts';
import type { Version, VersionStore } from '../store/versions.ts';
import { atVersion } from '../store/wrap/at-version.ts';
import { collect, digestOfObject } from './bytes.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { tellsCovered } from './covering.ts';
import { mapped } from './fidelity.ts';
import { movesHistory } from './history.ts';
import {
  LARGEST_MARKER,
  looksLikeMarker,
  type Marker,
  type MarkerText,
  markerFor,
  SMALLEST_MARKER,
  wholeMarker,
} from './marker.ts';
import { verify } from './verify.ts';

/*
 * What of an object can be told when its ledger is lost: by its tombstone, by what that hides, and by the copy at its centre. Nothing here
 * changes a store.
 */

/** What lies under a key of a source whose ledger is lost. */
export type Found =
  | { readonly is: 'object' | 'gone' }
  /** Like a tombstone, and none that this version writes. */
  | { readonly is: 'odd' }
  | { readonly is: 'tombstone'; readonly marker: MarkerText; readonly text: string };

/** Whether an object of this size can be a tombstone. */
export function mayBeMarker(size: number): boolean {
  return size >= SMALLEST_MARKER && size <= LARGEST_MARKER;
}

/** Reads what may be a tombstone. @throws StoreError as `read` does. */
export async function lookForMarker(source: Store, key: string, signal: AbortSignal): Promise<Found> {
  try {
    const reader = await source.read(key, { signal });
    if (!mayBeMarker(reader.head.size)) {
      await reader.discard();
      return { is: 'object' };
    }
    return foundIn(await collect(reader.body), key);
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    return { is: 'gone' };
  }
}

function foundIn(bytes: Uint8Array, key: string): Found {
  const marker = wholeMarker(bytes, key);
  if (marker !== undefined) return { is: 'tombstone', marker, text: new TextDecoder().decode(bytes) };
  return { is: looksLikeMarker(bytes) ? 'odd' : 'object' };
}

/** Whether a deleted key has a tombstone in its history, below what was done to it since. */
export async function hidesMarker(
  versions: VersionStore,
  key: string,
  signal: AbortSignal,
): Promise<MarkerText | undefined> {
  for (const { version, size, marker } of (await versions.of(key, { signal })).toReversed()) {
    if (marker || !mayBeMarker(size)) continue;
    const found = wholeMarker(await collect((await versions.read(key, version, { signal })).body), key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Old bytes that a source keeps for an object, with its SHA-256. */
export interface Kept {
  readonly kept: string;
  /** The version that the marker lies on. */
  readonly over?: string;
  /** Of the object before its tombstone, where it is known. */
  readonly revision?: string;
  readonly attributes: Attributes;
  /** Whether they are surely that object's. */
  readonly sure: boolean;
}

/**
 * What became of an object with a tombstone of this ledger. It is `tombstoned` only where the copy at its centre, read to its end, has the
 * digest that the tombstone tells. Where it has not, it is `failed` and keeps the tombstone's record: nothing purges such an object,
 * a restore gives back what the source keeps, and every run tries to prove the copy again. What needs a person in any case has no
 * record.
 *
 * @param context must verify by reading, and name the ledger that the tombstone is of.
 * @param keptAside finds what the source keeps beside any history, by its digest; `drop` says that it is not that object's.
 */
export async function recoverTombstone(
  context: StepContext,
  row: ObjectRow,
  { marker, text }: { readonly marker: MarkerText; readonly text: string },
  keptAside: { find(sha256: string): Kept | undefined; drop(): void },
): Promise<Outcome> {
  const { source, centre } = endsOf(context, row);
  const { size, sha256 } = marker;
  const [at, holdUntil] = [Date.parse(marker.tombstonedAt), Date.parse(marker.holdUntil)];
  const object: ObjectRow = { ...row, size, sha256, attributes: {}, centreRevision: undefined };
  const ours = markerFor(context, object, { step: 'tombstone', at, holdUntil, revision: row.revision }, centre);
  if (new TextDecoder().decode(ours.bytes) !== text) return unresolved('failed', notOfPlan(context, row, marker));
  if (movesHistory(context, row)) return unresolved('failed', HISTORY);
  let kept: Kept | undefined;
  if (tellsCovered(source)) {
    const covered = await coveredBy(source, source.versions, object, ours, context.signal);
    if (typeof covered === 'string') return unresolved('conflict', covered);
    kept = covered;
  }
  kept ??= keptAside.find(sha256);
  let proven = await proveCopy(context, object, kept);
  if (proven.outcome.to !== 'verified' && kept?.sure === false) {
    // They may be an equal object's that carries something else.
    const without = await proveCopy(context, object);
    if (without.outcome.to === 'verified') {
      keptAside.drop();
      [proven, kept] = [without, undefined];
    }
  }
  const { outcome, attributes } = proven;
  const tombstone: TombstoneRecord = {
    revision: row.revision,
    ...(kept === undefined ? {} : { kept: kept.kept }),
    ...(kept?.over === undefined ? {} : { over: kept.over }),
    at,
    holdUntil,
  };
  // The marker's own revision says nothing of the object.
  const change = {
    ...outcome.change,
    size,
    sha256,
    revision: kept?.revision ?? '',
    attributes,
    tombstone,
    intent: null,
  };
  if (outcome.to === 'verified') return { to: 'tombstoned', change: { ...change, reason: null, integrity: false } };
  return { to: 'failed', change: { ...change, reason: unproven(outcome, kept, source, centre), integrity: false } };
}

/**
 * Reads the copy at the centre, and compares what it carries with what the source kept; without that, it is taken as it is.
 *
 * @param object with the size and the SHA-256 that the copy must have.
 */
export async function proveCopy(
  context: StepContext,
  object: ObjectRow,
  kept?: Kept,
): Promise<{ readonly outcome: Outcome; readonly attributes: Attributes }> {
  const { centre } = endsOf(context, object);
  let attributes = kept?.attributes;
  if (attributes === undefined) {
    const there = await centre.head(object.key, { signal: context.signal });
    attributes = there === undefined ? {} : asAtSource(context, object, there);
  }
  const row = { ...object, attributes };
  try {
    const policy = { ...context.retry, signal: context.signal };
    return { outcome: await retry(() => verify(context, row), policy), attributes };
  } catch (error) {
    // A copy that cannot be read, at a centre that answers, is not proven.
    if (!(error instanceof StoreError) || ENDS_ALL.includes(error.kind)) throw error;
    return { outcome: unresolved('failed', error.message), attributes };
  }
}

/** Faults that say nothing of one object. */
const ENDS_ALL: readonly string[] = ['unreachable', 'untrusted', 'missing', 'full', 'denied'];

/** What the object carried at its source, going by its copy: the plan may have given that another storage class. */
function asAtSource({ plan }: StepContext, { partition }: ObjectRow, { attributes }: ObjectHead): Attributes {
  const spec = plan.partitions.find(({ name }) => name === partition);
  const { storageClass: there, ...rest } = attributes;
  if (spec === undefined) return attributes;
  for (const own of [undefined, ...Object.keys(spec.storageClasses), there]) {
    const before = own === undefined || own === '*' ? rest : { ...rest, storageClass: own };
    if (mapped(spec, before).storageClass === there) return before;
  }
  return attributes;
}

/**
 * The version that a marker lies on, without touching anything; `undefined` where there is none any more. @returns text where the history
 * is for a person to look at.
 */
async function coveredBy(
  source: Store,
  versions: VersionStore,
  object: ObjectRow,
  marker: Marker,
  signal: AbortSignal,
): Promise<Kept | string | undefined> {
  const { key } = object;
  const history = await versions.of(key, { signal });
  const isOwn = async ({ version, size, marker: deletes }: Version): Promise<boolean> => {
    if (deletes || size !== marker.bytes.byteLength) return false;
    return Buffer.compare(await collect((await versions.read(key, version, { signal })).body), marker.bytes) === 0;
  };
  let at = history.length - 1;
  const top = history[at];
  if (top === undefined || !(await isOwn(top)))
    return 'the source was written while its tombstone was looked at; look what lies on top of it';
  // Attempts whose answer was lost have left more than one.
  for (at -= 1; at >= 0; at -= 1) {
    const state = history[at];
    if (state === undefined || !(await isOwn(state))) break;
  }
  const below = history[at];
  if (below === undefined) return undefined;
  if (below.marker)
    return 'its tombstone lies on a delete: the source was deleted in that moment; decide what is to be there';
  const { sha256, head } = await digestOfObject(atVersion(source, below.version), key, { signal });
  if (sha256 !== object.sha256) {
    return 'its tombstone lies on other bytes than it tells: a write came to lie under it; decide which is the object';
  }
  return {
    kept: below.version,
    over: below.version,
    revision: below.revision,
    attributes: head.attributes,
    sure: true,
  };
}

function notOfPlan({ plan }: StepContext, row: ObjectRow, marker: MarkerText): string {
  const says = `partition ${marker.partition}, centre ${marker.centre.store} in ${marker.centre.jurisdiction} at ${marker.centre.location}`;
  return `its tombstone tells of another plan than ${plan.name} is now (${says}; here it is in ${row.partition}): recover with the plan of that run`;
}

const HISTORY =
  'it moved with all its versions, and which of them are which at the centre cannot be recovered: its tombstone and what it hides are left alone';

/** Why an object is not tombstoned although its tombstone is there, and what to do. */
function unproven({ change }: Outcome, kept: Kept | undefined, source: Store, centre: Store): string {
  const what =
    kept === undefined
      ? `${source.name} keeps nothing of it: bring the copy back to ${centre.name}, then run again`
      : `${source.name} still has its bytes: \`ferry restore\` brings them back; or bring the copy back to ${centre.name} and run again`;
  return `its tombstone is there and its copy is not proven: ${change.reason ?? 'it differs'}; ${what}`;
}

/** Hex SHA-256 of a body, and how many bytes it had. */
export async function digestOf(body: AsyncIterable<Uint8Array>): Promise<{ sha256: string; size: number }> {
  const digest = createHash('sha256');
  let size = 0;
  for await (const chunk of body) {
    digest.update(chunk);
    size += chunk.byteLength;
  }
  return { sha256: digest.digest('hex'), size };
}
