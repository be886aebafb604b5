import { DatabaseSync, type StatementSync } from 'node:sqlite';

const PAGE = 1_000;

/**
 * The keys that manifests list, in an anonymous SQLite database: a temporary file of its own that vanishes with the process, so
 * that memory does not grow with the number of keys (see https://www.sqlite.org/inmemorydb.html, "temporary databases").
 *
 * Sources and manifests are small numbers that the caller gives out.
 */
export class ListedKeys {
  readonly #db: DatabaseSync;
  readonly #select: StatementSync;
  readonly #mark: StatementSync;
  readonly #page: StatementSync;

  constructor() {
    this.#db = new DatabaseSync('');
    // Nothing here outlives a crash, so nothing is journalled or synced. The cache is bounded to 32 MiB.
    this.#db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -32768');
    // As bytes: a key may hold NUL, and the order is that of UTF-8.
    this.#db.exec(`CREATE TABLE listed (
      source INTEGER NOT NULL, key BLOB NOT NULL, manifest INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (source, key, manifest)
    ) STRICT, WITHOUT ROWID`);
    this.#select = this.#db.prepare('SELECT manifest, seen FROM listed WHERE source = ? AND key = ?');
    this.#mark = this.#db.prepare('UPDATE listed SET seen = 1 WHERE source = ? AND key = ? AND seen = 0');
    this.#page = this.#db.prepare(
      'SELECT DISTINCT key FROM listed WHERE source = ? AND key > ? AND seen = 0 ORDER BY key LIMIT ?',
    );
  }

  /** Takes in manifests in one transaction; on an error the caller closes. */
  async fill(manifests: Iterable<{ source: number; manifest: number; keys: AsyncIterable<string> }>): Promise<void> {
    const insert = this.#db.prepare('INSERT OR IGNORE INTO listed (source, key, manifest) VALUES (?, ?, ?)');
    this.#db.exec('BEGIN');
    for (const { source, manifest, keys } of manifests) {
      for await (const key of keys) insert.run(source, Buffer.from(key), manifest);
    }
    // Marks go into a transaction of their own that is never committed: a commit for each would cost most of the time.
    this.#db.exec('COMMIT; BEGIN');
  }

  /** The manifests that list a key. */
  manifestsOf(source: number, key: string): ReadonlySet<number> {
    return new Set(this.#select.all(source, Buffer.from(key)).map((row) => Number(row['manifest'])));
  }

  markSeen(source: number, key: string): void {
    this.#mark.run(source, Buffer.from(key));
  }

  /** Keys not marked, each once, in UTF-8 order. Read in pages, so that marking goes on meanwhile. */
  *unseen(source: number): Generator<string> {
    let after: Uint8Array = new Uint8Array(0);
    for (;;) {
      const page = this.#page.all(source, after, PAGE).map((row) => row['key'] as Uint8Array);
      for (const key of page) yield Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('utf8');
      const last = page.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}
