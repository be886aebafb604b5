import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { FerryError, messageOf } from '../base/errors.ts';

/** For tests that crash a process between every two ledger writes: called around each commit with its number, from 1. */
export interface CommitHooks {
  beforeCommit?(number: number): void;
  afterCommit?(number: number): void;
}

interface Pending {
  readonly change: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** So that a flood of changes cannot make one transaction without end. */
const LARGEST_BATCH = 1_000;

/** After a group, the next one gathers for this many times as long as it took to commit, so that commits take a tenth of the time. */
const REST = 9;

/** But no longer than this, in milliseconds. */
const LONGEST_REST = 100;

/**
 * Commits changes in groups that share a transaction and its fsync: all that are asked for in one turn of the event loop, and, where
 * groups follow each other, all while the disk rests. A promise resolves only when its change is on disk, which is what "in the ledger
 * before the next step starts" rests on.
 */
export class Writer {
  readonly #db: DatabaseSync;
  readonly #hooks: CommitHooks;
  readonly #save: StatementSync;
  readonly #release: StatementSync;
  #pending: Pending[] = [];
  #scheduled = false;
  #commits = 0;
  /** When the next group may be committed, by the monotonic clock. */
  #restsUntil = 0;

  constructor(db: DatabaseSync, hooks: CommitHooks) {
    this.#db = db;
    this.#hooks = hooks;
    this.#save = db.prepare('SAVEPOINT one');
    this.#release = db.prepare('RELEASE one');
  }

  /** Runs a change in the next group. A change that throws is undone alone and rejects alone. */
  write(change: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ change, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      const rest = this.#restsUntil - performance.now();
      if (rest < 1) setImmediate(() => this.flush());
      else setTimeout(() => this.flush(), rest);
    });
  }

  /** Runs a change in a transaction of its own, at once. */
  now(change: () => void): void {
    this.#transaction(() => change());
  }

  /** Commits all that waits. */
  flush(): void {
    this.#scheduled = false;
    const begun = performance.now();
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, LARGEST_BATCH);
      this.#commit(batch);
    }
    // Who looks at each commit wants each by itself.
    if (this.#hooks.beforeCommit !== undefined || this.#hooks.afterCommit !== undefined) return;
    const ended = performance.now();
    this.#restsUntil = ended + Math.min((ended - begun) * REST, LONGEST_REST);
  }

  #commit(batch: readonly Pending[]): void {
    const done: Pending[] = [];
    try {
      this.#transaction(() => {
        for (const item of batch) if (this.#attempt(item)) done.push(item);
      });
    } catch (error) {
      for (const item of batch) item.reject(error);
      return;
    }
    for (const item of done) item.resolve();
  }

  #attempt(item: Pending): boolean {
    this.#save.run();
    try {
      item.change();
      this.#release.run();
      return true;
    } catch (error) {
      this.#db.exec('ROLLBACK TO one');
      this.#release.run();
      item.reject(error);
      return false;
    }
  }

  #transaction(work: () => void): void {
    const number = this.#commits + 1;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      work();
      this.#hooks.beforeCommit?.(number);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw isSqlite(error) ? cannotWrite(this.#db, error) : error;
    }
    this.#commits = number;
    this.#hooks.afterCommit?.(number);
  }
}

function isSqlite(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error;
}

function cannotWrite(db: DatabaseSync, error: unknown): FerryError {
  return new FerryError({
    fault: 'unreachable',
    op: 'write the ledger',
    subject: db.location() ?? 'ledger.db',
    why: messageOf(error),
    hint: 'see that its disk has room and may be written, then run again to go on',
    cause: error,
  });
}
