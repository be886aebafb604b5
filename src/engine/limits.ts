import type { Bounds } from '../base/adaptive.ts';
import { type Clock, type SteadyClock, steadyClock, systemClock } from '../base/clock.ts';
import { Gate } from '../base/gate.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { type LimitsNow, limitsAt, type OperatorLimits } from '../plan/limits-at.ts';
import type { Limits, StoreSpec } from '../plan/types.ts';
import type { Limits as StoreLimits } from '../store/wrap/toll.ts';

/** The parts of one large object go side by side, also where only one object is in work. */
const PARTS_AT_ONCE = 4;

const MINUTE_MS = 60_000;

/** How a bucket is asked now. */
export interface StoreNow {
  /** Requests that may be under way at once, that are, and answers so far that said it was too much. */
  readonly allowed: number;
  readonly underWay: number;
  readonly throttled: number;
}

/** The limits of one process, which may change while it works. Whoever keeps to them is told of each change. */
export class LiveLimits {
  #plan: Limits;
  #operator: OperatorLimits | undefined;
  #now: LimitsNow;
  readonly #clock: Clock;
  readonly #steady: SteadyClock;
  readonly #listeners = new Set<(now: LimitsNow) => void>();
  readonly #gates = new Map<string, Gate>();
  #bytes: TokenBucket | undefined;

  constructor(plan: Limits, operator?: OperatorLimits, clock: Clock = systemClock, steady: SteadyClock = steadyClock) {
    this.#plan = plan;
    this.#operator = operator;
    this.#clock = clock;
    this.#steady = steady;
    this.#now = limitsAt(plan, clock.now(), operator);
    // Windows begin and end with a minute, in every zone. Weakly held: a process does not stay for it.
    if (plan.windows.length > 0) this.everyMinute();
  }

  get now(): LimitsNow {
    return this.#now;
  }

  /** By the names of buckets. Folders are asked as much as objects are in work. */
  get stores(): Readonly<Record<string, StoreNow>> {
    return Object.fromEntries([...this.#gates].map(([name, gate]) => [name, gate.state]));
  }

  /** @returns what ends the telling. */
  onChange(listener: (now: LimitsNow) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** From now on the plan's limits are these. */
  setPlan(plan: Limits): void {
    this.#plan = plan;
    this.refresh();
  }

  setOperator(operator: OperatorLimits | undefined): void {
    this.#operator = operator;
    this.refresh();
  }

  /** Looks at the clock again. */
  refresh(): void {
    const before = JSON.stringify(this.#now);
    this.#now = limitsAt(this.#plan, this.#clock.now(), this.#operator);
    if (JSON.stringify(this.#now) === before) return;
    for (const listener of this.#listeners) listener(this.#now);
  }

  /** Refreshes, and calls what is given, with each minute that begins on the clock. @returns what ends that. */
  everyMinute(also: () => void = () => undefined): () => void {
    let timer: NodeJS.Timeout;
    const next = (): void => {
      // Timers may come a moment early: a little after the minute it surely is the new one.
      const wait = MINUTE_MS - (this.#clock.now() % MINUTE_MS) + 20;
      timer = setTimeout(() => {
        also();
        this.refresh();
        next();
      }, wait).unref();
    };
    next();
    return () => clearTimeout(timer);
  }

  /** What a store is to keep to, also when it changes. All sources share one bandwidth. */
  forStore(spec: StoreSpec, isSource: boolean): StoreLimits {
    const requests = new TokenBucket(this.#now.requests.value, this.#steady);
    this.onChange((now) => requests.change(now.requests.value));
    return { requests, bytes: isSource ? this.#sharedBytes() : undefined, gate: this.#gateOf(spec) };
  }

  #sharedBytes(): TokenBucket {
    if (this.#bytes !== undefined) return this.#bytes;
    const bytes = new TokenBucket(this.#now.bandwidth.value, this.#steady);
    this.onChange((now) => bytes.change(now.bandwidth.value));
    this.#bytes = bytes;
    return bytes;
  }

  #gateOf({ type, name }: StoreSpec): Gate | undefined {
    if (type !== 's3') return undefined;
    const gate = new Gate(boundsOf(this.#now), this.#steady);
    this.onChange((now) => gate.change(boundsOf(now)));
    this.#gates.set(name, gate);
    return gate;
  }
}

function boundsOf({ concurrency, minConcurrency }: LimitsNow): Bounds {
  return { least: minConcurrency.value, most: Math.max(PARTS_AT_ONCE, concurrency.value) };
}
