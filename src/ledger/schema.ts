import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { FerryError } from '../base/errors.ts';

/** "FERR" in ASCII: says whose file this is (https://www.sqlite.org/pragma.html#pragma_application_id). */
const APPLICATION_ID = 0x46455252;

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

/** The numbered SQL files beside this one, in order. */
export function migrations(): readonly Migration[] {
  const folder = new URL('./migrations/', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ number: Number.parseInt(name, 10), name, sql: readFileSync(new URL(name, folder), 'utf8') }));
}

/**
 * Brings a ledger to this version's schema, each migration in a transaction of its own. `PRAGMA user_version` is the number
 * of the last one.
 *
 * @throws FerryError `usage` for a file that is no ledger or comes from a newer ferry; `integrity` for one whose history differs.
 */
export function migrate(db: DatabaseSync, file: string): void {
  const known = migrations();
  const version = checkOwner(db, file, known.length);
  const applied = version === 0 ? [] : history(db);
  for (const migration of known) {
    const digest = createHash('sha256').update(migration.sql).digest('hex');
    const before = applied.find((row) => row.number === migration.number);
    if (before !== undefined) {
      if (before.digest !== digest) throw otherHistory(file, migration.name);
      continue;
    }
    apply(db, migration, digest);
  }
}

/** @throws FerryError as `migrate` does. Writes nothing. */
export function requireOwn(db: DatabaseSync, file: string): void {
  checkOwner(db, file, migrations().length);
}

/** The version of a ledger. @throws FerryError `usage` for another program's file, or one of a newer ferry. */
export function checkOwner(db: DatabaseSync, file: string, newest: number): number {
  const version = pragma(db, 'user_version');
  const owner = pragma(db, 'application_id');
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table'").get()?.['n'];
  if (owner !== APPLICATION_ID && tables !== 0) {
    throw new FerryError({
      fault: 'usage',
      op: 'open the ledger',
      subject: file,
      why: 'the file is a database of another program',
      hint: 'name another state directory with --state',
    });
  }
  if (version > newest) {
    throw new FerryError({
      fault: 'usage',
      op: 'open the ledger',
      subject: file,
      why: `its schema is version ${version}; this ferry knows versions up to ${newest}`,
      hint: 'use the ferry that wrote it, or a newer one; nothing was changed',
    });
  }
  return version;
}

function pragma(db: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function history(db: DatabaseSync): { number: number; digest: string }[] {
  return db
    .prepare('SELECT number, digest FROM migration ORDER BY number')
    .all()
    .map((row) => ({ number: Number(row['number']), digest: String(row['digest']) }));
}

function apply(db: DatabaseSync, migration: Migration, digest: string): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    if (migration.number === 1) {
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      db.exec('CREATE TABLE migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL) STRICT');
    }
    db.exec(migration.sql);
    db.prepare('INSERT INTO migration VALUES (?, ?, ?)').run(migration.number, migration.name, digest);
    db.exec(`PRAGMA user_version = ${migration.number}`);
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}

function otherHistory(file: string, name: string): FerryError {
  return new FerryError({
    fault: 'integrity',
    op: 'open the ledger',
    subject: file,
    why: `its migration ${name} is not the one that this ferry has`,
    hint: 'the file was made by a modified ferry or is damaged; restore it from a backup',
  });
}

/** The schema as SQL text, for the committed dump and its drift check. */
export function dumpSchema(db: DatabaseSync): string {
  const rows = db
    .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type = 'table' DESC, name")
    .all();
  return `${rows.map((row) => `${String(row['sql'])};`).join('\n\n')}\n`;
}
