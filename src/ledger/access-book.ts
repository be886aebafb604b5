import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { type Clock, systemClock } from '../base/clock.ts';
import { Database } from './database.ts';
import { LogBook } from './log-book.ts';
import { ReachBook } from './reach-book.ts';
import { migrations } from './schema.ts';
import { Writer } from './writer.ts';

/** Who calls a command, where, and over what. No arguments, no secrets. */
export interface Access {
  readonly command: string;
  /** A name of a person or role. */
  readonly operator: string;
  readonly host: string;
  /** ISO 3166-1 alpha-2 as the plan declares it. */
  readonly jurisdiction: string | undefined;
  /** Names of the partitions that it was called for. */
  readonly partitions: readonly string[];
  /** Of ferry. */
  readonly version: string;
}

/** One call of a command. Times in milliseconds since 1970. */
export interface AccessRecord extends Access {
  readonly invocation: string;
  readonly beganAt: number;
  /** Both are missing while it is on, and for ever where it was killed. */
  readonly endedAt: number | undefined;
  readonly outcome: string | undefined;
}

/** A call's beginning or its end. */
export interface AccessRow {
  readonly id: number;
  /** Which call it is of, from 1. */
  readonly number: number;
  readonly invocation: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly began?: Access;
  /** How it ended. */
  readonly ended?: string;
}

const RECORDS = `
  SELECT b.id, b.invocation, b.command, b.operator, b.host, b.jurisdiction, b.partitions, b.version,
         b.at AS began_at, e.at AS ended_at, e.outcome
  FROM access b LEFT JOIN access e ON e.invocation = b.invocation AND e.event = 'end'
  WHERE b.event = 'begin'`;

/** Who used this ledger: rows are only added, which triggers see to. */
export class AccessBook {
  readonly #db: Database;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(db: Database, writer: Writer, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#clock = clock;
  }

  /** On disk when it returns. @returns the invocation's id, for `end`. */
  begin(access: Access): string {
    const invocation = randomUUID();
    const { command, operator, host, jurisdiction, partitions, version } = access;
    this.#writer.now(() => {
      this.#db
        .prepare(
          `INSERT INTO access (invocation, event, at, command, operator, host, jurisdiction, partitions, version)
           VALUES (?, 'begin', ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          invocation,
          this.#clock.now(),
          command,
          operator,
          host,
          jurisdiction ?? null,
          JSON.stringify(partitions),
          version,
        );
    });
    return invocation;
  }

  end(invocation: string, outcome: string): void {
    this.#writer.now(() => {
      this.#db
        .prepare("INSERT INTO access (invocation, event, at, outcome) VALUES (?, 'end', ?, ?)")
        .run(invocation, this.#clock.now(), outcome);
    });
  }

  /** Single rows after one, in their order; calls are counted from 1. */
  *rows(after: number): Generator<AccessRow> {
    const rows = this.#db
      .prepare(`
        SELECT *, (SELECT count(*) FROM access b WHERE b.event = 'begin' AND b.id <=
          (SELECT id FROM access c WHERE c.event = 'begin' AND c.invocation = access.invocation)) AS number
        FROM access WHERE id > ? ORDER BY id`)
      .all(after);
    for (const row of rows) {
      const ends = row['event'] === 'end';
      yield {
        id: Number(row['id']),
        number: Number(row['number']),
        invocation: String(row['invocation']),
        at: Number(row['at']),
        ...(ends ? { ended: String(row['outcome']) } : { began: accessOf(row) }),
      };
    }
  }

  /** The newest, in the order in which they began. */
  last(count: number): readonly AccessRecord[] {
    const rows = this.#db.prepare(`${RECORDS} ORDER BY b.id DESC LIMIT ?`).all(count);
    return rows.map(accessRecord).reverse();
  }

  /** All, in the order in which they began; one at a time is in memory. */
  *all(): Generator<AccessRecord> {
    for (const row of this.#db.prepareApart(`${RECORDS} ORDER BY b.id`).iterate()) yield accessRecord(row);
  }
}

/** The access record beside whoever writes the ledger. */
export interface AccessLog extends Disposable {
  readonly access: AccessBook;
  readonly reach: ReachBook;
  readonly log: LogBook;
}

/**
 * Opens the access record of an existing ledger without the lock: a row is one short transaction, and SQLite lets writers wait for each
 * other (here up to ten seconds).
 *
 * @returns `undefined` where there is no ledger, or one of another schema, which only a command with the lock brings up to date.
 */
export function openAccessLog(stateDir: string, clock: Clock = systemClock): AccessLog | undefined {
  const file = join(stateDir, 'ledger.db');
  if (!existsSync(file)) return undefined;
  const db = new Database(file, { timeout: 10_000 });
  try {
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version !== migrations().length) {
      db.close();
      return undefined;
    }
    db.exec('PRAGMA synchronous = FULL');
    const writer = new Writer(db, {});
    const access = new AccessBook(db, writer, clock);
    const [reach, log] = [new ReachBook(db, writer, clock), new LogBook(db, writer, clock)];
    return { access, reach, log, [Symbol.dispose]: () => db.close() };
  } catch (error) {
    db.close();
    throw error;
  }
}

function accessOf(row: Record<string, unknown>): Access {
  return {
    command: String(row['command']),
    operator: String(row['operator']),
    host: String(row['host']),
    jurisdiction: row['jurisdiction'] === null ? undefined : String(row['jurisdiction']),
    partitions: JSON.parse(String(row['partitions'])) as string[],
    version: String(row['version']),
  };
}

function accessRecord(row: Record<string, unknown>): AccessRecord {
  return {
    invocation: String(row['invocation']),
    ...accessOf(row),
    beganAt: Number(row['began_at']),
    endedAt: row['ended_at'] === null ? undefined : Number(row['ended_at']),
    outcome: row['outcome'] === null ? undefined : String(row['outcome']),
  };
}
