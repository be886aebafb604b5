import { type Adapted, type Answer, adapt, allowed, type Bounds, UNTOLD } from './adaptive.ts';
import { type SteadyClock, steadyClock } from './clock.ts';

/** The right of one request to be under way. */
export interface Pass {
  /** The request goes out now: what was waited for before is not the server's time. */
  sent(): void;
  /** What the answer was, once; where it never came, nothing is told. */
  answered(outcome: Answer['outcome'], kind?: string): void;
  /** Makes room for the next; again it does nothing. */
  leave(): void;
}

/** Lets so many requests to one server be under way at once as it takes. Those who wait go in turn. */
export class Gate {
  #bounds: Bounds;
  #known: Adapted = UNTOLD;
  readonly #clock: SteadyClock;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;
  #throttled = 0;

  constructor(bounds: Bounds, clock: SteadyClock = steadyClock) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /** How many may be under way, how many are, and how often the server said that it was too much. */
  get state(): { readonly allowed: number; readonly underWay: number; readonly throttled: number } {
    return { allowed: allowed(this.#known, this.#bounds), underWay: this.#underWay, throttled: this.#throttled };
  }

  change(bounds: Bounds): void {
    this.#bounds = bounds;
    this.#admit();
  }

  /** Resolves when there is room; rejects with the signal's reason. */
  async enter(signal?: AbortSignal): Promise<Pass> {
    signal?.throwIfAborted();
    if (this.#waiting.length > 0 || !this.#hasRoom()) {
      await new Promise<void>((resolve, reject) => {
        const go = (): void => {
          signal?.removeEventListener('abort', leave);
          resolve();
        };
        const leave = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(go), 1);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', leave, { once: true });
        this.#waiting.push(go);
      });
    } else this.#underWay += 1;
    return this.#pass();
  }

  #pass(): Pass {
    let [beganAt, isIn] = [this.#clock.now(), true];
    return {
      sent: () => {
        beganAt = this.#clock.now();
      },
      answered: (outcome, kind) => {
        if (outcome === 'throttled') this.#throttled += 1;
        const [endedAt, underWay] = [this.#clock.now(), this.#underWay];
        const answer = { outcome, beganAt, endedAt, underWay };
        this.#known = adapt(this.#known, this.#bounds, kind === undefined ? answer : { ...answer, kind });
      },
      leave: () => {
        if (!isIn) return;
        isIn = false;
        this.#underWay -= 1;
        this.#admit();
      },
    };
  }

  #hasRoom(): boolean {
    return this.#underWay < allowed(this.#known, this.#bounds);
  }

  #admit(): void {
    while (this.#hasRoom()) {
      const go = this.#waiting.shift();
      if (go === undefined) return;
      this.#underWay += 1;
      go();
    }
  }
}
