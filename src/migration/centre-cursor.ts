import { compareUtf8 } from '../base/order.ts';
import type { ListEntry, Store } from '../store/store.ts';

/**
 * Answers "does the centre hold this key?" for keys asked in order, out of one listing of the centre that moves along: one request
 * a thousand keys instead of one a key. Where an order is broken, by the server or by the caller, it asks key by key.
 */
export class CentreCursor {
  readonly #centre: Store;
  readonly #signal: AbortSignal;
  readonly #pages: AsyncIterator<readonly ListEntry[]>;
  #page: readonly ListEntry[] = [];
  #at = 0;
  #last: string | undefined;
  #asked: string | undefined;
  #ended = false;
  #ordered = true;

  constructor(centre: Store, signal: AbortSignal) {
    this.#centre = centre;
    this.#signal = signal;
    this.#pages = centre.list({ signal })[Symbol.asyncIterator]();
  }

  async find(key: string): Promise<ListEntry | undefined> {
    if (this.#asked !== undefined && compareUtf8(this.#asked, key) > 0) this.#ordered = false;
    this.#asked = key;
    while (this.#ordered) {
      const entry = this.#page[this.#at] ?? (await this.#nextPage());
      if (!this.#ordered) break;
      if (entry === undefined) return undefined;
      const order = compareUtf8(entry.key, key);
      if (order > 0) return undefined;
      if (order === 0) return entry;
      this.#at += 1;
    }
    return await this.#centre.head(key, { signal: this.#signal });
  }

  async close(): Promise<void> {
    await this.#pages.return?.();
  }

  async #nextPage(): Promise<ListEntry | undefined> {
    while (!this.#ended) {
      const next = await this.#pages.next();
      if (next.done === true) {
        this.#ended = true;
        this.#page = [];
        return undefined;
      }
      this.#page = next.value;
      this.#at = 0;
      this.#checkOrder();
      if (this.#page.length > 0) return this.#page[0];
    }
    return undefined;
  }

  /** A key that comes too late in the listing would else be taken for absent. */
  #checkOrder(): void {
    for (const { key } of this.#page) {
      if (this.#last !== undefined && compareUtf8(this.#last, key) >= 0) this.#ordered = false;
      this.#last = key;
    }
  }
}
