import { setTimeout as delay } from 'node:timers/promises';

/** Where time comes from, so that a test can turn it by hand. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** As `Clock`, but `now` counts from some moment of its own and never goes back, whatever becomes of the machine's date. */
export type SteadyClock = Clock;

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal ? { signal } : {});
  },
};

export const steadyClock: SteadyClock = {
  now: () => performance.now(),
  // Node cuts fractions off, and would wake the sleeper too early.
  sleep: (ms, signal) => systemClock.sleep(Math.ceil(ms), signal),
};
