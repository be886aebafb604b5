import type { OperatorLimits } from '../../plan/limits-at.ts';
import type { Limits, LimitsWindow } from '../../plan/types.ts';

/**
 * What one of so many shards may use of a plan's limits: together they never use more. Where a limit cannot be parted further, fewer shards
 * may be worked on at once (`mostAtOnce`).
 */
export function shareOf(limits: Limits, shards: number): Limits {
  const concurrency = part(limits.concurrency, shards);
  return {
    concurrency,
    minConcurrency: Math.min(concurrency, part(limits.minConcurrency, shards)),
    bandwidth: limits.bandwidth === undefined ? undefined : part(limits.bandwidth, shards),
    requests: limits.requests === undefined ? undefined : part(limits.requests, shards),
    windows: limits.windows.map((window) => windowShare(window, shards)),
  };
}

/** The part of what an operator ordered. */
export function orderedShare({ bandwidth, requests, concurrency }: OperatorLimits, shards: number): OperatorLimits {
  const rate = (value: number | null): number | null => (value === null ? null : part(value, shards));
  return {
    ...(bandwidth === undefined ? {} : { bandwidth: rate(bandwidth) }),
    ...(requests === undefined ? {} : { requests: rate(requests) }),
    ...(concurrency === undefined ? {} : { concurrency: part(concurrency, shards) }),
  };
}

/** How many shards may be worked on at once, of those that were asked for, so that each can have a whole part of every limit. */
export function mostAtOnce(limits: Limits, asked: number): number {
  const all = [limits, ...limits.windows].flatMap(({ concurrency, bandwidth, requests }) => [
    concurrency ?? asked,
    bandwidth ?? asked,
    requests ?? asked,
  ]);
  return Math.max(1, Math.min(asked, ...all));
}

function windowShare(window: LimitsWindow, shards: number): LimitsWindow {
  return { ...window, ...(orderedShare(window, shards) as Partial<LimitsWindow>) };
}

function part(value: number, shards: number): number {
  return Math.max(1, Math.floor(value / shards));
}
