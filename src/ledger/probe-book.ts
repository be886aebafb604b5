import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { Writer } from './writer.ts';

export interface ProbeRecord {
  readonly store: string;
  readonly capability: string;
  readonly result: 'yes' | 'no' | 'unknown';
  /** Milliseconds since 1970. */
  readonly at: number;
}

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

  /** `undefined` when it was never tried, or no try could tell. */
  result(store: string, capability: string): boolean | undefined {
    const row = this.#db
      .prepare('SELECT result FROM probe JOIN store ON store.id = probe.store WHERE store.name = ? AND capability = ?')
      .get(store, capability);
    return row === undefined || row['result'] === 'unknown' ? undefined : row['result'] === 'yes';
  }

  record(store: string, capability: string, able: boolean): void {
    this.#write(
      store,
      capability,
      able ? 'yes' : 'no',
      'UPDATE SET result = excluded.result, probed_at = excluded.probed_at',
    );
  }

  /** That a try could not tell. What an earlier one has shown stays. */
  recordUnknown(store: string, capability: string): void {
    this.#write(store, capability, 'unknown', "UPDATE SET probed_at = excluded.probed_at WHERE result = 'unknown'");
  }

  /** All that was tried, by store and capability. */
  all(): ProbeRecord[] {
    return this.#db
      .prepare(
        'SELECT probe.*, store.name AS store_name FROM probe JOIN store ON store.id = probe.store ORDER BY store.id, capability',
      )
      .all()
      .map((row) => ({
        store: String(row['store_name']),
        capability: String(row['capability']),
        result: row['result'] === 'yes' ? 'yes' : row['result'] === 'no' ? 'no' : 'unknown',
        at: Number(row['probed_at']),
      }));
  }

  #write(store: string, capability: string, result: string, onConflict: string): void {
    this.#writer.now(() => {
      this.#db
        .prepare(`INSERT INTO probe SELECT id, ?, ?, ? FROM store WHERE name = ? ON CONFLICT DO ${onConflict}`)
        .run(capability, result, this.#clock.now(), store);
    });
  }
}
