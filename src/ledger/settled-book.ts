import type { DatabaseSync } from 'node:sqlite';
import type { Writer } from './writer.ts';

/** Tombstones that have to be looked at once more. */
export interface Unsettled {
  readonly objects: number;
  /** When the ledger was last told of one, in milliseconds since 1970; `undefined` where there is none. */
  readonly newest: number | undefined;
}

/** Which tombstones were looked at once more after what was under way beside them had time to end. */
export class SettledBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;

  constructor(db: DatabaseSync, writer: Writer) {
    this.#db = db;
    this.#writer = writer;
  }

  /** Tombstones of a source that the ledger was told of before this time are settled; milliseconds since 1970. */
  before(source: string): number {
    const row = this.#db
      .prepare('SELECT before FROM settled JOIN store ON store.id = settled.source WHERE store.name = ?')
      .get(source);
    return Number(row?.['before'] ?? 0);
  }

  settle(source: string, before: number): void {
    this.#writer.now(() => {
      this.#db
        .prepare(
          'INSERT INTO settled SELECT id, ? FROM store WHERE name = ? ON CONFLICT DO UPDATE SET before = max(before, excluded.before)',
        )
        .run(before, source);
    });
  }

  unsettled(source: string): Unsettled {
    const row = this.#db
      .prepare(`SELECT count(*) AS objects, max(updated_at) AS newest FROM object ${UNSETTLED}`)
      .get(source, this.before(source));
    const newest = row?.['newest'];
    return { objects: Number(row?.['objects']), newest: newest == null ? undefined : Number(newest) };
  }

  /** A page of the ids of unsettled tombstones after one, in order. */
  ids(source: string, after: number, limit: number): number[] {
    return this.#db
      .prepare(`SELECT id FROM object ${UNSETTLED} AND id > ? ORDER BY id LIMIT ?`)
      .all(source, this.before(source), after, limit)
      .map(({ id }) => Number(id));
  }
}

const UNSETTLED = `WHERE state = 'tombstoned' AND source = (SELECT id FROM store WHERE name = ?) AND updated_at >= ?`;
