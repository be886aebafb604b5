/** How many may be under way at once: never fewer than `least`, never more than `most`. Whole numbers from 1; `least` gives way. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** How long answers of one kind take, in milliseconds: over the last hundreds, and over the last few. */
export interface Trend {
  readonly usual: number;
  readonly lately: number;
  readonly samples: number;
}

/** What is known of a server. */
export interface Adapted {
  /** How many it may be asked at once; infinite as long as it has not been told to slow down, or has recovered. */
  readonly limit: number;
  /** Only what was sent after this moment can lower the limit again: once for each round trip. */
  readonly cutAt: number;
  readonly trends: Readonly<Record<string, Trend>>;
}

/** What came of one request. Moments in milliseconds of one clock. */
export interface Answer {
  /** `failed`: it tells nothing of how busy the server is. */
  readonly outcome: 'done' | 'throttled' | 'failed';
  readonly beganAt: number;
  readonly endedAt: number;
  /** Requests under way when the answer came, this one included. */
  readonly underWay: number;
  /** Only answers of one kind are compared with each other; left out where the time tells nothing, as of large bodies. */
  readonly kind?: string;
}

export const UNTOLD: Adapted = { limit: Number.POSITIVE_INFINITY, cutAt: Number.NEGATIVE_INFINITY, trends: {} };

/** Answers are late when they lately take this many times as long as usual, and at least this long. */
const LATE = 4;
const LATE_MS = 250;
/** Before so many answers nothing is usual. */
const KNOWN = 100;
const LONG = 2 / 601;
const SHORT = 0.1;

/** How many may be under way now, a whole number. */
export function allowed({ limit }: Adapted, { least, most }: Bounds): number {
  return Math.max(1, Math.min(most, Math.max(Math.min(least, most), Math.floor(limit))));
}

/**
 * What is known after one more answer. A server that says it is asked too much is asked half as much (additive increase, multiplicative
 * decrease: RFC 5681, 3.1); one whose answers have become much later is asked less by as much (the gradient of
 * https://github.com/Netflix/concurrency-limits, Gradient2Limit). Each full round of good answers allows one more.
 */
export function adapt(known: Adapted, bounds: Bounds, answer: Answer): Adapted {
  const now = Math.min(known.limit, bounds.most);
  const fresh = answer.beganAt > known.cutAt;
  if (answer.outcome === 'failed') return known;
  if (answer.outcome === 'throttled') {
    return fresh ? cut(known, bounds, Math.min(now, answer.underWay) / 2, answer.endedAt) : known;
  }
  const { trends, factor } = learnt(known, answer);
  const busy = answer.underWay * 2 >= now;
  if (factor < 1 && fresh && busy) return cut(known, bounds, Math.min(now, answer.underWay) * factor, answer.endedAt);
  if (answer.underWay < Math.floor(now)) return { ...known, trends };
  const limit = known.limit + 1 / known.limit;
  return { ...known, trends, limit: limit >= bounds.most ? Number.POSITIVE_INFINITY : limit };
}

/** Of what was late before nothing is kept: the next cut needs signs of its own. */
function cut(known: Adapted, bounds: Bounds, to: number, cutAt: number): Adapted {
  const trends = Object.fromEntries(
    Object.entries(known.trends).map(([kind, trend]) => [kind, { ...trend, lately: trend.usual }]),
  );
  return { limit: allowed({ ...known, limit: to }, bounds), cutAt, trends };
}

/** @returns the trends with this answer, and by what the limit is to be multiplied. */
function learnt({ trends }: Adapted, answer: Answer): { trends: Adapted['trends']; factor: number } {
  const { kind, beganAt, endedAt } = answer;
  if (kind === undefined) return { trends, factor: 1 };
  const took = Math.max(0, endedAt - beganAt);
  const before = trends[kind] ?? { usual: took, lately: took, samples: 0 };
  // One answer alone, however late, is no trend.
  const clipped = Math.min(took, Math.max(2 * LATE * before.usual, 2 * LATE_MS));
  const samples = before.samples + 1;
  // As a mean at first, so that the first answer, with its handshakes, does not stand for all.
  const usual = before.usual + (clipped - before.usual) * Math.max(LONG, 1 / samples);
  const lately = before.lately + (clipped - before.lately) * SHORT;
  const late = samples > KNOWN && lately > LATE_MS && lately > LATE * usual;
  const factor = late ? Math.max(0.5, (LATE * usual) / lately) : 1;
  return { trends: { ...trends, [kind]: { usual, lately, samples } }, factor };
}
