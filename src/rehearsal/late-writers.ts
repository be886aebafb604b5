import { setTimeout as delay } from 'node:timers/promises';
import { sha256Hex } from '../base/digest.ts';
import { Dice } from './dice.ts';
import type { Outside } from './outside.ts';
import type { PopulationLog } from './population-log.ts';

const PAUSE_MS = 40;
/** So many writes for each object come in a hurry; then they come at leisure, or a run that takes whole histories never catches up. */
const HURRIED_EACH = 20;
const LEISURE_MS = 2_000;
const MOST_BYTES = 3_000;
/** Of a hundred. */
const DELETES = 25;

/** An application that knows nothing of ferry: it overwrites and deletes objects of its own at the legacy stores, and logs each first. */
export class LateWriters {
  readonly #log: PopulationLog;
  readonly #stores: ReadonlyMap<string, Outside>;
  readonly #dice: Dice;
  readonly #busy = new Set<number>();
  readonly #lanes: Promise<void>[] = [];
  #stopping = false;
  #writes = 0;

  constructor(log: PopulationLog, stores: ReadonlyMap<string, Outside>, seed: number) {
    this.#log = log;
    this.#stores = stores;
    this.#dice = new Dice(`${seed}/late writers`);
  }

  start(lanes: number): void {
    for (let n = 0; n < lanes; n += 1) this.#lanes.push(this.#lane());
  }

  /** Resolves when the last write has its answer. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#lanes);
  }

  async #lane(): Promise<void> {
    const hurried = HURRIED_EACH * this.#log.count('touched');
    while (!this.#stopping) {
      const object = this.#log.touchable(this.#dice.below(2 ** 31));
      if (object === undefined) return;
      if (!this.#busy.has(object.id)) {
        this.#busy.add(object.id);
        this.#writes += 1;
        await this.#write(object);
        this.#busy.delete(object.id);
      }
      await delay(this.#dice.below(this.#writes < hurried ? PAUSE_MS : LEISURE_MS));
    }
  }

  async #write({
    id,
    store,
    key,
  }: {
    readonly id: number;
    readonly store: string;
    readonly key: string;
  }): Promise<void> {
    const outside = this.#stores.get(store);
    const deletes = this.#dice.below(100) < DELETES;
    const bytes = this.#dice.bytes(1 + this.#dice.below(MOST_BYTES));
    const write = this.#log.begin(id, deletes ? undefined : sha256Hex(bytes));
    try {
      if (deletes) this.#log.ended(write, (await outside?.remove(key)) === true);
      else {
        await outside?.put(key, bytes);
        this.#log.ended(write, true);
      }
    } catch {
      // No answer came: it may have been done or not, and the log says so by saying nothing.
    }
  }
}
