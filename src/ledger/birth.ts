import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { FerryError } from '../base/errors.ts';
import { Database } from './database.ts';
import { migrate } from './schema.ts';
import { makePrivateFile } from './state-dir.ts';

/*
 * A ledger has its name only from when it is whole. So a file of that name that is empty, or a write-ahead log without one, was a ledger:
 * taken for a new one, all tombstones would be forgotten.
 */

/** SQLite takes a file of so many bytes for a new database. */
const NOTHING = 1;

/** What SQLite may put beside a database. */
const SIDES = ['', '-wal', '-shm', '-journal'];

/** Whether there is a ledger. Changes nothing. @throws FerryError `integrity` where there was one. */
export function isBorn(file: string): boolean {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size;
  if (bytes === undefined && !existsSync(`${file}-wal`)) return false;
  if (bytes !== undefined && bytes > NOTHING) return true;
  throw new FerryError({
    fault: 'integrity',
    op: 'open the ledger',
    subject: file,
    why:
      bytes === undefined ? 'only its write-ahead log is there, not the ledger itself' : 'the ledger has been emptied',
    hint: 'restore the state directory from a backup, or name another one with --state; a new ledger would not know the tombstones of this one',
  });
}

/** Makes a ledger under another name, and gives it its own when it is whole and on the disk. What a birth left that was killed goes. */
export function giveBirth(file: string): void {
  const fresh = `${file}.new`;
  for (const side of SIDES) rmSync(fresh + side, { force: true });
  makePrivateFile(fresh);
  const db = new Database(fresh);
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    migrate(db, fresh);
  } finally {
    // The last one to close a database brings its log home and removes it.
    db.close();
  }
  sync(fresh);
  renameSync(fresh, file);
  sync(dirname(file));
}

function sync(path: string): void {
  const opened = openSync(path, 'r');
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
