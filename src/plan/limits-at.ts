import type { Limits, LimitsWindow } from './types.ts';
import { wallClock } from './wall-clock.ts';

/** What an operator set over the plan. What is left out is as the plan has it; `null` is no limit. */
export interface OperatorLimits {
  /** Bytes a second. */
  readonly bandwidth?: number | null;
  /** Requests a second. */
  readonly requests?: number | null;
  readonly concurrency?: number;
}

/** A limit and where it comes from. */
export interface Held<T> {
  readonly value: T;
  readonly from: 'plan' | 'window' | 'operator';
}

/** The limits that hold at a moment. `undefined` for no limit. */
export interface LimitsNow {
  readonly concurrency: Held<number>;
  readonly minConcurrency: Held<number>;
  readonly bandwidth: Held<number | undefined>;
  readonly requests: Held<number | undefined>;
  /** Which of the plan's windows it is, from 0, also where an operator's limits stand before it. */
  readonly window: number | undefined;
}

/** The limits at a moment (milliseconds since 1970): the operator's before those of the first window that it is, these before the plan's. */
export function limitsAt(limits: Limits, at: number, operator: OperatorLimits = {}): LimitsNow {
  const found = limits.windows.findIndex((window) => isIn(window, at));
  const window = found < 0 ? {} : (limits.windows[found] ?? {});
  const held = <N extends 'bandwidth' | 'requests' | 'concurrency'>(name: N): Held<Limits[N]> => {
    const [ordered, timed] = [operator[name], (window as OperatorLimits)[name]];
    if (ordered !== undefined) return { value: (ordered ?? undefined) as Limits[N], from: 'operator' };
    if (timed !== undefined) return { value: (timed ?? undefined) as Limits[N], from: 'window' };
    return { value: limits[name], from: 'plan' };
  };
  const concurrency = held('concurrency');
  return {
    concurrency,
    minConcurrency: { value: Math.min(limits.minConcurrency, concurrency.value), from: 'plan' },
    bandwidth: held('bandwidth'),
    requests: held('requests'),
    window: found < 0 ? undefined : found,
  };
}

/** It goes by the clock on the wall: an hour that a change to summer time leaves out is in no window, one that comes twice is twice. */
function isIn({ days, from, to, zone }: LimitsWindow, at: number): boolean {
  const { weekday, minute } = wallClock(at, zone);
  const today = days.includes(weekday);
  if (from < to) return today && minute >= from && minute < to;
  const yesterday = days.includes((weekday + 6) % 7);
  return (today && minute >= from) || (yesterday && minute < to);
}
