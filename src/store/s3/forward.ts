import { compareUtf8 } from '../../base/order.ts';

/** Pages in a row that may bring no key beyond those before: servers step over what was deleted in empty pages. */
const PATIENCE = 1_000;

/**
 * Sees that a listing goes forward, in constant memory: a server that leads it round in a circle, or promises more without end, would
 * keep ferry busy for ever, and what waits for the end of the listing with it.
 */
export class Forward {
  #mark: string | undefined;
  #steps = 0;
  #until = 1;
  #last: string | undefined;
  #idle = 0;

  /**
   * Whether the listing may go on from there. A place that comes again is found by Brent's way of finding cycles
   * (https://maths-people.anu.edu.au/~brent/pd/rpb051i.pdf): soon, and by holding a single one of them.
   */
  mayGoTo(place: string): boolean {
    if (place === this.#mark) return false;
    this.#steps += 1;
    if (this.#steps === this.#until) {
      this.#mark = place;
      this.#steps = 0;
      this.#until *= 2;
    }
    return true;
  }

  /** Whether keys have gone on of late. @param last of the page, where it has any. */
  advances(last: string | undefined): boolean {
    const isNew = last !== undefined && (this.#last === undefined || compareUtf8(last, this.#last) > 0);
    if (isNew) this.#last = last;
    this.#idle = isNew ? 0 : this.#idle + 1;
    return this.#idle < PATIENCE;
  }
}

export const NOWHERE = 'the server says that there is more but not where it goes on';
export const CIRCLE =
  'the listing does not go forward: the server leads it round in a circle, or says without end that there is more';
