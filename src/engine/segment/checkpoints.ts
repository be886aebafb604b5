import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../../ledger/ledger.ts';
import type { Lease } from './lease.ts';
import type { LeaseRecord } from './lease-chain.ts';
import type { Round } from './round.ts';

export interface CheckpointWork {
  readonly ledger: Ledger;
  readonly lease: Lease;
  readonly round: Round;
  readonly shard: number;
  /** How long changes that nobody waits for may lie unsaved, in milliseconds. */
  readonly everyMs: number;
  /** What this epoch has written to stores so far. */
  readonly moved: () => { readonly objects: number; readonly bytes: number };
}

/** How long a checkpoint waits for more to go along, in milliseconds: each costs two requests, however much it saves. */
const GATHER_MS = 40;

/**
 * Brings what has changed in a segment into the control store: first the changed objects, under a name of this epoch's own, then the lease's
 * next record, which counts them in. Whoever has lost the shard cannot make that record, and what it put there counts for nothing. All who
 * wait while one checkpoint is made share the next.
 */
export class Checkpoints implements AsyncDisposable {
  readonly #work: CheckpointWork;
  readonly #timer: NodeJS.Timeout;
  #making: Promise<void> | undefined;
  /** Whether what is told to the ledger now still goes along with the checkpoint that is being made. */
  #gathers = false;
  #next: Promise<void> | undefined;

  constructor(work: CheckpointWork) {
    this.#work = work;
    this.#timer = setInterval(() => {
      // Whoever needs it sees that the lease is lost.
      this.#tick().catch((error: unknown) => work.lease.lose(String(error)));
    }, work.everyMs);
  }

  /** Resolves when all that the ledger was told before this call is in the control store. */
  saved(): Promise<void> {
    if (this.#making === undefined) {
      this.#making = this.#make().finally(() => {
        this.#making = undefined;
      });
      return this.#making;
    }
    if (this.#gathers) return this.#making;
    this.#next ??= this.#making
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.saved();
      });
    return this.#next;
  }

  /** Saves the rest and says what becomes of the shard. */
  async end(state: 'free' | 'done'): Promise<LeaseRecord> {
    clearInterval(this.#timer);
    await this.saved();
    return await this.#work.lease.write({ state });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#making?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
  }

  async #tick(): Promise<void> {
    if (this.#making === undefined) await this.saved();
    await this.#work.lease.keep();
  }

  async #make(): Promise<void> {
    const { ledger, lease, round, shard, moved } = this.#work;
    lease.lost.throwIfAborted();
    if (!ledger.segments.isUnsaved) return;
    this.#gathers = true;
    await delay(GATHER_MS, undefined, { signal: lease.lost }).finally(() => {
      this.#gathers = false;
    });
    const unsaved = ledger.segments.unsaved();
    if (unsaved === undefined) return;
    const { checkpoints, epoch } = lease.record;
    const own = checkpoints.at(-1)?.epoch === epoch ? checkpoints.at(-1) : undefined;
    const count = (own?.count ?? 0) + 1;
    const { before } = lease;
    const now = moved();
    await round.writeCheckpoint(shard, epoch, count, unsaved.lines);
    await lease.write({
      checkpoints: [...checkpoints.filter((one) => one !== own), { epoch, count }],
      states: statesOf(ledger),
      moved: { objects: before.moved.objects + now.objects, bytes: before.moved.bytes + now.bytes },
    });
    ledger.segments.saved(unsaved.upTo);
  }
}

function statesOf(ledger: Ledger): LeaseRecord['states'] {
  const states: Record<string, number> = {};
  for (const tally of ledger.queries.tallies())
    for (const [state, objects] of Object.entries(tally.states))
      if (objects > 0) states[state] = (states[state] ?? 0) + objects;
  return states;
}
