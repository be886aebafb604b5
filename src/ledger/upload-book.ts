import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import type { Writer } from './writer.ts';

/** A part that the centre has. Size in bytes, digest as hex. */
export interface PartRecord {
  readonly number: number;
  readonly size: number;
  readonly sha256: string;
  readonly tag: string;
}

/** An object's way in parts, as far as it has got. */
export interface UploadRecord {
  /** The server's id; `undefined` when ferry was stopped before it heard of it. */
  readonly upload: string | undefined;
  readonly revision: string;
  readonly partSize: number;
  readonly begunAt: number;
  readonly parts: ReadonlyMap<number, PartRecord>;
}

/** The part of the ledger that lets a killed copy go on at the part. */
export class UploadBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor(db: DatabaseSync, writer: Writer, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#clock = clock;
  }

  find(object: number): UploadRecord | undefined {
    const row = this.#db.prepare('SELECT * FROM upload WHERE object = ?').get(object);
    if (row === undefined) return undefined;
    const parts = this.#db.prepare('SELECT number, size, sha256, tag FROM part WHERE object = ?').all(object);
    return {
      upload: row['upload'] === null ? undefined : String(row['upload']),
      revision: String(row['revision']),
      partSize: Number(row['part_size']),
      begunAt: Number(row['begun_at']),
      parts: new Map(
        parts.map((part) => [
          Number(part['number']),
          {
            number: Number(part['number']),
            size: Number(part['size']),
            sha256: String(part['sha256']),
            tag: String(part['tag']),
          },
        ]),
      ),
    };
  }

  /** Objects with an upload, for a cleanup. */
  objects(): number[] {
    return this.#db
      .prepare('SELECT object FROM upload ORDER BY object')
      .all()
      .map((row) => Number(row['object']));
  }

  /** Before the server is asked: whatever comes of it can then be found again. */
  intend(object: number, revision: string, partSize: number): Promise<void> {
    return this.#writer.write(() => {
      this.#db
        .prepare('INSERT OR REPLACE INTO upload VALUES (?, NULL, ?, ?, ?)')
        .run(object, revision, partSize, this.#clock.now());
    });
  }

  begun(object: number, upload: string): Promise<void> {
    return this.#writer.write(() => {
      this.#db.prepare('UPDATE upload SET upload = ? WHERE object = ?').run(upload, object);
    });
  }

  arrived(object: number, { number, size, sha256, tag }: PartRecord): Promise<void> {
    return this.#writer.write(() => {
      this.#db.prepare('INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?)').run(object, number, size, sha256, tag);
    });
  }

  /** The upload is done or aborted. */
  drop(object: number): Promise<void> {
    return this.#writer.write(() => {
      this.#db.prepare('DELETE FROM part WHERE object = ?').run(object);
      this.#db.prepare('DELETE FROM upload WHERE object = ?').run(object);
    });
  }
}
