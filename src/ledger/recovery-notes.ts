import { hash } from 'node:crypto';
import { join } from 'node:path';
import { canonicalJson, type Json } from '../base/canonical.ts';
import type { Attributes } from '../store/store.ts';
import { Database } from './database.ts';
import { makePrivateFile } from './state-dir.ts';

/** Bytes that a source keeps, read to their end. */
export interface NotedKept {
  /** The 64 hex digits of their name. */
  readonly name: string;
  readonly kept: string;
  readonly likely: string;
  readonly size: number;
  readonly sha256: string;
  readonly attributes: Attributes;
}

/** Kept bytes that are taken for those of an object. */
export interface ChosenKept extends NotedKept {
  /** Whether their name proves it; else the bytes are equal, and so is what they carry, but they may be another object's. */
  readonly sure: boolean;
}

/** A tombstone that was found. */
export interface NotedMarker {
  /** Of its row. */
  readonly object: number;
  readonly text: string;
}

/** How many tombstones of which plan and ledger were found. */
export interface MarkerCount {
  readonly plan: string;
  readonly ledger: string;
  readonly objects: number;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS done (what TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS marker (
    object INTEGER PRIMARY KEY, plan TEXT NOT NULL, ledger TEXT NOT NULL, text TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS kept (
    source TEXT NOT NULL, name TEXT NOT NULL, kept TEXT NOT NULL, likely TEXT NOT NULL, size INTEGER NOT NULL,
    sha256 TEXT NOT NULL, attributes TEXT NOT NULL, alike TEXT NOT NULL, key TEXT, PRIMARY KEY (source, name)) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS kept_by_bytes ON kept (source, sha256, key);
  CREATE TABLE IF NOT EXISTS leaf (
    source TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (source, key)) STRICT, WITHOUT ROWID;`;

/** Of many kept bytes that are equal, so many are looked at for the one whose name proves the key. */
const LOOKED_AT = 256;

/** What a recovery has found so far, on disk beside the ledger that it rebuilds: memory does not grow with it, and a kill loses nothing. */
export class RecoveryNotes {
  readonly #db: Database;
  /** Large groups of equal bytes that all carry the same. */
  readonly #alike = new Set<string>();

  /** Opens those in a folder, or makes them. */
  constructor(folder: string) {
    const file = join(folder, 'notes.db');
    makePrivateFile(file);
    this.#db = new Database(file, { timeout: 10_000 });
    this.#db.exec(SCHEMA);
  }

  isDone(what: string): boolean {
    return this.#db.prepare('SELECT 1 FROM done WHERE what = ?').get(what) !== undefined;
  }

  done(what: string): void {
    this.#db.prepare('INSERT OR IGNORE INTO done VALUES (?)').run(what);
  }

  addKept(source: string, { name, kept, likely, size, sha256, attributes }: NotedKept): void {
    const { mtimeMs: _, ...alike } = attributes;
    this.#db
      .prepare('INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)')
      .run(source, name, kept, likely, size, sha256, text(attributes), text(alike));
  }

  /**
   * Takes the kept bytes of an object out of those that have its digest: those whose name proves the key; else any, where all that are
   * left carry the same. The same call gives the same again.
   */
  takeKept(source: string, key: string, sha256: string): ChosenKept | undefined {
    const mine = this.#db
      .prepare('SELECT * FROM kept WHERE source = ? AND sha256 = ? AND key = ?')
      .get(source, sha256, key);
    if (mine !== undefined) return chosen(mine, key);
    const free = this.#db
      .prepare('SELECT * FROM kept WHERE source = ? AND sha256 = ? AND key IS NULL LIMIT ?')
      .all(source, sha256, LOOKED_AT);
    const found =
      free.find((one) => provesKey(one, key)) ?? (this.#isAlike(source, sha256, free) ? free[0] : undefined);
    if (found === undefined) return undefined;
    this.#assign(source, String(found['name']), key);
    return chosen(found, key);
  }

  /** They are not that object's after all. */
  freeKept(source: string, name: string): void {
    this.#assign(source, name, null);
  }

  /** Kept bytes that were taken for no object's. */
  *leftKept(): Generator<{ readonly source: string; readonly name: string; readonly size: number }> {
    const rows = this.#db.prepareApart('SELECT source, name, size FROM kept WHERE key IS NULL ORDER BY source, name');
    for (const row of rows.iterate())
      yield { source: String(row['source']), name: String(row['name']), size: Number(row['size']) };
  }

  addMarker(object: number, plan: string, ledger: string, marker: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO marker VALUES (?, ?, ?, ?)').run(object, plan, ledger, marker);
  }

  markerCounts(): MarkerCount[] {
    return this.#db
      .prepare('SELECT plan, ledger, count(*) AS n FROM marker GROUP BY plan, ledger ORDER BY n DESC')
      .all()
      .map((row) => ({ plan: String(row['plan']), ledger: String(row['ledger']), objects: Number(row['n']) }));
  }

  /** A page of tombstones after an object's id, in order of id. */
  markers(after: number, limit: number): NotedMarker[] {
    return this.#db
      .prepare('SELECT object, text FROM marker WHERE object > ? ORDER BY object LIMIT ?')
      .all(after, limit)
      .map((row) => ({ object: Number(row['object']), text: String(row['text']) }));
  }

  addLeaf(source: string, key: string, leaf: string): void {
    this.#db.prepare('INSERT OR REPLACE INTO leaf VALUES (?, ?, ?)').run(source, key, leaf);
  }

  leafOf(source: string, key: string): string | undefined {
    const row = this.#db.prepare('SELECT text FROM leaf WHERE source = ? AND key = ?').get(source, key);
    return row === undefined ? undefined : String(row['text']);
  }

  *leaves(): Generator<{ readonly source: string; readonly key: string; readonly text: string }> {
    for (const row of this.#db.prepareApart('SELECT * FROM leaf ORDER BY source, key').iterate())
      yield { source: String(row['source']), key: String(row['key']), text: String(row['text']) };
  }

  /** Does many small changes in one transaction. */
  together(work: () => void): void {
    this.#db.exec('BEGIN');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }

  #isAlike(source: string, sha256: string, some: readonly Raw[]): boolean {
    if (new Set(some.map((row) => row['alike'])).size !== 1) return false;
    const group = `${source}\n${sha256}`;
    // What is left of those that are alike is alike.
    if (some.length < LOOKED_AT || this.#alike.has(group)) return true;
    const row = this.#db
      .prepare('SELECT count(DISTINCT alike) AS n FROM kept WHERE source = ? AND sha256 = ? AND key IS NULL')
      .get(source, sha256);
    if (row?.['n'] !== 1) return false;
    this.#alike.add(group);
    return true;
  }

  #assign(source: string, name: string, key: string | null): void {
    this.#db.prepare('UPDATE kept SET key = ? WHERE source = ? AND name = ?').run(key, source, name);
  }
}

type Raw = Record<string, unknown>;

/** The name is SHA-256 over key, LF and revision (docs/tombstone.md). */
function provesKey(row: Raw, key: string): boolean {
  return hash('sha256', `${key}\n${String(row['likely'])}`, 'hex') === row['name'];
}

function chosen(row: Raw, key: string): ChosenKept {
  return {
    name: String(row['name']),
    kept: String(row['kept']),
    likely: String(row['likely']),
    size: Number(row['size']),
    sha256: String(row['sha256']),
    attributes: JSON.parse(String(row['attributes'])) as Attributes,
    sure: provesKey(row, key),
  };
}

function text(value: unknown): string {
  return canonicalJson(value as Json);
}
