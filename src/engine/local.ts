import PQueue from 'p-queue';
import { FerryError } from '../base/errors.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { isUnresolved, type State } from '../ledger/lifecycle.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { Outcome } from '../migration/context.ts';
import { StoreError } from '../store/store.ts';
import type { Listener } from './events.ts';

/** What to do next for an object, or `undefined` when nothing is. */
export type NextStep = (row: ObjectRow) => Step | undefined;

/** One step: a function of an object to its outcome. `intent`, where there is one, is in the ledger before it starts. */
export interface Step {
  readonly name: string;
  readonly intent?: (row: ObjectRow) => Promise<NonNullable<ObjectRow['intent']>>;
  readonly take: (row: ObjectRow) => Promise<Outcome>;
  /** It reads what must be there: an object that cannot be read after all retries, from a store that answers, is damaged. */
  readonly proves?: boolean;
}

export interface LocalWork {
  readonly ledger: Ledger;
  /** States to take objects from, one after the other. */
  readonly states: readonly State[];
  /** Of these states only objects whose next step was begun: so many may be done that looking at each takes long. */
  readonly begunOnly?: readonly State[];
  readonly wanted: (row: ObjectRow) => boolean;
  readonly next: NextStep;
  /** Objects in work at once. */
  readonly concurrency: number;
  /** Where that may change meanwhile: calls back with each new number, and gives back what ends that. */
  readonly widths?: ((changed: (concurrency: number) => void) => () => void) | undefined;
  readonly retry: RetryPolicy;
  readonly listener: Listener;
  /** Aborted: no new step starts; what is under way comes to its end. */
  readonly stop: AbortSignal;
}

export interface Moved {
  objects: number;
  bytes: number;
}

/**
 * Objects in work for each step that may be under way: while some wait for the ledger's disk, others have their step. What is read of an
 * object is held only during a step.
 */
const AHEAD = 8;

/** Steps of one object in one drive; four lead from `planned` to `tombstoned`. */
const MOST_STEPS = 20;

/** How many objects in a row may fail for passing reasons before the engine believes that a store is down. */
const PATIENCE = 10;

/**
 * Drives objects through their steps in this process. It alone loops, retries and limits: objects are taken from the ledger in
 * small batches, at most `concurrency` are in work, and each step's outcome is on disk before the next step starts.
 *
 * @returns what was written to stores.
 * @throws FerryError `unreachable` when a store stays out of reach, `interrupted` when stopped; the work can then be taken up again.
 */
export async function drive(work: LocalWork): Promise<Moved> {
  return await new Drive(work).run();
}

class Drive {
  readonly #work: LocalWork;
  readonly #queue: PQueue;
  readonly #moved: Moved = { objects: 0, bytes: 0 };
  #inWork = 0;
  /** Told when an object is no longer in work. */
  #left: (() => void) | undefined;
  #failure: unknown;
  #faultsInARow = 0;

  constructor(work: LocalWork) {
    this.#work = work;
    this.#queue = new PQueue({ concurrency: work.concurrency });
  }

  async run(): Promise<Moved> {
    const release = this.#work.widths?.((concurrency) => {
      this.#queue.concurrency = concurrency;
    });
    try {
      return await this.#runStates();
    } finally {
      release?.();
    }
  }

  async #runStates(): Promise<Moved> {
    for (const state of this.#work.states) {
      await this.#runState(state);
      await this.#fewerThan(1);
      if (this.#ended) break;
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#work.stop.aborted) throw interrupted();
    return this.#moved;
  }

  get #ended(): boolean {
    return this.#failure !== undefined || this.#work.stop.aborted;
  }

  async #runState(state: State): Promise<void> {
    const { ledger, wanted, concurrency, begunOnly } = this.#work;
    const begun = begunOnly?.includes(state) === true;
    const batch = Math.max(64, concurrency * 4);
    let after = 0;
    for (;;) {
      const rows = begun ? ledger.queries.nextBegun(state, after, batch) : ledger.queries.next(state, after, batch);
      if (rows.length === 0) return;
      for (const row of rows) {
        after = row.id;
        if (!wanted(row) || this.#work.next(row) === undefined) continue;
        await this.#fewerThan(this.#mostInWork);
        if (this.#ended) return;
        this.#inWork += 1;
        void this.#object(row).then(() => {
          this.#inWork -= 1;
          this.#left?.();
        });
      }
    }
  }

  /** One at a time is one at a time. */
  get #mostInWork(): number {
    const { concurrency } = this.#queue;
    return concurrency === 1 ? 1 : concurrency * AHEAD;
  }

  /** Waits until fewer objects than this are in work. */
  async #fewerThan(most: number): Promise<void> {
    while (this.#inWork >= most) {
      await new Promise<void>((told) => {
        this.#left = told;
      });
    }
  }

  /** Takes one object as far as it goes. Never throws: what it cannot deal with ends the whole drive. */
  async #object(row: ObjectRow): Promise<void> {
    try {
      let current: ObjectRow | undefined = row;
      for (let steps = 0; current !== undefined && !this.#ended; steps += 1) {
        // Someone who touches an object without end is left for a later run.
        current = steps < MOST_STEPS ? await this.#step(current, steps) : undefined;
      }
    } catch (error) {
      this.#failure ??= error;
    }
  }

  /** Takes one step and gives back the object to go on with, if there is more to do. */
  async #step(row: ObjectRow, steps: number): Promise<ObjectRow | undefined> {
    const { ledger, next } = this.#work;
    const step = next(row);
    if (step === undefined) return undefined;
    const ready = await this.#withIntent(row, step, steps);
    if (ready === undefined) return undefined;
    const outcome = await this.#inTurn(steps, () => this.#attempt(ready, step));
    if (outcome === undefined) return undefined;
    await this.#finish(ready, outcome);
    if (needsPerson(row, outcome)) return undefined;
    return ledger.queries.byId(row.id);
  }

  /** Objects that have come far go before those that are to begin. @returns `undefined` when the drive has ended before. */
  #inTurn<T>(steps: number, task: () => Promise<T | undefined>): Promise<T | undefined> {
    return this.#queue.add(async () => (this.#ended ? undefined : await task()), { priority: steps });
  }

  /** The object with its intent on disk; `undefined` when the step cannot be begun. */
  async #withIntent(row: ObjectRow, step: Step, steps: number): Promise<ObjectRow | undefined> {
    const { intent, ...unbegun } = step;
    if (intent === undefined || row.intent !== undefined) return row;
    try {
      const meant = await this.#inTurn(steps, () => this.#retried(step, () => intent(row)));
      if (meant === undefined) return undefined;
      await this.#work.ledger.note(row, { intent: meant });
      return { ...row, intent: meant };
    } catch (error) {
      const outcome = this.#failed(row, unbegun, error);
      if (outcome !== undefined) await this.#finish(row, outcome);
      return undefined;
    }
  }

  /** The outcome of a step after as many retries as it takes; `undefined` when the drive ends instead. */
  async #attempt(row: ObjectRow, step: Step): Promise<Outcome | undefined> {
    try {
      const outcome = await this.#retried(step, () => step.take(row));
      this.#faultsInARow = 0;
      return outcome;
    } catch (error) {
      return this.#failed(row, step, error);
    }
  }

  async #finish(row: ObjectRow, outcome: Outcome): Promise<void> {
    await this.#work.ledger.move(row, outcome.to, outcome.change);
    this.#tell(row, outcome);
  }

  #retried<T>(step: Step, task: () => Promise<T>): Promise<T> {
    return retry(task, {
      ...this.#work.retry,
      signal: this.#work.stop,
      onRetry: (attempt, waitMs, error) =>
        this.#work.listener({ type: 'retry', what: step.name, attempt, waitMs, why: reasonOf(error) }),
    });
  }

  #failed(row: ObjectRow, step: Step, error: unknown): Outcome | undefined {
    if (this.#work.stop.aborted) return undefined;
    if (error instanceof FerryError && error.fault === 'integrity') {
      return cannot(row, error.why, true);
    }
    if (!(error instanceof StoreError)) throw error;
    if (error.passing) this.#faultsInARow += 1;
    // A step with an intent may have had its effect although no answer came: only the step itself, taken again, can tell.
    if (endsAll(error) || this.#faultsInARow >= PATIENCE || (step.intent !== undefined && error.passing)) {
      this.#failure ??= outOfReach(error);
      return undefined;
    }
    const damaged = step.proves === true && error.passing;
    return cannot(row, `${step.name}: ${error.message}`, damaged);
  }

  #tell(row: ObjectRow, outcome: Outcome): void {
    const { partition, key } = row;
    const { to, moved } = outcome;
    if (moved !== undefined) {
      this.#moved.objects += 1;
      this.#moved.bytes += moved;
    }
    const size = outcome.change.size ?? row.size;
    this.#work.listener({ type: 'moved', partition, from: row.state, to, size, moved });
    if (!needsPerson(row, outcome)) return;
    const reason = outcome.change.reason ?? '';
    this.#work.listener({ type: 'unresolved', partition, key, state: to, reason });
  }
}

/** Whether an object goes no further: its state says so, or it stays where it is for a reason. */
function needsPerson(row: ObjectRow, { to, change }: Outcome): boolean {
  return isUnresolved(to) || (to === row.state && typeof change.reason === 'string');
}

/** An object that cannot go on. What is tombstoned stays so: its bytes are where the tombstone says. */
function cannot(row: ObjectRow, reason: string, integrity: boolean): Outcome {
  const to = row.state === 'tombstoned' ? 'tombstoned' : 'failed';
  // An earlier attempt may have put the marker there: a tombstone that was begun is not forgotten.
  const begun = row.intent?.step === 'tombstone';
  return { to, change: { reason, integrity, ...(begun ? {} : { intent: null }) } };
}

/** Faults after which no other object can fare better. */
function endsAll(error: StoreError): boolean {
  return ['unreachable', 'untrusted', 'missing', 'full'].includes(error.kind);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The store stays out of reach: what a person is told. */
export function outOfReach(error: StoreError): FerryError {
  if (error.kind === 'untrusted') return untrusted(error);
  return new FerryError({
    fault: 'unreachable',
    op: error.op,
    subject: error.store,
    why: error.why,
    hint: 'see that the store is there and may be used, then run again to go on; nothing is lost',
    cause: error,
  });
}

/** No fault that passes: run again, it would be the same. */
function untrusted(error: StoreError): FerryError {
  return new FerryError({
    fault: 'refused',
    op: error.op,
    subject: error.store,
    why: error.why,
    hint: `see that the endpoint is right; where the certificate is from an authority of your own, set \`ca: FILE.pem\` in stores.${error.store}`,
    cause: error,
  });
}

/** What a command ends with when this was thrown: a stop is an interruption, a store's fault is out of reach; the rest is as it is. */
export function asFault(error: unknown, stop: AbortSignal): unknown {
  if (error instanceof FerryError) return error;
  if (stop.aborted) return interrupted();
  return error instanceof StoreError ? outOfReach(error) : error;
}

export function interrupted(): FerryError {
  return new FerryError({
    fault: 'interrupted',
    op: 'go on',
    subject: 'run',
    why: 'it was stopped',
    hint: 'run again to go on',
  });
}
