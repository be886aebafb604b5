import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectRow } from '../ledger/rows.ts';
import { endsOf } from '../migration/context.ts';
import { isWrittenLate, takeBack } from '../migration/late-writes.ts';
import { drive, type Step } from './local.ts';
import type { MigrateWork } from './migrate.ts';

/** How long after the last tombstone of a call programs are given to end what they had begun, in milliseconds. */
const LATE_MS = 1_000;

/** Files that are looked at together. */
const AT_ONCE = 64;

/**
 * Looks again at every file that a tombstone hides: a program that had it open may have written it since. Such a tombstone is taken
 * back. Those of earlier runs are looked at too, since a program may hold a file open for long.
 *
 * @param fresh whether tombstones were put just now.
 */
export async function takeBackLate(work: MigrateWork, fresh: boolean): Promise<void> {
  const { context, ledger, partitions, retry, listener, stop } = work;
  const wanted = (row: ObjectRow): boolean =>
    (partitions === undefined || partitions.has(row.partition)) &&
    row.tombstone?.kept !== undefined &&
    endsOf(context, row).source.writtenSince !== undefined;
  if (fresh && ledger.queries.inStates(['tombstoned']).some(wanted))
    await delay(work.lateMs ?? LATE_MS, undefined, { signal: stop });
  const late = new Set<number>();
  let batch: ObjectRow[] = [];
  const look = async (): Promise<void> => {
    const written = await Promise.all(batch.map((row) => isWrittenLate(context, row)));
    for (const [index, row] of batch.entries()) if (written[index] === true) late.add(row.id);
    batch = [];
  };
  for (const row of ledger.queries.inStates(['tombstoned'])) {
    if (!wanted(row)) continue;
    batch.push(row);
    if (batch.length === AT_ONCE) await look();
    stop.throwIfAborted();
  }
  await look();
  if (late.size === 0) return;
  const step: Step = { name: 'take back', take: (row) => takeBack(context, row) };
  await drive({
    ledger,
    states: ['tombstoned'],
    wanted: ({ id }) => late.has(id),
    next: ({ state }) => (state === 'tombstoned' ? step : undefined),
    concurrency: context.plan.limits.concurrency,
    retry,
    listener,
    stop,
  });
}
