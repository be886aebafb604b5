import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BufferPool } from '../../base/budget.ts';
import type { Clock } from '../../base/clock.ts';
import { errorDocument, FerryError } from '../../base/errors.ts';
import type { RetryPolicy } from '../../base/retry.ts';
import { Ledger, type LedgerOptions } from '../../ledger/ledger.ts';
import { PARTS_IN_MEMORY } from '../../migration/part-plan.ts';
import type { Router } from '../../plan/router.ts';
import type { Store } from '../../store/store.ts';
import { Authority } from '../authority.ts';
import type { EngineEvent, Listener } from '../events.ts';
import type { LiveLimits } from '../limits.ts';
import { asFault, type Moved } from '../local.ts';
import { migrate } from '../migrate.ts';
import { closeStores } from '../stores.ts';
import { Checkpoints } from './checkpoints.ts';
import { type Fence, fenced } from './fenced-store.ts';
import { type Lease, type LeaseClocks, type Owner, take } from './lease.ts';
import type { LeaseRecord } from './lease-chain.ts';
import type { Job, Round } from './round.ts';

export interface ShardWork {
  readonly round: Round;
  readonly job: Job;
  /** Its number, from 1. */
  readonly shard: number;
  readonly owner: Owner;
  /** Of this worker alone: what is there under its own id is no other living process's. */
  readonly folder: string;
  /** Opens the plan's stores with what is given put right around each. */
  readonly openStores: (wrap: (store: Store) => Store, signal: AbortSignal) => Promise<Map<string, Store>>;
  readonly clock: Clock;
  readonly leaseClocks?: LeaseClocks;
  readonly retry: RetryPolicy;
  readonly limits?: LiveLimits | undefined;
  readonly listener?: Listener;
  /** Told now and then where the shard stands. */
  readonly position?: (record: LeaseRecord) => void;
  /** Aborted: what is under way comes to its end, and the shard is free for others. */
  readonly stop: AbortSignal;
  /** Aborted: all ends at once. */
  readonly abort: AbortSignal;
  /** How long changes that nobody waits for may lie unsaved, in milliseconds. */
  readonly checkpointMs?: number;
  readonly lateMs?: number;
}

export interface ShardResult {
  /** `done`: every object of it came as far as it could. `stopped`, `lost`, `failed`: others may go on with it. */
  readonly ended: 'done' | 'stopped' | 'lost' | 'failed';
  /** Where it stands; left out where somebody else has done it. */
  readonly states?: LeaseRecord['states'];
  readonly moved: Moved;
  /** Why it failed. */
  readonly error?: Readonly<Record<string, string>>;
}

const CHECKPOINT_MS = 2_000;

const NOBODY: Moved = { objects: 0, bytes: 0 };

/**
 * Takes one shard and drives its objects with `migrate`, the same as at the home, on a segment that is a ledger of its own. What a step
 * relies on is in the control store before the step starts; whoever has lost the shard saves nothing and hides nothing any more.
 */
export async function workOnShard(work: ShardWork): Promise<ShardResult> {
  const { round, job, shard, owner, stop, abort, leaseClocks, position } = work;
  let lease: Lease | undefined;
  try {
    lease = await take({
      chain: round.lease(shard),
      owner,
      ttlMs: job.ttlMs,
      again: true,
      signal: AbortSignal.any([stop, abort]),
      ...(leaseClocks === undefined ? {} : { clocks: leaseClocks }),
      ...(position === undefined ? {} : { waiting: position }),
    });
  } catch (error) {
    if (stop.aborted || abort.aborted) return { ended: 'stopped', moved: NOBODY };
    throw error;
  }
  if (lease === undefined) return { ended: 'done', moved: NOBODY };
  return await new Segment(work, lease).run();
}

class Segment {
  readonly #work: ShardWork;
  readonly #lease: Lease;
  readonly #moved: Moved = { objects: 0, bytes: 0 };
  readonly #folder: string;

  constructor(work: ShardWork, lease: Lease) {
    this.#work = work;
    this.#lease = lease;
    this.#folder = join(work.folder, `shard-${work.shard}`);
  }

  async run(): Promise<ShardResult> {
    const { stop } = this.#work;
    let checkpoints: Checkpoints | undefined;
    try {
      const ledger = await this.#open(async () => await checkpoints?.saved());
      try {
        checkpoints = this.#checkpoints(ledger);
        await using made = checkpoints;
        const error = await this.#migrate(ledger, made);
        const { states } = await made.end(error === undefined ? 'done' : 'free');
        this.#tell();
        return { ended: endOf(error, stop), states, moved: this.#moved, ...explained(error, stop) };
      } finally {
        ledger.close();
      }
    } catch (error) {
      if (!this.#lease.lost.aborted) throw error;
      return { ended: 'lost', moved: this.#moved };
    } finally {
      // Whoever takes it next goes by the control store; only one that was killed in the middle is worth keeping.
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  /** The segment as it was saved last, or as this worker left it when it was killed, where nobody had the shard since. */
  async #open(saved: () => Promise<void>): Promise<Ledger> {
    const { round, shard, owner, clock } = this.#work;
    const { before, epoch } = this.#lease;
    if (existsSync(this.#folder)) {
      const left = before.owner.id === owner.id ? openLeft(this.#folder, { clock, saved }) : undefined;
      if (left?.segments.epoch !== undefined && left.segments.epoch === before.epoch) {
        left.segments.begin(epoch);
        return left;
      }
      left?.close();
      rmSync(this.#folder, { recursive: true, force: true });
    }
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const ledger = Ledger.open(this.#folder, { clock, saved });
    try {
      ledger.segments.load(await round.readSegment(shard));
      for (const { epoch: of, count } of before.checkpoints)
        for (let number = 1; number <= count; number += 1)
          ledger.segments.takeIn(await round.readCheckpoint(shard, of, number));
      const all = ledger.segments.unsaved();
      if (all !== undefined) ledger.segments.saved(all.upTo);
      ledger.segments.begin(epoch);
      return ledger;
    } catch (error) {
      ledger.close();
      throw error;
    }
  }

  #checkpoints(ledger: Ledger): Checkpoints {
    const { round, shard, checkpointMs = CHECKPOINT_MS } = this.#work;
    const everyMs = Math.min(checkpointMs, this.#lease.record.ttlMs / 4);
    return new Checkpoints({ ledger, lease: this.#lease, round, shard, everyMs, moved: () => ({ ...this.#moved }) });
  }

  /** @returns what kept it from its end; nothing, where it has come there. @throws what makes the shard lost, or a bug. */
  async #migrate(ledger: Ledger, checkpoints: Checkpoints): Promise<FerryError | undefined> {
    const { job, clock, retry, stop, abort, limits, lateMs } = this.#work;
    const { plan, until, operator } = job;
    const lease = this.#lease;
    const signal = AbortSignal.any([abort, lease.lost]);
    const fence: Fence = {
      check: () => lease.check(),
      saved: async (_store, key) => {
        if (!ledger.segments.isSavedAnywhere(key)) await checkpoints.saved();
      },
    };
    let stores = new Map<string, Store>();
    try {
      stores = await this.#work.openStores((store) => fenced(store, fence), signal);
      const what = until === 'tombstoned' && plan.tombstone.approvals > 0 ? 'tombstone' : undefined;
      const authority = Authority.open({ plan, ledger, clock, operator, sealed: undefined, approvals: [], what });
      const context = {
        plan,
        ledger: ledger.uuid,
        stores,
        clock,
        uploads: ledger.uploads,
        history: ledger.history,
        partMemory: new BufferPool(PARTS_IN_MEMORY),
        retry,
        signal,
      };
      await migrate({
        context,
        ledger,
        router: UNUSED,
        until,
        partitions: undefined,
        authority,
        lists: false,
        retry,
        listener: (event) => this.#heard(event),
        stop: AbortSignal.any([stop, signal]),
        limits,
        ...(lateMs === undefined ? {} : { lateMs }),
      });
      return undefined;
    } catch (error) {
      lease.lost.throwIfAborted();
      const fault = asFault(error, stop);
      if (fault instanceof FerryError && !abort.aborted) return fault;
      throw fault;
    } finally {
      await closeStores(stores);
    }
  }

  #heard(event: EngineEvent): void {
    if (event.type === 'moved') {
      if (event.moved !== undefined) {
        this.#moved.objects += 1;
        this.#moved.bytes += event.moved;
      }
      this.#tell();
    }
    this.#work.listener?.(event);
  }

  #tell(): void {
    this.#work.position?.(this.#lease.record);
  }
}

/** What a killed worker has left; `undefined` where it is of no use, since the control store has all that counts. */
function openLeft(folder: string, options: LedgerOptions): Ledger | undefined {
  try {
    return Ledger.open(folder, options);
  } catch (error) {
    if (error instanceof FerryError) return undefined;
    throw error;
  }
}

function endOf(error: FerryError | undefined, stop: AbortSignal): ShardResult['ended'] {
  if (error === undefined) return 'done';
  return stop.aborted && error.fault === 'interrupted' ? 'stopped' : 'failed';
}

function explained(error: FerryError | undefined, stop: AbortSignal): Pick<ShardResult, 'error'> {
  return error === undefined || endOf(error, stop) === 'stopped' ? {} : { error: errorDocument(error) };
}

/** A shard lists nothing, so that nothing is to be routed. */
const UNUSED: Router = {
  route: () => {
    throw new Error('a shard routes no key');
  },
  unlisted: () => [],
  close: () => undefined,
};
