import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectRow } from '../ledger/rows.ts';
import { endsOf } from '../migration/context.ts';
import { tellsCovered } from '../migration/covering.ts';
import { isWrittenLate, takeBack } from '../migration/late-writes.ts';
import { sources } from '../plan/router.ts';
import { drive, type Step } from './local.ts';
import type { MigrateWork } from './migrate.ts';

/** How long after the last tombstone of a call programs are given to end what they had begun, in milliseconds. */
const LATE_MS = 1_000;

/**
 * How old a tombstone over a history is, in milliseconds, when one more look at it was the last: what a write that was under way may take
 * to have its turn, and by how much the clocks of a cluster may differ. A restore and a purge look once more whenever they come.
 */
const SETTLED_MS = 60_000;

/** Objects that are looked at together. */
const AT_ONCE = 64;

/**
 * Looks again at what tombstones hide. A program that had a file open may have written it since, also long after, so that files are
 * looked at in every run; and a write that was under way may have come to lie under a marker in a history, so that those markers are
 * looked at until they are old enough. Such a tombstone is taken back.
 *
 * @param fresh whether tombstones were put just now.
 */
export async function takeBackLate(work: MigrateWork, fresh: boolean): Promise<void> {
  const { context, ledger, partitions, retry, listener, stop } = work;
  const histories = sources(context.plan).filter((name) => {
    const store = context.stores.get(name);
    return store !== undefined && tellsCovered(store);
  });
  await waitForOthers(work, fresh, histories);
  const begun = context.clock.now();
  const late = new Look(work);
  for (const row of heldFiles(work)) await late.add(row);
  for (const name of histories) for (const row of unsettled(work, name)) await late.add(row);
  const ids = await late.found();
  if (ids.size > 0) {
    const step: Step = { name: 'take back', take: (row) => takeBack(context, row) };
    await drive({
      ledger,
      states: ['tombstoned'],
      wanted: ({ id }) => ids.has(id),
      next: ({ state }) => (state === 'tombstoned' ? step : undefined),
      concurrency: context.plan.limits.concurrency,
      retry,
      listener,
      stop,
    });
  }
  if (partitions !== undefined) return;
  for (const name of histories) ledger.settled.settle(name, begun - SETTLED_MS);
}

/** Waits until the youngest tombstone is old enough for a look to tell anything. */
async function waitForOthers(work: MigrateWork, fresh: boolean, histories: readonly string[]): Promise<void> {
  const { context, ledger, stop, lateMs = LATE_MS } = work;
  const now = context.clock.now();
  let until = 0;
  for (const name of histories) until = Math.max(until, (ledger.settled.unsettled(name).newest ?? 0) + lateMs);
  if (fresh && heldFiles(work).next().done !== true) until = now + lateMs;
  if (until > now) await delay(Math.min(until - now, lateMs), undefined, { signal: stop });
}

/** Tombstones that hide files: whoever has one open could write it. */
function* heldFiles(work: MigrateWork): Generator<ObjectRow> {
  const { context, ledger } = work;
  const isFile = (name: string): boolean => context.stores.get(name)?.writtenSince !== undefined;
  if (!sources(context.plan).some(isFile)) return;
  for (const row of ledger.queries.inStates(['tombstoned'])) {
    const isHidden = row.tombstone?.kept !== undefined && isFile(endsOf(context, row).source.name);
    if (isHidden && isWanted(work, row)) yield row;
  }
}

function isWanted({ partitions }: MigrateWork, row: ObjectRow): boolean {
  return partitions === undefined || partitions.has(row.partition);
}

function* unsettled(work: MigrateWork, source: string): Generator<ObjectRow> {
  const { ledger } = work;
  let after = 0;
  for (;;) {
    const ids = ledger.settled.ids(source, after, 1_000);
    for (const id of ids) {
      const row = ledger.queries.byId(id);
      if (isWanted(work, row)) yield row;
      after = id;
    }
    if (ids.length === 0) return;
  }
}

/** Looks at rows, some at a time. */
class Look {
  readonly #work: MigrateWork;
  readonly #late = new Set<number>();
  #batch: ObjectRow[] = [];

  constructor(work: MigrateWork) {
    this.#work = work;
  }

  async add(row: ObjectRow): Promise<void> {
    this.#batch.push(row);
    if (this.#batch.length === AT_ONCE) await this.found();
  }

  /** The ids of those that hide a late write. */
  async found(): Promise<Set<number>> {
    const batch = this.#batch;
    this.#batch = [];
    const { context, stop } = this.#work;
    const written = await Promise.all(batch.map((row) => isWrittenLate(context, row)));
    for (const [index, row] of batch.entries()) if (written[index] === true) this.#late.add(row.id);
    stop.throwIfAborted();
    return this.#late;
  }
}
