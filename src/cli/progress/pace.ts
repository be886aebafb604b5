/** Seconds that are left: what is likely, and what it should lie between. `high` is left out where no end can be told. */
export interface Eta {
  readonly low: number;
  readonly likely: number;
  readonly high: number | undefined;
}

/** A rate is that of windows of at least so many seconds … */
const WINDOW = 2;

/** … of the newest so many … */
const KEPT = 30;

/** … each of which counts for so much less than the one after it. */
const FADE = 0.93;

/** Nothing is said from fewer windows. */
const LEAST = 3;

/** The range is so many standard errors of the mean to either side: 95 of 100, were the windows independent. */
const WIDTH = 2;

/** A rate whose lower end is below this part of its mean gives no upper end of what is left. */
const TOO_LOW = 0.1;

/**
 * How fast an amount grows, smoothed, and how long the rest of it takes. A pure sum of what it is told: no clock, no timer. What goes
 * before the first growth says nothing of a rate and is left out.
 */
export class Pace {
  readonly #windows: number[] = [];
  #at: number | undefined;
  #amount = 0;

  /** Tells the amount at a time in seconds, of a clock that does not go back. An amount that shrinks counts as one that stays. */
  add(at: number, amount: number): void {
    if (this.#at === undefined) {
      this.#at = at;
      this.#amount = amount;
      return;
    }
    const passed = at - this.#at;
    if (!(passed >= WINDOW)) return;
    const rate = Math.max(0, amount - this.#amount) / passed;
    this.#at = at;
    this.#amount = amount;
    if (rate === 0 && this.#windows.length === 0) return;
    this.#windows.push(rate);
    if (this.#windows.length > KEPT) this.#windows.shift();
  }

  /** A second; `undefined` while too little is known. */
  get rate(): number | undefined {
    return this.#mean()?.mean;
  }

  /** How long this much more takes; `undefined` while nothing can be said. */
  eta(left: number): Eta | undefined {
    if (left <= 0) return { low: 0, likely: 0, high: 0 };
    const found = this.#mean();
    if (found === undefined || found.mean === 0) return undefined;
    const { mean, error } = found;
    const slowest = mean - WIDTH * error;
    const likely = left / mean;
    return {
      low: left / (mean + WIDTH * error),
      likely,
      high: slowest < mean * TOO_LOW ? undefined : left / slowest,
    };
  }

  /** The weighted mean of the windows, and its standard error. */
  #mean(): { mean: number; error: number } | undefined {
    const windows = this.#windows;
    if (windows.length < LEAST) return undefined;
    const weights = windows.map((_, at) => FADE ** (windows.length - 1 - at));
    const sum = (of: (rate: number, weight: number) => number): number =>
      windows.reduce((total, rate, at) => total + of(rate, weights[at] ?? 0), 0);
    const weight = sum((_, w) => w);
    const mean = sum((rate, w) => rate * w) / weight;
    const variance = sum((rate, w) => w * (rate - mean) ** 2) / weight;
    const squares = sum((_, w) => w ** 2);
    return { mean, error: Math.sqrt((variance * squares) / weight ** 2) };
  }
}

/** Of work that has two measures, objects and bytes, the slower one decides. */
export function slower(one: Eta | undefined, other: Eta | undefined): Eta | undefined {
  if (one === undefined || other === undefined) return undefined;
  return {
    low: Math.max(one.low, other.low),
    likely: Math.max(one.likely, other.likely),
    high: one.high === undefined || other.high === undefined ? undefined : Math.max(one.high, other.high),
  };
}
