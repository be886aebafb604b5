import { type SteadyClock, steadyClock } from './clock.ts';

/** How much may be saved up while nobody takes, in seconds of the rate. With `SLICE` it keeps any ten seconds within 5 %. */
const SAVED = 0.3;

/** How much a stream should take at once, in seconds of the rate. */
const SLICE = 0.05;

/** No sleep is longer: timers have a largest time. */
const LONGEST_SLEEP_MS = 60_000;

interface Waiter {
  readonly tokens: number;
  owing: number;
  readonly go: () => void;
}

/**
 * Tokens flow in at a rate, and up to 0.3 seconds' worth of them can be saved up. Takers are served in turn, each when all its tokens
 * have flowed in; one who wants more than can be saved gets them as they come. Over any ten seconds no more than 1.05 times the rate is
 * given out (and what one taker asks for at once), and where there is demand no less than 0.95 times.
 */
export class TokenBucket {
  #perSecond: number | undefined;
  readonly #clock: SteadyClock;
  readonly #waiting: Waiter[] = [];
  #saved: number;
  /** The moment up to which tokens have flowed in. */
  #at: number;
  /** Of the one timer, which is for whoever is first. */
  #timer: AbortController | undefined;

  /** @param perSecond `undefined` for no limit. */
  constructor(perSecond: number | undefined, clock: SteadyClock = steadyClock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#at = clock.now();
    this.#saved = (perSecond ?? 0) * SAVED;
  }

  get perSecond(): number | undefined {
    return this.#perSecond;
  }

  /** From now on tokens flow in at this rate, also for those who wait; `undefined` lets all of them go. */
  change(perSecond: number | undefined): void {
    if (perSecond === this.#perSecond) return;
    this.#flow();
    // What was saved at a higher rate would be too much.
    this.#saved = Math.min(this.#saved, (perSecond ?? 0) * SAVED);
    this.#perSecond = perSecond;
    this.#serve();
  }

  /** The most that a stream should take at once, a whole number; `undefined` where there is no limit. */
  get slice(): number | undefined {
    return this.#perSecond === undefined ? undefined : Math.max(1, Math.floor(this.#perSecond * SLICE));
  }

  /** Resolves when `tokens` have flowed in, after those of everyone who came before; rejects with the signal's reason. */
  async take(tokens: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#perSecond === undefined) return;
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        tokens,
        owing: tokens,
        go: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#leave(waiter);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#flow();
      this.#waiting.push(waiter);
      // Whoever comes behind others changes nothing for the first.
      if (this.#waiting.length === 1) this.#serve();
    });
  }

  /** What was paid already is for those behind. */
  #leave(waiter: Waiter): void {
    const place = this.#waiting.indexOf(waiter);
    if (place < 0) return;
    this.#flow();
    this.#waiting.splice(place, 1);
    this.#saved += waiter.tokens - waiter.owing;
    this.#serve();
  }

  #flow(): void {
    const now = this.#clock.now();
    const came = (Math.max(0, now - this.#at) / 1_000) * (this.#perSecond ?? 0);
    this.#at = now;
    this.#saved += came;
    this.#spill();
  }

  #spill(): void {
    const most = (this.#perSecond ?? 0) * SAVED + (this.#waiting[0]?.owing ?? 0);
    this.#saved = Math.min(this.#saved, most);
  }

  #serve(): void {
    this.#timer?.abort();
    this.#timer = undefined;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const paid = this.#perSecond === undefined ? first.owing : Math.min(first.owing, this.#saved);
      first.owing -= paid;
      if (this.#perSecond !== undefined) this.#saved -= paid;
      // A rounding error is not worth a timer.
      if (first.owing > 1e-9 * first.tokens) break;
      this.#waiting.shift();
      first.go();
    }
    this.#spill();
    this.#sleep();
  }

  #sleep(): void {
    const first = this.#waiting[0];
    if (first === undefined || this.#perSecond === undefined) return;
    const timer = new AbortController();
    this.#timer = timer;
    const ms = Math.min(LONGEST_SLEEP_MS, (first.owing / this.#perSecond) * 1_000);
    this.#clock.sleep(ms, timer.signal).then(
      () => {
        if (timer.signal.aborted) return;
        this.#flow();
        this.#serve();
      },
      () => undefined,
    );
  }
}
