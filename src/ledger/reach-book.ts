import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { Reached } from '../base/egress.ts';
import type { Observed } from '../store/store.ts';
import type { Writer } from './writer.ts';

/** What a store's server last showed of itself, and when, in milliseconds since 1970. */
export interface ObservedAt extends Observed {
  readonly observedAt: number;
}

/** Where connections really went, and what servers showed of themselves. */
export class ReachBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(db: DatabaseSync, writer: Writer, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#clock = clock;
  }

  /** What an invocation of the access record has reached, in all: takes the place of what was recorded of it before. */
  record(invocation: string, reached: readonly Reached[]): void {
    this.#writer.now(() => {
      this.#db.prepare('DELETE FROM egress WHERE invocation = ?').run(invocation);
      const insert = this.#db.prepare('INSERT INTO egress VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
      for (const { store, host, address, port, bytesIn, bytesOut, connections } of reached)
        insert.run(invocation, store ?? null, host, address, port, bytesIn, bytesOut, connections);
    });
  }

  /** What the last invocation reached that reached anything. */
  last(): Reached[] {
    const row = this.#db
      .prepare(
        `SELECT invocation FROM access WHERE event = 'begin' AND invocation IN (SELECT invocation FROM egress)
         ORDER BY id DESC LIMIT 1`,
      )
      .get();
    return row === undefined ? [] : this.of(String(row['invocation']));
  }

  /** By call, which are counted from 1. */
  all(): { readonly number: number; readonly reached: readonly Reached[] }[] {
    return this.#db
      .prepare(`
        SELECT invocation, (SELECT count(*) FROM access b WHERE b.event = 'begin' AND b.id <= access.id) AS number
        FROM access WHERE event = 'begin' AND invocation IN (SELECT invocation FROM egress) ORDER BY id`)
      .all()
      .map((row) => ({ number: Number(row['number']), reached: this.of(String(row['invocation'])) }));
  }

  of(invocation: string): Reached[] {
    const rows = this.#db
      .prepare('SELECT * FROM egress WHERE invocation = ? ORDER BY store, host, address, port')
      .all(invocation);
    return rows.map((row) => ({
      store: row['store'] === null ? undefined : String(row['store']),
      host: String(row['host']),
      address: String(row['address']),
      port: Number(row['port']),
      bytesIn: Number(row['bytes_in']),
      bytesOut: Number(row['bytes_out']),
      connections: Number(row['connections']),
    }));
  }

  observe(store: string, { host, addresses, region, pin }: Observed): void {
    this.#writer.now(() => {
      this.#db
        .prepare(
          `INSERT INTO observed SELECT id, ?, ?, ?, ?, ? FROM store WHERE name = ?
           ON CONFLICT DO UPDATE SET host = excluded.host, addresses = excluded.addresses, region = excluded.region,
             pin = excluded.pin, observed_at = excluded.observed_at`,
        )
        .run(host, JSON.stringify(addresses), region ?? null, pin ?? null, this.#clock.now(), store);
    });
  }

  observed(store: string): ObservedAt | undefined {
    const row = this.#db
      .prepare('SELECT observed.* FROM observed JOIN store ON store.id = observed.store WHERE store.name = ?')
      .get(store);
    if (row === undefined) return undefined;
    return {
      host: String(row['host']),
      addresses: JSON.parse(String(row['addresses'])) as string[],
      region: row['region'] === null ? undefined : String(row['region']),
      pin: row['pin'] === null ? undefined : String(row['pin']),
      observedAt: Number(row['observed_at']),
    };
  }
}
