import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** What the population's own log says of one object. It knows nothing of ferry. */
export interface LoggedObject {
  readonly store: string;
  readonly key: string;
  /** The partition that the plan's rules give it; `undefined` for one that an exclude leaves where it is. */
  readonly partition: string | undefined;
  readonly centre: string | undefined;
  readonly sha256: string;
  /** Of the part that is restored. */
  readonly sample: boolean;
  /** SHA-256 of other bytes that the centre held under its key before the plan was run. */
  readonly planted: string | undefined;
  /** Whether late writers may touch it. */
  readonly touched: boolean;
}

/** One write or delete by someone who knows nothing of ferry. */
export interface LateWrite {
  readonly id: number;
  /** SHA-256 of what was written; `undefined` for a delete. */
  readonly sha256: string | undefined;
  /** Whether the store said that it was done; `undefined` where no answer came. */
  readonly done: boolean | undefined;
}

const SCHEMA = `
  CREATE TABLE object (
    id INTEGER PRIMARY KEY, store TEXT NOT NULL, key TEXT NOT NULL, partition TEXT, centre TEXT, sha256 TEXT NOT NULL,
    sample INTEGER NOT NULL, planted TEXT, touched INTEGER NOT NULL DEFAULT 0, UNIQUE (store, key)) STRICT;
  CREATE TABLE late (id INTEGER PRIMARY KEY, object INTEGER NOT NULL REFERENCES object (id), sha256 TEXT, done INTEGER) STRICT;
  CREATE INDEX late_of ON late (object);
  CREATE TABLE foreigner (store TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT;
`;

/** The population log: what was put where, by whom, on disk, so that memory does not grow with it. */
export class PopulationLog {
  readonly #db: DatabaseSync;
  readonly #add: StatementSync;
  readonly #page: StatementSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; ${SCHEMA}`);
    this.#add = this.#db.prepare(
      'INSERT OR IGNORE INTO object (store, key, partition, centre, sha256, sample, touched) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#page = this.#db.prepare('SELECT * FROM object WHERE id > ? ORDER BY id LIMIT 500');
  }

  /** False where the key is taken. */
  add(object: Omit<LoggedObject, 'planted'>): boolean {
    const { store, key, partition, centre, sha256, sample, touched } = object;
    const done = this.#add.run(store, key, partition ?? null, centre ?? null, sha256, Number(sample), Number(touched));
    return done.changes === 1;
  }

  /** The centre holds other bytes under an object's key. */
  plant(store: string, key: string, sha256: string): void {
    this.#db.prepare('UPDATE object SET planted = ? WHERE store = ? AND key = ?').run(sha256, store, key);
  }

  /** Something at a centre that is none of the plan's. */
  addForeigner(store: string, key: string, sha256: string): void {
    this.#db.prepare('INSERT INTO foreigner VALUES (?, ?, ?)').run(store, key, sha256);
  }

  foreigners(): { readonly store: string; readonly key: string; readonly sha256: string }[] {
    return this.#db
      .prepare('SELECT * FROM foreigner')
      .all()
      .map((row) => ({ store: String(row['store']), key: String(row['key']), sha256: String(row['sha256']) }));
  }

  *objects(): Generator<LoggedObject & { readonly id: number }> {
    for (let after = 0; ; ) {
      const page = this.#page.all(after);
      for (const row of page) yield objectOf(row);
      const last = page.at(-1);
      if (last === undefined) return;
      after = Number(last['id']);
    }
  }

  /** Whether some object with that key goes to a centre. */
  goesTo(centre: string, key: string): boolean {
    return this.#db.prepare('SELECT 1 FROM object WHERE centre = ? AND key = ? LIMIT 1').get(centre, key) !== undefined;
  }

  /** Objects of the plan, those of each partition, and those that somebody else meddles with. */
  count(where: 'planned' | 'excluded' | 'planted' | 'touched' | 'sample'): number {
    const condition = {
      planned: 'partition IS NOT NULL',
      excluded: 'partition IS NULL',
      planted: 'planted IS NOT NULL',
      touched: 'touched = 1',
      sample: 'sample = 1',
    }[where];
    return Number(this.#db.prepare(`SELECT count(*) AS n FROM object WHERE ${condition}`).get()?.['n'] ?? 0);
  }

  countBy(partition: string): number {
    return Number(this.#db.prepare('SELECT count(*) AS n FROM object WHERE partition = ?').get(partition)?.['n'] ?? 0);
  }

  /** Some objects that late writers may touch, drawn by a number. */
  touchable(number: number): { readonly id: number; readonly store: string; readonly key: string } | undefined {
    const n = this.count('touched');
    if (n === 0) return undefined;
    const row = this.#db
      .prepare('SELECT id, store, key FROM object WHERE touched = 1 LIMIT 1 OFFSET ?')
      .get(number % n);
    return row && { id: Number(row['id']), store: String(row['store']), key: String(row['key']) };
  }

  /** Says what is about to be written; @returns its number for `ended`. */
  begin(object: number, sha256: string | undefined): number {
    return Number(
      this.#db.prepare('INSERT INTO late (object, sha256) VALUES (?, ?)').run(object, sha256 ?? null).lastInsertRowid,
    );
  }

  ended(write: number, done: boolean): void {
    this.#db.prepare('UPDATE late SET done = ? WHERE id = ?').run(Number(done), write);
  }

  lateWrites(object: number): LateWrite[] {
    return this.#db
      .prepare('SELECT id, sha256, done FROM late WHERE object = ? ORDER BY id')
      .all(object)
      .map((row) => ({
        id: Number(row['id']),
        sha256: row['sha256'] === null ? undefined : String(row['sha256']),
        done: row['done'] === null ? undefined : row['done'] === 1,
      }));
  }

  /** How many were acknowledged. */
  lateCount(): number {
    return Number(this.#db.prepare('SELECT count(*) AS n FROM late WHERE done = 1').get()?.['n'] ?? 0);
  }

  close(): void {
    this.#db.close();
  }
}

function objectOf(row: Record<string, unknown>): LoggedObject & { readonly id: number } {
  const text = (name: string): string | undefined => (row[name] === null ? undefined : String(row[name]));
  return {
    id: Number(row['id']),
    store: String(row['store']),
    key: String(row['key']),
    partition: text('partition'),
    centre: text('centre'),
    sha256: String(row['sha256']),
    sample: row['sample'] === 1,
    planted: text('planted'),
    touched: row['touched'] === 1,
  };
}
