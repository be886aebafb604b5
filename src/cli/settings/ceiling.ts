import type { Limits } from '../../plan/types.ts';

/** The limits of a plan with no concurrency above `most`. Never raises one. */
export function underCeiling(limits: Limits, most: number | undefined): Limits {
  if (most === undefined) return limits;
  return {
    ...limits,
    concurrency: Math.min(limits.concurrency, most),
    minConcurrency: Math.min(limits.minConcurrency, most),
    windows: limits.windows.map((window) =>
      window.concurrency === undefined ? window : { ...window, concurrency: Math.min(window.concurrency, most) },
    ),
  };
}
