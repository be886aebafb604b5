import type { SQLInputValue } from 'node:sqlite';
import { canonicalJson, type Json } from '../base/canonical.ts';
import { FerryError } from '../base/errors.ts';
import type { Database } from './database.ts';
import type { State } from './lifecycle.ts';
import type { Writer } from './writer.ts';

/** A shard's share of a ledger: keys of one partition from the first to the last, both included, in UTF-8 order. */
export interface Share {
  readonly partition: string;
  readonly first: string;
  readonly last: string;
  readonly objects: number;
  /** As listed. */
  readonly bytes: number;
}

/** Which objects a drive works on, as `drive` has it. */
export interface Worked {
  readonly states: readonly State[];
  /** Of these only objects whose next step was begun. */
  readonly begunOnly: readonly State[];
  /** Names; `undefined` for all. */
  readonly partitions: ReadonlySet<string> | undefined;
}

/** What has changed in a segment since it was saved. */
export interface Unsaved {
  /** For `saved`, once these lines are where they are safe. */
  readonly upTo: number;
  readonly lines: readonly string[];
}

/** Rows as SQLite has them: texts and whole numbers. */
type Raw = Record<string, SQLInputValue>;

/** docs/segments.md tells the lines byte for byte. A reader refuses a format that it does not know. */
export const SEGMENT_FORMAT = 'ferry/segment/v1';

/** Tables that go along whole: what the steps ask of a ledger beside its objects. */
const WHOLE = ['ledger', 'store', 'partition', 'inventory', 'probe', 'seal', 'approval', 'settled'] as const;

/** What belongs to one object, by the column that names it. */
const OF_OBJECT = ['upload', 'part', 'version'] as const;

/** The home decides on these; `leaf` is a number in its own log. */
const KEPT_AT_HOME = new Set(['id', 'partition', 'source', 'key', 'leaf']);

const PAGE = 1_000;

const JOURNAL = `
  CREATE TABLE segment_journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, object INTEGER NOT NULL) STRICT;
  CREATE INDEX segment_journal_object ON segment_journal (object);
  CREATE TABLE segment_at (id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL) STRICT;
  CREATE TRIGGER segment_object AFTER UPDATE ON object BEGIN
    INSERT INTO segment_journal (object) VALUES (new.id);
  END;
  ${OF_OBJECT.map(
    (table) => `
  CREATE TRIGGER segment_${table}_put AFTER INSERT ON ${table} BEGIN
    INSERT INTO segment_journal (object) VALUES (new.object);
  END;
  CREATE TRIGGER segment_${table}_change AFTER UPDATE ON ${table} BEGIN
    INSERT INTO segment_journal (object) VALUES (new.object);
  END;
  CREATE TRIGGER segment_${table}_drop AFTER DELETE ON ${table} BEGIN
    INSERT INTO segment_journal (object) VALUES (old.object);
  END;`,
  ).join('')}`;

/**
 * Takes a ledger apart into segments and puts it together again. A segment is a ledger of the same schema with some of the objects, under
 * the same ids, and a journal of what has changed since it was saved. Segments travel as lines of canonical JSON: first what is not of an
 * object, then a line an object with all that belongs to it. A line says all that is known of its object, so that of two lines the later
 * counts, and lines may be taken in again.
 */
export class SegmentBook {
  readonly #db: Database;
  readonly #writer: Writer;
  readonly #columns = new Map<string, readonly string[]>();

  constructor(db: Database, writer: Writer) {
    this.#db = db;
    this.#writer = writer;
  }

  /** Cuts what is to be worked on into shares of at most so many objects, in the order of partitions and keys. */
  *shares(worked: Worked, most: number): Generator<Share> {
    for (const { id, name } of this.#db.prepare('SELECT id, name FROM partition ORDER BY id').all()) {
      const partition = String(name);
      if (worked.partitions !== undefined && !worked.partitions.has(partition)) continue;
      for (let after = ''; ; ) {
        const row = this.#db
          .prepare(`
            SELECT min(key) AS first, max(key) AS last, count(*) AS objects, sum(size) AS bytes FROM (
              SELECT key, size FROM object
              WHERE source = (SELECT source FROM partition WHERE id = ?1) AND key > ?2 AND partition = ?1 AND ${OPEN}
              ORDER BY key LIMIT ?5)`)
          .get(id ?? 0, after, JSON.stringify(worked.states), JSON.stringify(worked.begunOnly), most);
        const objects = Number(row?.['objects'] ?? 0);
        if (row === undefined || objects === 0) break;
        after = String(row['last']);
        yield { partition, first: String(row['first']), last: after, objects, bytes: Number(row['bytes']) };
      }
    }
  }

  /** The lines of a share. */
  *lines({ partition, first, last }: Share, worked: Worked): Generator<string> {
    const whole = Object.fromEntries(WHOLE.map((table) => [table, this.#db.prepare(`SELECT * FROM ${table}`).all()]));
    yield canonicalJson({ format: SEGMENT_FORMAT, ...whole } as Json);
    for (let after = first, isFirst = true; ; isFirst = false) {
      const rows = this.#db
        .prepare(`
          SELECT * FROM object
          WHERE source = (SELECT source FROM partition WHERE name = ?1) AND key ${isFirst ? '>=' : '>'} ?2 AND key <= ?5
            AND partition = (SELECT id FROM partition WHERE name = ?1) AND ${OPEN}
          ORDER BY key LIMIT ${PAGE}`)
        .all(partition, after, JSON.stringify(worked.states), JSON.stringify(worked.begunOnly), last);
      for (const row of rows) yield this.#line(row as Raw);
      const end = rows.at(-1);
      if (end === undefined) return;
      after = String(end['key']);
    }
  }

  /** Fills an empty ledger, which is a segment then. @throws FerryError `integrity` for lines that are none of a segment. */
  load(lines: Iterable<string>): void {
    this.#writer.now(() => {
      let isHead = true;
      for (const line of lines) {
        if (isHead) this.#loadHead(line);
        else this.#loadObject(parse(line));
        isHead = false;
      }
      this.#db.exec(JOURNAL);
    });
  }

  /** Takes in what was saved of a segment: into the home's ledger, or into a segment that is loaded again. */
  takeIn(lines: Iterable<string>): void {
    this.#writer.now(() => {
      for (const line of lines) this.#takeIn(parse(line));
    });
  }

  /** The epoch whose work this segment holds; `undefined` where it was not said, or this is no segment. */
  get epoch(): number | undefined {
    if (!this.#isSegment()) return undefined;
    const row = this.#db.prepare('SELECT epoch FROM segment_at').get();
    return row === undefined ? undefined : Number(row['epoch']);
  }

  /** From here on the work is of this epoch. */
  begin(epoch: number): void {
    this.#writer.now(() => {
      this.#db
        .prepare('INSERT INTO segment_at VALUES (1, ?) ON CONFLICT DO UPDATE SET epoch = excluded.epoch')
        .run(epoch);
    });
  }

  get isUnsaved(): boolean {
    return this.#db.prepare('SELECT 1 FROM segment_journal LIMIT 1').get() !== undefined;
  }

  /** What has changed since `saved`; each object once, as it is now. `undefined` where nothing has. */
  unsaved(): Unsaved | undefined {
    const upTo = this.#db.prepare('SELECT max(seq) AS seq FROM segment_journal').get()?.['seq'];
    if (upTo === null || upTo === undefined) return undefined;
    const rows = this.#db
      .prepare('SELECT * FROM object WHERE id IN (SELECT object FROM segment_journal WHERE seq <= ?) ORDER BY id')
      .all(upTo);
    return { upTo: Number(upTo), lines: rows.map((row) => this.#line(row as Raw)) };
  }

  saved(upTo: number): void {
    this.#writer.now(() => {
      this.#db.prepare('DELETE FROM segment_journal WHERE seq <= ?').run(upTo);
    });
  }

  /** Whether what is known of an object is saved. An object that the segment has not is nothing to save. */
  isSaved(source: string, key: string): boolean {
    const row = this.#db
      .prepare(`
        SELECT 1 FROM segment_journal JOIN object ON object.id = segment_journal.object
        WHERE object.source = (SELECT id FROM store WHERE name = ?) AND object.key = ? LIMIT 1`)
      .get(source, key);
    return row === undefined;
  }

  /** Whether what is known of all objects under a key is saved, whatever their source. */
  isSavedAnywhere(key: string): boolean {
    return this.#db
      .prepare('SELECT name FROM store')
      .all()
      .every(({ name }) => this.isSaved(String(name), key));
  }

  #isSegment(): boolean {
    return this.#db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'segment_at'").get() !== undefined;
  }

  #line(object: Raw): string {
    const rest: Record<string, readonly Raw[]> = {};
    for (const table of OF_OBJECT) {
      const rows = this.#db.prepare(`SELECT * FROM ${table} WHERE object = ?`).all(object['id'] ?? 0) as Raw[];
      if (rows.length > 0) rest[table] = rows;
    }
    return canonicalJson({ object, ...rest } as unknown as Json);
  }

  #loadHead(line: string): void {
    const { format, ...tables } = parse(line);
    if (format !== SEGMENT_FORMAT)
      throw damaged(
        `its format is ${String(format)} and not ${SEGMENT_FORMAT}; it was made by another version of ferry`,
      );
    for (const table of WHOLE) for (const row of rowsOf(tables[table])) this.#insert(table, row);
  }

  #loadObject(line: Record<string, unknown>): void {
    this.#insert('object', rowOf(line['object']));
    this.#insertRest(line);
  }

  #takeIn(line: Record<string, unknown>): void {
    const row = rowOf(line['object']);
    const columns = this.#columnsOf('object').filter((name) => !KEPT_AT_HOME.has(name));
    const { changes } = this.#db
      .prepare(`
        UPDATE object SET ${columns.map((name) => `${name} = :${name}`).join(', ')}
        WHERE id = :id AND source = :source AND partition = :partition AND key = :key`)
      .run(
        Object.fromEntries([...columns, 'id', 'source', 'partition', 'key'].map((name) => [name, row[name] ?? null])),
      );
    if (changes !== 1) throw damaged('it tells of an object that this ledger does not have');
    for (const table of OF_OBJECT) this.#db.prepare(`DELETE FROM ${table} WHERE object = ?`).run(row['id'] ?? 0);
    this.#insertRest(line);
  }

  #insertRest(line: Record<string, unknown>): void {
    // A part belongs to an upload, which is the first of them.
    for (const table of OF_OBJECT) for (const row of rowsOf(line[table] ?? [])) this.#insert(table, row);
  }

  #insert(table: string, row: Raw): void {
    const columns = this.#columnsOf(table);
    if (Object.keys(row).some((name) => !columns.includes(name)))
      throw damaged(`its table ${table} is not the one of this version of ferry`);
    const values = columns.map((name) => row[name] ?? null);
    this.#db.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`).run(...values);
  }

  #columnsOf(table: string): readonly string[] {
    const known = this.#columns.get(table);
    if (known !== undefined) return known;
    const columns = this.#db
      .prepare('SELECT name FROM pragma_table_info(?) ORDER BY cid')
      .all(table)
      .map(({ name }) => String(name));
    this.#columns.set(table, columns);
    return columns;
  }
}

/** ?3 and ?4: states as JSON. Old bytes that are to go are work too. */
const OPEN = `(
  state IN (SELECT value FROM json_each(?3)) AND (state <> 'tombstoned' OR tombstone ->> 'leaving' IS NOT NULL)
    AND (intent IS NOT NULL OR state NOT IN (SELECT value FROM json_each(?4))))`;

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw damaged('a line of it is no JSON object');
}

function rowsOf(value: unknown): Raw[] {
  if (!Array.isArray(value)) throw damaged('a table of it is no list of rows');
  return value.map(rowOf);
}

function rowOf(value: unknown): Raw {
  if (typeof value !== 'object' || value === null) throw damaged('a row of it is none');
  return value as Raw;
}

function damaged(why: string): FerryError {
  return new FerryError({
    fault: 'integrity',
    op: 'read a segment',
    subject: 'the control store',
    why,
    hint: 'use the same version of ferry everywhere; if that is so, the control store was written by someone else',
  });
}
