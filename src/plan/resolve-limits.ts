import { NONE } from './schema/limits.ts';
import type { PlanDocument } from './schema/plan.ts';
import type { Limits, LimitsWindow } from './types.ts';
import { parseBandwidth, parseRequestRate } from './units.ts';
import { minutesOf, WEEKDAYS } from './wall-clock.ts';

type LimitsDocument = PlanDocument['limits'];
type WindowDocument = NonNullable<LimitsDocument['windows']>[number];

/** What a bucket is asked at once however slow it is, unless the plan says otherwise: it has to be asked to show that it is well again. */
const LEAST = 4;

/** Of a document that passed all checks. */
export function limitsOf(document: LimitsDocument): Limits {
  const { concurrency, minConcurrency, bandwidth, requests, windows = [] } = document;
  return {
    concurrency,
    minConcurrency: minConcurrency ?? Math.min(LEAST, concurrency),
    bandwidth: bandwidth === undefined ? undefined : parseBandwidth(bandwidth),
    requests: requests === undefined ? undefined : parseRequestRate(rate(requests)),
    windows: windows.map(windowOf),
  };
}

/** A rate of requests in the one way of two. */
export function plainLimits(document: LimitsDocument): LimitsDocument {
  const { requests, windows } = document;
  return {
    ...document,
    ...(requests === undefined ? {} : { requests: rate(requests) }),
    ...(windows === undefined
      ? {}
      : {
          windows: windows.map((window) =>
            window.requests === undefined ? window : { ...window, requests: rate(window.requests) },
          ),
        }),
  };
}

function windowOf({
  days = [...WEEKDAYS],
  from,
  to,
  zone,
  bandwidth,
  requests,
  concurrency,
}: WindowDocument): LimitsWindow {
  const limit = (text: string, parse: (text: string) => number | undefined): number | null =>
    text === NONE ? null : (parse(text) ?? null);
  return {
    days: [...new Set(days.map((day) => WEEKDAYS.indexOf(day)))].sort(),
    from: minutesOf(from),
    to: minutesOf(to),
    zone,
    ...(bandwidth === undefined ? {} : { bandwidth: limit(bandwidth, parseBandwidth) }),
    ...(requests === undefined ? {} : { requests: limit(rate(requests), parseRequestRate) }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
}

function rate(given: string | number): string {
  return typeof given === 'number' ? `${given}/s` : given;
}
