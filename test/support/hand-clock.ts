import { setImmediate as turn } from 'node:timers/promises';
import type { SteadyClock } from '../../src/base/clock.ts';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that a test turns: it stands still until `turnTo`, and may wake sleepers late, as a busy machine does. */
export class HandClock implements SteadyClock {
  #now: number;
  #sleepers: Sleeper[] = [];
  /** The most sleepers that there ever were at once. */
  mostSleepers = 0;

  constructor(now = 5_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      this.mostSleepers = Math.max(this.mostSleepers, this.#sleepers.length);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      });
    });
  }

  /** Lets all work be done that needs no time, then time pass until the next sleeper, again and again up to `end`. */
  async turnTo(end: number, late: () => number = () => 0): Promise<void> {
    for (;;) {
      await turn();
      const next = this.#sleepers.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at + late());
      next.wake();
    }
    this.#now = Math.max(this.#now, end);
    await turn();
  }
}
