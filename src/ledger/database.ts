import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** The most statements that are kept; more than the ledger has. */
const MOST = 500;

/**
 * A database that makes each statement once: making one costs more than most of them take to run. A statement that is read row by row
 * (`iterate`) has to be made by `prepareApart`, since two readers of one would disturb each other.
 */
export class Database extends DatabaseSync {
  readonly #made = new Map<string, StatementSync>();

  override prepare(sql: string): StatementSync {
    const known = this.#made.get(sql);
    if (known !== undefined) return known;
    const made = super.prepare(sql);
    if (this.#made.size < MOST) this.#made.set(sql, made);
    return made;
  }

  /** What was made is let go of with it: a process that opens many ledgers would else hold the statements of all. */
  override close(): void {
    this.#made.clear();
    super.close();
  }

  prepareApart(sql: string): StatementSync {
    return super.prepare(sql);
  }
}
