import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { Writer } from './writer.ts';

/** One invocation that changed something. Times in milliseconds since 1970. */
export interface RunRecord {
  readonly id: number;
  readonly command: string;
  readonly startedAt: number;
  readonly updatedAt: number;
  readonly endedAt: number | undefined;
  readonly outcome: string | undefined;
  readonly objects: number;
  readonly bytes: number;
}

/** Who did what when: a row an invocation. */
export class RunBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(db: DatabaseSync, writer: Writer, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#clock = clock;
  }

  begin(command: string): number {
    const now = this.#clock.now();
    let id = 0;
    this.#writer.now(() => {
      const insert = this.#db.prepare('INSERT INTO run (command, started_at, updated_at) VALUES (?, ?, ?)');
      id = Number(insert.run(command, now, now).lastInsertRowid);
    });
    return id;
  }

  /** Adds nothing up: `moved` is the total of this invocation so far. */
  progress(id: number, moved: { readonly objects: number; readonly bytes: number }): Promise<void> {
    return this.#writer.write(() => {
      this.#db
        .prepare('UPDATE run SET updated_at = ?, moved_objects = ?, moved_bytes = ? WHERE id = ?')
        .run(this.#clock.now(), moved.objects, moved.bytes, id);
    });
  }

  end(id: number, outcome: string, moved: { readonly objects: number; readonly bytes: number }): void {
    const now = this.#clock.now();
    this.#writer.now(() => {
      this.#db
        .prepare(
          'UPDATE run SET updated_at = ?, ended_at = ?, outcome = ?, moved_objects = ?, moved_bytes = ? WHERE id = ?',
        )
        .run(now, now, outcome, moved.objects, moved.bytes, id);
    });
  }

  /** The newest invocation, if any. */
  last(): RunRecord | undefined {
    const row = this.#db.prepare('SELECT * FROM run ORDER BY id DESC LIMIT 1').get();
    if (row === undefined) return undefined;
    return {
      id: Number(row['id']),
      command: String(row['command']),
      startedAt: Number(row['started_at']),
      updatedAt: Number(row['updated_at']),
      endedAt: row['ended_at'] === null ? undefined : Number(row['ended_at']),
      outcome: row['outcome'] === null ? undefined : String(row['outcome']),
      objects: Number(row['moved_objects']),
      bytes: Number(row['moved_bytes']),
    };
  }
}
