import { FerryError } from '../../base/errors.ts';
import type { RetryPolicy } from '../../base/retry.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { State } from '../../ledger/lifecycle.ts';
import type { Share, Worked } from '../../ledger/segment-book.ts';
import type { StepContext } from '../../migration/context.ts';
import { keysUnderKeys } from '../../migration/key-guard.ts';
import type { Store } from '../../store/store.ts';
import { doneAt } from '../migrate.ts';
import { JOB_FORMAT, type Job, Round } from './round.ts';

export interface SendWork {
  readonly context: StepContext;
  readonly ledger: Ledger;
  readonly control: Store;
  /** Where the round is to lie: `roundPrefix`. */
  readonly prefix: string;
  readonly states: readonly State[];
  readonly partitions: ReadonlySet<string> | undefined;
  readonly job: Omit<Job, 'format' | 'plan' | 'shards'>;
  /** Objects of a shard at most. */
  readonly shardObjects: number;
  readonly retry: RetryPolicy;
}

/** What there is to do for workers. */
export interface Sent {
  readonly prefix: string;
  /** In the order of their numbers, from 1. */
  readonly shards: readonly Share[];
}

export const SHARD_OBJECTS = 100_000;

/**
 * Cuts what is to be done into shards and puts a segment of each into the control store, with a lease that anyone may take. Nobody works on
 * them before they are told to.
 *
 * @returns `undefined` where there is nothing to do.
 * @throws FerryError `refused` where keys of one shard could hide those of another.
 */
export async function sendOut(work: SendWork): Promise<Sent | undefined> {
  const { context, ledger, control, prefix, states, partitions, shardObjects } = work;
  const worked: Worked = { states, begunOnly: doneAt(work.job.until), partitions };
  const shares = [...ledger.segments.shares(worked, shardObjects)];
  if (shares.length === 0) return undefined;
  await refuseHidden(context, ledger);
  const round = new Round({ store: control, prefix, retry: work.retry });
  for (const [index, share] of shares.entries()) {
    const shard = index + 1;
    await round.writeSegment(shard, ledger.segments.lines(share, worked));
    await round.lease(shard).append(undefined, {
      epoch: 0,
      owner: { id: 'home', host: '', jurisdiction: context.plan.runner?.jurisdiction ?? '' },
      state: 'free',
      ttlMs: work.job.ttlMs,
      checkpoints: [],
      states: {},
      moved: { objects: 0, bytes: 0 },
    });
    context.signal.throwIfAborted();
  }
  await round.writeJob({ format: JOB_FORMAT, plan: context.plan, shards: shares.length, ...work.job });
  return { prefix, shards: shares };
}

/** Where a centre hides a key under another, the ledger that has both decides which may be written; a shard may have only one of them. */
async function refuseHidden(context: StepContext, ledger: Ledger): Promise<void> {
  const centre = await keysUnderKeys(context, ledger);
  if (centre === undefined) return;
  throw new FerryError({
    fault: 'refused',
    op: 'share the work among workers',
    subject: centre,
    why: 'it hides keys that lie under other keys, and there are such keys: which of two may be written, one ledger alone can decide',
    hint: 'nothing was moved; run this plan with --engine local, or leave such keys out',
  });
}
