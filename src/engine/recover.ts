import PQueue from 'p-queue';
import { FerryError } from '../base/errors.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import type { Listed } from '../ledger/inventory-book.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { State } from '../ledger/lifecycle.ts';
import type { RecoveryNotes } from '../ledger/recovery-notes.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from '../migration/context.ts';
import { partitionMovesHistory } from '../migration/history.ts';
import { takeInventory } from '../migration/inventory.ts';
import { wholeMarker } from '../migration/marker.ts';
import {
  digestOf,
  hidesMarker,
  type Kept,
  lookForMarker,
  mayBeMarker,
  recoverTombstone,
} from '../migration/recover.ts';
import { type Router, sources } from '../plan/router.ts';
import type { Store } from '../store/store.ts';
import { asFault, interrupted } from './local.ts';
import { contradicted, recoverTold, type ToldCount } from './recover-told.ts';

export interface RecoverWork {
  /** Its ledger's name is not known yet. */
  readonly context: StepContext;
  /** A new one, bound to the plan. */
  readonly ledger: Ledger;
  readonly notes: RecoveryNotes;
  readonly router: Router;
  /** The lost ledger's UUID, where it is known. */
  readonly uuid: string | undefined;
  readonly retry: RetryPolicy;
  readonly stop: AbortSignal;
  /** Told what is done, for a log. */
  readonly tell: (what: string, count: number) => void;
}

/** What a recovery has found. */
export interface Recovered {
  /** The lost ledger's, or a new one where no tombstone was found. */
  readonly uuid: string;
  /** Tombstones of this ledger; those whose copy was proven; those of others. */
  readonly tombstones: number;
  readonly proven: number;
  readonly foreign: number;
  /** What only the evidence told; all zero without one. */
  readonly told: ToldCount;
  /** Bytes that tombstones have hidden, and no tombstone that was found is theirs. */
  readonly leftKept: { readonly objects: number; readonly bytes: number };
}

/** The digits of a name of kept bytes; anything else is scratch. */
const NAME = /^[0-9a-f]{64}$/;

/**
 * Rebuilds a ledger from what the sources and the centres hold: changes no store. Everything that was found is in the notes or the ledger,
 * so that it goes on after any stop.
 *
 * @throws FerryError `refused` where tombstones of several ledgers are found and nothing says which was lost; else as `drive` does.
 */
export async function recoverLedger(work: RecoverWork): Promise<Recovered> {
  try {
    for (const name of sources(work.context.plan)) {
      await once(work, `list ${name}`, () => list(work, name));
      await once(work, `hidden ${name}`, () => listDeleted(work, name));
      await once(work, `kept ${name}`, () => readKept(work, name));
    }
    await once(work, 'look', () => look(work));
    return await recover(work);
  } catch (error) {
    throw asFault(error, work.stop);
  }
}

async function once({ notes, tell, ledger }: RecoverWork, what: string, task: () => Promise<void>): Promise<void> {
  if (notes.isDone(what)) return;
  await task();
  notes.done(what);
  tell(
    what,
    ledger.queries.tallies().reduce((sum, { objects }) => sum + objects, 0),
  );
}

async function list({ context, ledger, router, stop }: RecoverWork, name: string): Promise<void> {
  const signal = AbortSignal.any([context.signal, stop]);
  await takeInventory({ plan: context.plan, ledger, router, signal }, storeOf(context, name));
}

/** Keys that someone has deleted after their tombstone: no plain listing shows them. */
async function listDeleted({ context, ledger, router, stop }: RecoverWork, name: string): Promise<void> {
  const { plan, signal } = context;
  const { versions } = storeOf(context, name);
  if (versions === undefined) return;
  for await (const page of versions.list({ signal })) {
    const found: Listed[] = [];
    for (const { key, deleted, versions: states } of page) {
      const route = router.route(name, key);
      const partition = route.to === 'partition' ? plan.partitions[route.index]?.name : undefined;
      if (partition === undefined || !deleted || states === 0 || partitionMovesHistory(plan, partition)) continue;
      const marker = await hidesMarker(versions, key, signal);
      if (marker?.plan === plan.name)
        found.push({ partition, key, size: marker.size, revision: '', unusable: DELETED });
    }
    ledger.inventory.add(name, found);
    if (stop.aborted) throw interrupted();
  }
}

const DELETED =
  'it was deleted at the source after its tombstone, which lies below a delete marker: decide whether the copy must go too';

/** Reads all that a source keeps beside its objects, since only bytes tell whose they are. */
async function readKept(work: RecoverWork, name: string): Promise<void> {
  const { context, notes } = work;
  const store = storeOf(context, name);
  const { signal } = context;
  if (store.keptBytes === undefined || store.openKept === undefined) return;
  await inParallel(work, names(store, signal), async (token) => {
    const read = await store.openKept?.(token, { signal });
    if (read === undefined) return;
    const { kept, likely, head } = read;
    notes.addKept(name, { name: token, kept, likely, attributes: head.attributes, ...(await digestOf(read.body)) });
  });
}

async function* names(store: Store, signal: AbortSignal): AsyncGenerator<string> {
  for await (const { token } of store.keptBytes?.({ signal }) ?? []) if (NAME.test(token)) yield token;
}

/** Reads what may be a tombstone, and notes those that are. */
async function look(work: RecoverWork): Promise<void> {
  const { context, ledger, notes } = work;
  await inParallel(work, ledger.queries.inStates(['planned']), async (row) => {
    if (!mayBeMarker(row.size)) return;
    const found = await lookForMarker(endsOf(context, row).source, row.key, context.signal);
    if (found.is === 'odd') await ledger.move(row, 'failed', { reason: ODD });
    if (found.is === 'tombstone') notes.addMarker(row.id, found.marker.plan, found.marker.ledger, found.text);
  });
}

const ODD = 'it looks like a tombstone and is not as this version writes one: look who wrote it';

/** All that needs the lost ledger's name. */
async function recover(work: RecoverWork): Promise<Recovered> {
  const { ledger, notes } = work;
  const uuid = lostLedger(work);
  if (uuid !== undefined) ledger.adopt(uuid);
  const plan = { ...work.context.plan, verify: 'readback' as const };
  const context: StepContext = { ...work.context, plan, ledger: ledger.uuid };
  const counts = { tombstones: 0, proven: 0, foreign: 0 };
  await inParallel(work, markersOf(notes), async ({ object, text }) => {
    const row = ledger.queries.byId(object);
    const marker = wholeMarker(new TextEncoder().encode(text), row.key);
    if (marker === undefined) throw new Error(`what was noted of object ${object} is no tombstone`);
    const isOurs = marker.plan === plan.name && marker.ledger === ledger.uuid;
    let to = row.state;
    if (ON_THE_WAY.includes(to)) {
      const outcome = isOurs
        ? (contradicted(notes, endsOf(context, row).source.name, row, marker) ??
          (await recoverTombstone(context, row, { marker, text }, keptAside(work, row))))
        : unresolved('failed', `a tombstone of plan ${marker.plan} and ledger ${marker.ledger}: it was left alone`);
      await settle(ledger, row, outcome);
      to = outcome.to;
    }
    counts[isOurs ? 'tombstones' : 'foreign'] += 1;
    if (isOurs && (to === 'tombstoned' || to === 'purged')) counts.proven += 1;
  });
  const told = await recoverTold({ ...work, context });
  const leftKept = { objects: 0, bytes: 0 };
  for (const { size } of notes.leftKept()) {
    leftKept.objects += 1;
    leftKept.bytes += size;
  }
  return { uuid: ledger.uuid, ...counts, told, leftKept };
}

/** States that a row can be in before its tombstone is dealt with, also where that was cut off. */
const ON_THE_WAY: readonly State[] = ['planned', 'copied', 'verified'];

/** Takes a row over all states that lead to its outcome. */
export async function settle(ledger: Ledger, row: ObjectRow, { to, change }: Outcome): Promise<void> {
  const way: readonly State[] = WAYS[to] ?? [];
  let from = row;
  const moves: Promise<void>[] = [];
  for (const state of way.slice(way.indexOf(row.state) + 1)) {
    moves.push(ledger.move(from, state, state === 'copied' ? { sha256: change.sha256 ?? '' } : {}));
    from = { ...from, state };
  }
  await Promise.all([...moves, ledger.move(from, to, change)]);
}

const PROVEN: readonly State[] = ['planned', 'copied', 'verified'];
const WAYS: Partial<Record<State, readonly State[]>> = {
  tombstoned: PROVEN,
  purged: [...PROVEN, 'tombstoned'],
  restored: [...PROVEN, 'tombstoned'],
};

/** @throws FerryError `refused` where several could be meant. */
function lostLedger({ notes, context, uuid }: RecoverWork): string | undefined {
  const found = notes.markerCounts().filter(({ plan }) => plan === context.plan.name);
  if (uuid !== undefined) {
    if (found.length === 0 || found.some(({ ledger }) => ledger === uuid)) return uuid;
    throw severalLedgers(context.plan.name, found, `none of its tombstones is of ledger ${uuid}`);
  }
  if (found.length > 1) throw severalLedgers(context.plan.name, found, 'there are tombstones of several ledgers');
  return found[0]?.ledger;
}

function severalLedgers(plan: string, found: readonly { ledger: string; objects: number }[], why: string): FerryError {
  const all = found.map(({ ledger, objects }) => `${ledger} (${objects} objects)`).join(', ');
  return new FerryError({
    fault: 'refused',
    op: 'recover the ledger',
    subject: `plan ${plan}`,
    why: `${why}: ${all}`,
    hint: 'say which one was lost with --ledger UUID; tombstones of the others are then listed and left alone',
  });
}

/** Looks for what the row's source keeps of it. */
function keptAside({ notes, context }: RecoverWork, row: ObjectRow) {
  const { source } = endsOf(context, row);
  let taken: string | undefined;
  return {
    find: (sha256: string): Kept | undefined => {
      const found = notes.takeKept(source.name, row.key, sha256);
      if (found === undefined) return undefined;
      const { kept, attributes, sure, likely, name } = found;
      taken = name;
      return { kept, attributes, sure, ...(sure ? { revision: likely } : {}) };
    },
    drop: (): void => {
      if (taken !== undefined) notes.freeKept(source.name, taken);
    },
  };
}

function* markersOf(notes: RecoveryNotes): Generator<{ readonly object: number; readonly text: string }> {
  for (let after = 0; ; ) {
    const page = notes.markers(after, 1_000);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.object;
  }
}

/** Does something for each, as many at once as the plan allows. @throws the first error, when what is under way has ended. */
export async function inParallel<T>(
  { context, retry: policy, stop }: Pick<RecoverWork, 'context' | 'retry' | 'stop'>,
  all: Iterable<T> | AsyncIterable<T>,
  task: (one: T) => Promise<void>,
): Promise<void> {
  const { concurrency } = context.plan.limits;
  const queue = new PQueue({ concurrency });
  let failure: unknown;
  for await (const one of all) {
    await queue.onSizeLessThan(concurrency);
    if (failure !== undefined || stop.aborted) break;
    void queue.add(async () => {
      try {
        await retry(() => task(one), { ...policy, signal: stop });
      } catch (error) {
        failure ??= error;
      }
    });
  }
  await queue.onIdle();
  if (failure !== undefined) throw failure;
  if (stop.aborted) throw interrupted();
}

function storeOf(context: StepContext, name: string): Store {
  const store = context.stores.get(name);
  if (store === undefined) throw new Error(`the plan has no store ${name}`);
  return store;
}
