import type { ObjectRow, TombstoneIntent, TombstoneRecord } from '../ledger/rows.ts';
import type { Store } from '../store/store.ts';
import type { Version, VersionStore } from '../store/versions.ts';
import { collect } from './bytes.ts';
import { endsOf, type StepContext } from './context.ts';
import { attemptOf, isOfLedger, mayBeMarker } from './earlier-marker.ts';
import { sameAttributes } from './fidelity.ts';
import { historyRevision } from './history.ts';
import { markerFor } from './marker.ts';

/** What a marker came to lie on. */
export type Covering =
  | {
      readonly to: 'covers';
      /** The marker's own. */
      readonly top: Version;
      readonly kept: string | undefined;
      /** Whose marker it is: the attempt's that was asked about, or an earlier one's. */
      readonly attempt: TombstoneIntent;
    }
  | { readonly to: 'conflict'; readonly reason: string };

/** Whether a history tells what a marker has covered: where versioning is suspended, a write takes the place of another. */
export function tellsCovered(source: Store): source is Store & { readonly versions: VersionStore } {
  return source.versions?.state === 'enabled';
}

/** One of ferry's markers in a history; without an attempt it is of another copy of the object, and can only go. */
interface Own {
  readonly state: Version;
  readonly attempt: TombstoneIntent | undefined;
}

/**
 * Finds ferry's marker in an object's history and what it lies on. It has to be on top, right on the version that was copied: a condition
 * by ETag cannot tell the same bytes written again with other metadata, and a server may honour none at all. Where anything else came
 * between or on top, the marker is taken away again by its own id, and every version that anyone wrote is there as before. So are markers
 * of attempts whose answer was lost, of whichever run, but for one.
 *
 * @param bound the version that the marker was put over; `undefined` where nobody knows: what lies below it then has to be what was copied.
 * @param put the id of the marker's version, where the server told it; else it is known by its bytes.
 * @returns `undefined` where the history has no such marker.
 */
export async function judgeCovering(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  bound: { readonly version?: string | undefined },
  put?: string,
): Promise<Covering | undefined> {
  const { source } = endsOf(context, row);
  if (!tellsCovered(source)) throw new Error(`${source.name} has no history that tells what a marker covers`);
  const { versions } = source;
  const { signal } = context;
  const history = await versions.of(row.key, { signal });
  // A tombstone of before that lies deeper than what this one is put on was judged in its time.
  const bottom = history.findIndex(({ version }) => version === bound.version);
  const own: Own[] = [];
  for (const [index, state] of history.entries()) {
    const one = state.version === put ? { state, attempt: intent } : await ownOf(context, row, intent, versions, state);
    if (one !== undefined && (index > bottom || one.attempt === intent)) own.push(one);
  }
  const lowest = own[0];
  if (lowest === undefined) return undefined;
  const at = history.indexOf(lowest.state);
  const below = history[at - 1];
  const isCopied =
    bound.version === undefined
      ? await isWhatWasCopied(context, row, intent, versions, below)
      : below?.version === bound.version;
  const alone = history.slice(at).every((state) => own.some((one) => one.state === state));
  // The one that the ledger expects, if it is there; else the last of the earlier ones.
  const stays = own.findLast(({ attempt }) => attempt === intent) ?? own.findLast(({ attempt }) => attempt);
  if (isCopied && alone && stays?.attempt !== undefined) {
    for (const { state } of own) {
      if (state !== stays.state) await versions.remove(row.key, state.version, { signal });
    }
    return { to: 'covers', top: stays.state, kept: below?.version, attempt: stays.attempt };
  }
  for (const { state } of own) await versions.remove(row.key, state.version, { signal });
  const reason = alone
    ? 'the source was written after its copy, in the moment of the tombstone; the marker was taken away again'
    : 'the source was written or deleted in the moment of the tombstone; the marker was taken away again';
  return { to: 'conflict', reason };
}

async function ownOf(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  versions: VersionStore,
  state: Version,
): Promise<Own | undefined> {
  const { centre } = endsOf(context, row);
  if (state.marker || !mayBeMarker(state.size, markerFor(context, row, intent, centre))) return undefined;
  const { body } = await versions.read(row.key, state.version, { signal: context.signal });
  const bytes = await collect(body);
  const attempt = attemptOf(context, row, intent, centre, bytes);
  return attempt !== undefined || isOfLedger(context, row.key, bytes) ? { state, attempt } : undefined;
}

/** Whether a version has the bytes and the attributes of the copy: then it does not matter who wrote it, and when. */
async function isWhatWasCopied(
  context: StepContext,
  row: ObjectRow,
  intent: TombstoneIntent,
  versions: VersionStore,
  state: Version | undefined,
): Promise<boolean> {
  // Nothing is hidden where nothing is.
  if (state === undefined) return true;
  if (state.marker || state.size !== row.size) return false;
  if (state.revision !== row.revision && state.revision !== intent.revision) return false;
  const head = await versions.head(row.key, state.version, { signal: context.signal });
  return head !== undefined && sameAttributes(row.attributes, head.attributes, context.clock.now());
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
