import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { Writer } from './writer.ts';

/** What stores were shown to do or not to do, with the date. */
export class ProbeBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(db: DatabaseSync, writer: Writer, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#clock = clock;
  }

  /** `undefined` when it was never tried. */
  result(store: string, capability: string): boolean | undefined {
    const row = this.#db
      .prepare('SELECT result FROM probe JOIN store ON store.id = probe.store WHERE store.name = ? AND capability = ?')
      .get(store, capability);
    return row === undefined ? undefined : row['result'] === 'yes';
  }

  record(store: string, capability: string, able: boolean): void {
    this.#writer.now(() => {
      this.#db
        .prepare(`
          INSERT INTO probe SELECT id, ?, ?, ? FROM store WHERE name = ?
          ON CONFLICT DO UPDATE SET result = excluded.result, probed_at = excluded.probed_at`)
        .run(capability, able ? 'yes' : 'no', this.#clock.now(), store);
    });
  }
}
