import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { Writer } from './writer.ts';

/** A sealed plan that the ledger knows. */
export interface KnownSeal {
  readonly digest: string;
  /** The bytes of its file. */
  readonly text: string;
  /** Whether the sources were found to agree with it. */
  readonly compared: boolean;
}

/** The part of the ledger that remembers what was approved, so that a later call needs no files. It judges nothing. */
export class SealBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(db: DatabaseSync, writer: Writer, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#clock = clock;
  }

  /** The one that was recorded last, or the one of a digest. */
  find(digest?: string): KnownSeal | undefined {
    const row = this.#db
      .prepare('SELECT * FROM seal WHERE ?1 IS NULL OR digest = ?1 ORDER BY recorded_at DESC, rowid DESC LIMIT 1')
      .get(digest ?? null);
    if (row === undefined) return undefined;
    return { digest: String(row['digest']), text: String(row['sealed']), compared: row['compared_at'] !== null };
  }

  /** @param compared whether the sources were found to agree with it now; that they once were is not forgotten. */
  record(digest: string, text: string, compared: boolean): void {
    const now = this.#clock.now();
    this.#writer.now(() => {
      this.#db
        .prepare(`
          INSERT INTO seal VALUES (?, ?, ?, ?)
          ON CONFLICT DO UPDATE SET recorded_at = excluded.recorded_at, compared_at = coalesce(compared_at, excluded.compared_at)`)
        .run(digest, text, now, compared ? now : null);
    });
  }

  /** The bytes of envelopes that once counted for this sealed plan, the first ones first. */
  approvals(seal: string): readonly { readonly text: string; readonly approver: string }[] {
    return this.#db
      .prepare(
        'SELECT envelope, approver, min(at) AS at FROM approval WHERE seal = ? GROUP BY digest ORDER BY at, digest',
      )
      .all(seal)
      .map((row) => ({ text: String(row['envelope']), approver: String(row['approver']) }));
  }

  /** Sealed plans, in the order in which they were recorded last. */
  all(): KnownSeal[] {
    return this.#db
      .prepare('SELECT * FROM seal ORDER BY recorded_at, rowid')
      .all()
      .map((row) => ({
        digest: String(row['digest']),
        text: String(row['sealed']),
        compared: row['compared_at'] !== null,
      }));
  }

  /** Everything that counted for anything, in its order. Times in milliseconds since 1970. */
  counted(): {
    readonly digest: string;
    readonly what: string;
    readonly seal: string;
    readonly envelope: string;
    readonly at: number;
  }[] {
    return this.#db
      .prepare('SELECT * FROM approval ORDER BY at, digest, what')
      .all()
      .map((row) => ({
        digest: String(row['digest']),
        what: String(row['what']),
        seal: String(row['seal']),
        envelope: String(row['envelope']),
        at: Number(row['at']),
      }));
  }

  recordApproval(
    seal: string,
    what: string,
    approval: { readonly digest: string; readonly text: string; readonly approver: string },
  ): void {
    this.#writer.now(() => {
      this.#db
        .prepare('INSERT INTO approval VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
        .run(approval.digest, what, seal, approval.text, approval.approver, this.#clock.now());
    });
  }
}
