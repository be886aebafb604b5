import { between } from '../base/between.ts';
import { compareUtf8 } from '../base/order.ts';
import { Spool, type SpoolRoom } from '../base/spool.ts';
import type { ListEntry, ListOptions } from '../store/store.ts';

type Page = readonly ListEntry[];
type List = (options: ListOptions) => AsyncIterable<Page>;

/** Pages that are held in memory, all together, before they go to files. */
const HELD = 24;

/** Pages of one lister after which others are worth the requests that guess where to begin. */
const WORTH = 8;

/** Guesses in one range that found nothing, after which it is left alone until its own lister has had another page. */
const PATIENCE = 8;

/**
 * The pages of a listing in its order, fetched in several ranges of keys at once. A server answers one listing after the other for a client
 * that waits for each page, however many it could answer side by side.
 *
 * One lister begins at the beginning. Each that has nothing to do takes over the upper half of what is left of the widest range: it lists
 * from a guessed key on, and the range's own lister stops there. Where nothing lies above a guess, the range is that much narrower. What
 * comes before its turn goes to a file, so that memory does not grow with the number of objects.
 *
 * @param list gives pages in the order of UTF-8 after any key.
 * @param most listers at once.
 */
export async function* listAhead(list: List, options: ListOptions, most: number): AsyncGenerator<Page> {
  const ahead = new Ahead(list, options, most);
  let last = options.after;
  try {
    for await (const page of ahead.pages()) {
      yield page;
      last = page.at(-1)?.key ?? last;
    }
  } finally {
    await ahead.end();
  }
  // Keys that the server bent have no place in the order: from here on as it comes.
  if (ahead.isBent) yield* list(last === undefined ? options : { ...options, after: last });
}

/** Keys after `from` up to `to`, which is the next range's. */
class Range {
  readonly spool: Spool<Page>;
  /** The last key that was listed; at first where it begins. */
  at: string;
  to: string | undefined;
  done = false;
  /** Whether there is anything in it. */
  begun = false;
  /** Halves that were taken of it since its last page and in which there was nothing. */
  misses = 0;
  /** Of which it was the upper half. */
  readonly below: Range | undefined;

  constructor(room: SpoolRoom, at: string, to: string | undefined, below?: Range) {
    this.spool = new Spool(room);
    this.at = at;
    this.to = to;
    this.below = below;
  }
}

class Ahead {
  readonly #list: List;
  readonly #options: ListOptions;
  readonly #most: number;
  readonly #stop = new AbortController();
  readonly #room: SpoolRoom = { left: HELD };
  /** In the order of their keys. */
  readonly #ranges: Range[];
  #listers: Promise<void>[] = [];
  #failure: unknown;
  /** Told when anything has come. */
  #news = Promise.withResolvers<void>();
  isBent = false;

  constructor(list: List, options: ListOptions, most: number) {
    this.#list = list;
    this.#options = options;
    this.#most = most;
    this.#ranges = [new Range(this.#room, options.after ?? '', undefined)];
  }

  async *pages(): AsyncGenerator<Page> {
    const [first] = this.#ranges;
    if (first === undefined) return;
    this.#listers = [this.#work(first)];
    for (let range = this.#ranges[0]; range !== undefined; range = this.#ranges[0]) {
      // What comes while the spool is looked into is told by this promise, and by this flag not yet.
      const news = this.#news.promise;
      const { done } = range;
      const page = await range.spool.shift();
      if (this.#failure !== undefined) throw this.#failure;
      if (this.isBent) return;
      if (page !== undefined) yield page;
      else if (done) {
        await range.spool.close();
        this.#ranges.shift();
      } else await news;
    }
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#listers);
    for (const { spool } of this.#ranges) await spool.close();
  }

  /** One lister: its range, then the half of another's, as long as there is any. */
  async #work(first: Range): Promise<void> {
    try {
      for (let range: Range | undefined = first; range !== undefined; range = await this.#next()) {
        if (!(await this.#fill(range))) this.#missed(range);
        range.done = true;
        this.#tell();
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#failure ??= error;
      this.#tell();
    }
  }

  /** @returns whether there was anything in it. */
  async #fill(range: Range): Promise<boolean> {
    let pages = 0;
    const { signal = this.#stop.signal } = this.#options;
    const either = AbortSignal.any([signal, this.#stop.signal]);
    const after = range.at === '' ? {} : { after: range.at };
    for await (const page of this.#list({ ...this.#options, ...after, signal: either })) {
      if (this.isBent || this.#stop.signal.aborted) return pages > 0;
      // The store's own prefix as a key comes first of all, and is no sign of bent ones.
      if (page.some(({ unusable, key }) => unusable !== undefined && key !== '')) {
        this.isBent = true;
        this.#tell();
        return pages > 0;
      }
      const { to } = range;
      const mine = to === undefined ? page : page.filter(({ key }) => compareUtf8(key, to) <= 0);
      const last = mine.at(-1);
      if (last !== undefined) {
        pages += 1;
        range.begun = true;
        range.misses = 0;
        range.at = last.key;
        await range.spool.push(mine);
      }
      this.#tell();
      if (mine.length < page.length) return pages > 0;
      if (pages >= WORTH) this.#hire();
    }
    return pages > 0;
  }

  /** There was nothing in it. The consumer has the first one in hand. */
  #missed(range: Range): void {
    if (range.below !== undefined) range.below.misses += 1;
    const index = this.#ranges.indexOf(range);
    if (index > 0) this.#ranges.splice(index, 1);
  }

  get #ended(): boolean {
    return this.isBent || this.#stop.signal.aborted || this.#ranges.every(({ done }) => done);
  }

  #hire(): void {
    if (this.#listers.length >= this.#most || this.#stop.signal.aborted) return;
    const range = this.#split();
    if (range !== undefined) this.#listers.push(this.#work(range));
  }

  /** The next range for a lister without one; it waits where no range can be halved. */
  async #next(): Promise<Range | undefined> {
    while (!this.#ended) {
      const range = this.#split();
      if (range !== undefined) return range;
      await this.#news.promise;
    }
    return undefined;
  }

  /** Takes the upper half of the widest range under way. */
  #split(): Range | undefined {
    let widest: { readonly index: number; readonly middle: string; readonly shared: number } | undefined;
    for (const [index, { at, to, done, begun, misses }] of this.#ranges.entries()) {
      if (done || !begun || misses >= PATIENCE) continue;
      const shared = to === undefined ? -1 : sharedLength(at, to);
      if (widest !== undefined && shared >= widest.shared) continue;
      const middle = between(at, to);
      if (middle !== undefined) widest = { index, middle, shared };
    }
    const range = widest && this.#ranges[widest.index];
    if (widest === undefined || range === undefined) return undefined;
    const upper = new Range(this.#room, widest.middle, range.to, range);
    range.to = widest.middle;
    this.#ranges.splice(widest.index + 1, 0, upper);
    return upper;
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}

function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
