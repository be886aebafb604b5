import type { Ledger } from '../../ledger/ledger.ts';
import type { Moved } from '../local.ts';
import { type LeaseClocks, type Owner, take } from './lease.ts';
import type { LeaseRecord } from './lease-chain.ts';
import type { Round } from './round.ts';

export interface HomeWork {
  readonly round: Round;
  readonly ledger: Ledger;
  readonly shards: number;
  readonly owner: Owner;
  readonly signal: AbortSignal;
  readonly clocks?: LeaseClocks;
  /** Told of a shard that somebody still has. */
  readonly waiting?: (shard: number, record: LeaseRecord) => void;
}

export interface CameHome {
  readonly moved: Moved;
  /** Shards that were not done. */
  readonly open: number;
}

/**
 * Takes what was done on all shards into the home's ledger, in the order of the shards. A shard that is not done is taken from whoever has
 * it first, so that nothing can be added to it after it was read. May be called again after any stop.
 */
export async function comeHome(work: HomeWork): Promise<CameHome> {
  const { round, ledger, shards } = work;
  const moved: Moved = { objects: 0, bytes: 0 };
  let open = 0;
  for (let shard = 1; shard <= shards; shard += 1) {
    const record = await settled(work, shard);
    if (record.state !== 'done') open += 1;
    for (const { epoch, count } of record.checkpoints)
      for (let number = 1; number <= count; number += 1)
        ledger.segments.takeIn(await round.readCheckpoint(shard, epoch, number));
    moved.objects += record.moved.objects;
    moved.bytes += record.moved.bytes;
  }
  return { moved, open };
}

async function settled(work: HomeWork, shard: number): Promise<LeaseRecord> {
  const { round, owner, signal, clocks, waiting } = work;
  const chain = round.lease(shard);
  const newest = await chain.newest();
  if (newest.state === 'done') return newest;
  const lease = await take({
    chain,
    owner,
    ttlMs: newest.ttlMs,
    again: true,
    signal,
    ...(clocks === undefined ? {} : { clocks }),
    waiting: (record) => waiting?.(shard, record),
  });
  return lease === undefined ? await chain.newest(newest) : lease.record;
}
