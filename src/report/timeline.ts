import { EVENTS, type EventName, type TimeBucket } from '../ledger/overview.ts';
import type { Sum, Timeline } from './data.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Lengths of a stretch that people can read. */
const WIDTHS = [
  SECOND,
  ...[2, 5, 10, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 28, 91, 364].map((days) => days * DAY),
] as const;

/** As many stretches as a chart can show. */
const MOST = 48;

/** The shortest length of a stretch with which so long a time fits into a chart. */
export function widthFor({ from, to }: { readonly from: number; readonly to: number }): number {
  const fits = (width: number): boolean => Math.floor(to / width) - Math.floor(from / width) < MOST;
  const longest = WIDTHS[WIDTHS.length - 1] ?? DAY;
  return WIDTHS.find(fits) ?? Math.ceil((to - from) / MOST / longest + 1) * longest;
}

/** Stretches from the first in which something happened to the last, those between in which nothing did included. */
export function timelineOf(width: number, found: readonly TimeBucket[]): Timeline | undefined {
  const [first, last] = [found[0], found[found.length - 1]];
  if (first === undefined || last === undefined) return undefined;
  const buckets = new Map<number, { from: number } & Record<EventName, Sum>>();
  for (let from = first.from; from <= last.from; from += width) buckets.set(from, { from, ...nothing() });
  for (const { from, what, objects, bytes } of found) {
    const bucket = buckets.get(from);
    if (bucket !== undefined) bucket[what] = { objects, bytes };
  }
  return { width, buckets: [...buckets.values()] };
}

function nothing(): Record<EventName, Sum> {
  return Object.fromEntries(EVENTS.map((name) => [name, { objects: 0, bytes: 0 }])) as Record<EventName, Sum>;
}
