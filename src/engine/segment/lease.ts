import { type Clock, type SteadyClock, steadyClock, systemClock } from '../../base/clock.ts';
import { FerryError } from '../../base/errors.ts';
import type { LeaseChain, LeaseRecord, NextRecord } from './lease-chain.ts';

export type Owner = LeaseRecord['owner'];

/** Time, by two clocks: one that no date changes, and one that goes on while a machine sleeps. */
export interface LeaseClocks {
  readonly steady: SteadyClock;
  readonly wall: Clock;
}

export const LEASE_CLOCKS: LeaseClocks = { steady: steadyClock, wall: systemClock };

export interface TakeWork {
  readonly chain: LeaseChain;
  readonly owner: Owner;
  readonly ttlMs: number;
  /** Whether `owner` is sure that the process which held the shard under its own id is dead: then there is nothing to wait for. */
  readonly again: boolean;
  readonly signal: AbortSignal;
  readonly clocks?: LeaseClocks;
  /** Told while it waits, of whom for. */
  readonly waiting?: (record: LeaseRecord) => void;
}

/** A part of the lease that is left unused, so that what was begun within it ends within it. */
const MARGIN = 1 / 3;

/** How often the lease is looked at while somebody else holds it, in its length. */
const LOOKS = 4;

/**
 * Takes a shard: at once where it is free, else when its owner has not been heard of for the whole length of its lease, by this process's
 * own clock and no date. Two clocks need not agree on the time, only on how long a second is.
 *
 * @returns `undefined` where the shard is done.
 */
export async function take(work: TakeWork): Promise<Lease | undefined> {
  const { chain, owner, ttlMs, signal, clocks = LEASE_CLOCKS } = work;
  let known = await chain.newest();
  let heardAt = clocks.steady.now();
  for (;;) {
    signal.throwIfAborted();
    if (known.state === 'done') return undefined;
    const silent = clocks.steady.now() - heardAt;
    if (known.state === 'free' || (work.again && known.owner.id === owner.id) || silent >= known.ttlMs) {
      const begun = momentOf(clocks);
      const next = { ...nextOf(known), epoch: known.epoch + 1, owner, ttlMs, state: 'held' as const };
      const taken = await chain.append(known, next);
      if (taken !== undefined) return new Lease(chain, taken, known, begun, clocks);
    } else {
      work.waiting?.(known);
      await clocks.steady.sleep(Math.min(known.ttlMs - silent, known.ttlMs / LOOKS), signal);
    }
    const now = await chain.newest(known);
    if (now.number === known.number) continue;
    known = now;
    heardAt = clocks.steady.now();
  }
}

interface Moment {
  readonly steady: number;
  readonly wall: number;
}

function momentOf({ steady, wall }: LeaseClocks): Moment {
  return { steady: steady.now(), wall: wall.now() };
}

function nextOf({ format: _, number: _n, nonce: _o, ...rest }: LeaseRecord): NextRecord {
  return rest;
}

/**
 * A shard that this process has taken. It is lost as soon as somebody else has made a record, or when no record of its own was made in
 * time: nothing that is bound to it may begin then. The length of the lease is counted from before the record was asked for.
 */
export class Lease {
  /** The record that was there before: what the shard's state was made of. */
  readonly before: LeaseRecord;
  readonly #chain: LeaseChain;
  readonly #clocks: LeaseClocks;
  readonly #lost = new AbortController();
  #record: LeaseRecord;
  #heard: Moment;
  #appending: Promise<unknown> = Promise.resolve();

  constructor(chain: LeaseChain, record: LeaseRecord, before: LeaseRecord, heard: Moment, clocks: LeaseClocks) {
    this.#chain = chain;
    this.#record = record;
    this.before = before;
    this.#heard = heard;
    this.#clocks = clocks;
  }

  /** As it was last written. */
  get record(): LeaseRecord {
    return this.#record;
  }

  get epoch(): number {
    return this.#record.epoch;
  }

  /** Aborted when the shard is lost. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Throws unless there is time enough left for something that others would see. @throws FerryError `interrupted`. */
  check(): void {
    if (this.#left() <= this.#record.ttlMs * MARGIN) this.lose('its owner was not heard of in time');
    this.#lost.signal.throwIfAborted();
  }

  /** Keeps the lease for another length, if it was not written for a third of it. */
  async keep(): Promise<void> {
    if (this.#left() > this.#record.ttlMs * (2 / 3)) return;
    await this.write({});
  }

  /** Writes the next record, one at a time. @throws FerryError `interrupted` where the shard is lost. */
  write(change: Partial<NextRecord>): Promise<LeaseRecord> {
    const written = this.#appending.then(() => this.#write(change));
    this.#appending = written.catch(() => undefined);
    return written;
  }

  lose(why: string): void {
    if (!this.#lost.signal.aborted) this.#lost.abort(lost(why));
  }

  async #write(change: Partial<NextRecord>): Promise<LeaseRecord> {
    this.#lost.signal.throwIfAborted();
    const begun = momentOf(this.#clocks);
    const record = await this.#chain.append(this.#record, { ...nextOf(this.#record), ...change });
    if (record === undefined) this.lose('another worker has taken it');
    this.#lost.signal.throwIfAborted();
    this.#record = record ?? this.#record;
    this.#heard = begun;
    return this.#record;
  }

  /** Milliseconds; a clock that stood still while the machine slept does not count. */
  #left(): number {
    const now = momentOf(this.#clocks);
    const gone = Math.max(now.steady - this.#heard.steady, now.wall - this.#heard.wall);
    return this.#record.ttlMs - gone;
  }
}

function lost(why: string): FerryError {
  return new FerryError({
    fault: 'interrupted',
    op: 'go on with a shard',
    subject: 'its lease',
    why,
    hint: 'nothing is lost; whoever has it now goes on with it',
  });
}
