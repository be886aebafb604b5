import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { FerryError, messageOf } from '../base/errors.ts';
import { AccessBook } from './access-book.ts';
import { bindPlan, type Routing } from './binding.ts';
import { giveBirth, isBorn } from './birth.ts';
import { Database } from './database.ts';
import { HistoryBook } from './history-book.ts';
import { InventoryBook } from './inventory-book.ts';
import type { State } from './lifecycle.ts';
import { LogBook } from './log-book.ts';
import { Overview } from './overview.ts';
import { ProbeBook } from './probe-book.ts';
import { Queries } from './queries.ts';
import { ReachBook } from './reach-book.ts';
import type { ObjectChange, ObjectRow } from './rows.ts';
import { RunBook } from './run-book.ts';
import { migrate, requireOwn } from './schema.ts';
import { SealBook } from './seal-book.ts';
import { SegmentBook } from './segment-book.ts';
import { SettledBook } from './settled-book.ts';
import { makeStateDir } from './state-dir.ts';
import { Transition } from './transition.ts';
import { UploadBook } from './upload-book.ts';
import { requireSome, requireWhole } from './whole.ts';
import { type CommitHooks, Writer } from './writer.ts';

export interface LedgerOptions {
  readonly clock?: Clock;
  readonly hooks?: CommitHooks;
  /** Called when an intent is on this disk; it counts as written when that has resolved: for a ledger whose disk is not the last word. */
  readonly saved?: () => Promise<void>;
}

/**
 * The durable record of every object and its state: SQLite in WAL mode, `synchronous = FULL`, in the state directory.
 *
 * What is promised: a change whose promise resolved survives a crash of the process and of the machine; every state is reached
 * through `move`, which knows the allowed moves; counts per state are always those of the rows. Several processes may read
 * while one, which holds the state directory's lock, writes.
 */
export class Ledger {
  readonly stateDir: string;
  readonly inventory: InventoryBook;
  readonly queries: Queries;
  /** Counts over all objects, for reports. */
  readonly overview: Overview;
  readonly probes: ProbeBook;
  readonly runs: RunBook;
  readonly seals: SealBook;
  readonly segments: SegmentBook;
  readonly settled: SettledBook;
  readonly reach: ReachBook;
  /** Who used this ledger. */
  readonly access: AccessBook;
  /** The log of evidence. */
  readonly log: LogBook;
  readonly uploads: UploadBook;
  readonly history: HistoryBook;
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #writer: Writer;
  readonly #transition: Transition;
  readonly #saved: (() => Promise<void>) | undefined;

  private constructor(db: Database, stateDir: string, options: LedgerOptions) {
    this.stateDir = stateDir;
    this.#db = db;
    this.#clock = options.clock ?? systemClock;
    this.#saved = options.saved;
    this.#writer = new Writer(db, options.hooks ?? {});
    this.queries = new Queries(db);
    this.overview = new Overview(db);
    this.probes = new ProbeBook(db, this.#writer, this.#clock);
    this.#transition = new Transition(db, this.#clock);
    this.inventory = new InventoryBook(db, this.#writer, this.#transition, this.#clock);
    this.runs = new RunBook(db, this.#writer, this.#clock);
    this.seals = new SealBook(db, this.#writer, this.#clock);
    this.segments = new SegmentBook(db, this.#writer);
    this.settled = new SettledBook(db, this.#writer);
    this.reach = new ReachBook(db, this.#writer, this.#clock);
    this.access = new AccessBook(db, this.#writer, this.#clock);
    this.log = new LogBook(db, this.#writer, this.#clock);
    this.history = new HistoryBook(db, this.#writer);
    this.uploads = new UploadBook(db, this.#writer, this.#clock);
  }

  /** Opens the ledger of a state directory for writing and makes or migrates it where needed. Take the lock first. */
  static open(stateDir: string, options: LedgerOptions = {}): Ledger {
    makeStateDir(stateDir);
    const file = join(stateDir, 'ledger.db');
    if (!isBorn(file)) bornAt(file);
    requireSome(file);
    const db = connect(file, false);
    try {
      // Before anything is written: another program's database would be turned to WAL.
      requireOwn(db, file);
      requireWhole(db, file);
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      migrate(db, file);
      return new Ledger(db, stateDir, options);
    } catch (error) {
      db.close();
      throw asFerryError(file, error);
    }
  }

  /** Opens an existing ledger for reading beside whoever writes it; `undefined` where there is none yet. */
  static read(stateDir: string): Ledger | undefined {
    const file = join(stateDir, 'ledger.db');
    if (!isBorn(file)) return undefined;
    requireSome(file);
    const db = connect(file, true);
    try {
      requireOwn(db, file);
      if (Number(db.prepare('PRAGMA user_version').get()?.['user_version']) === 0) {
        db.close();
        return undefined;
      }
      requireWhole(db, file);
      migrate(db, file);
      return new Ledger(db, stateDir, {});
    } catch (error) {
      db.close();
      throw asFerryError(file, error);
    }
  }

  /** Whether it was ever tied to a plan. */
  get isBound(): boolean {
    return this.#db.prepare('SELECT 1 FROM ledger').get() !== undefined;
  }

  /** Names this ledger in tombstones. */
  get uuid(): string {
    return String(this.#db.prepare('SELECT uuid FROM ledger').get()?.['uuid']);
  }

  /**
   * Ties the ledger to a plan. A plan whose routing changed is taken over while nothing has moved; after that it is refused.
   *
   * @throws FerryError `refused`.
   */
  bind(routing: Routing): void {
    this.#writer.now(() => bindPlan(this.#db, routing, randomUUID(), this.#clock.now()));
  }

  /** Takes over the name of a ledger that was lost, whose tombstones this one is to know. */
  adopt(uuid: string): void {
    this.#writer.now(() => this.#db.prepare('UPDATE ledger SET uuid = ?').run(uuid));
  }

  /**
   * Moves one object to another state, with all that is known of it. Resolves when it is on disk.
   *
   * @throws Error for a move that the lifecycle does not allow, or when the object is not in the state that the caller saw: a bug.
   */
  move(row: ObjectRow, to: State, change: ObjectChange = {}): Promise<void> {
    return this.#writer.write(() => this.#transition.apply(row, to, change));
  }

  /** Writes facts about an object that stays in its state: an intent before its effect. */
  note(row: ObjectRow, change: ObjectChange): Promise<void> {
    const written = this.#writer.write(() => this.#transition.apply(row, row.state, change));
    return this.#saved === undefined ? written : written.then(this.#saved);
  }

  close(): void {
    this.#writer.flush();
    this.#db.close();
  }
}

function connect(file: string, readOnly: boolean): Database {
  try {
    return new Database(file, { timeout: 10_000, readOnly });
  } catch (error) {
    throw asFerryError(file, error);
  }
}

function bornAt(file: string): void {
  try {
    giveBirth(file);
  } catch (error) {
    throw asFerryError(file, error);
  }
}

function asFerryError(file: string, error: unknown): unknown {
  if (!(error instanceof Error && 'errcode' in error)) return error;
  return new FerryError({
    fault: 'integrity',
    op: 'open the ledger',
    subject: file,
    why: messageOf(error),
    hint: 'the file is damaged or no ledger; restore it from a backup, or name another state directory with --state',
    cause: error,
  });
}
