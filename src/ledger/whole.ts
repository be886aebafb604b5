import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { FerryError } from '../base/errors.ts';

/** The smallest page (https://www.sqlite.org/fileformat2.html#pages): SQLite takes a shorter file for a new database, and writes over it. */
const SMALLEST = 512;

/** Up to this size a ledger is looked through each time it is opened, which takes milliseconds. Bytes. */
const LOOKED_THROUGH = 64 * 1024 * 1024;

/** @throws FerryError `integrity` for what is left of a ledger that was cut, where SQLite would begin a new one. */
export function requireSome(file: string): void {
  const { size } = statSync(file);
  if (size >= SMALLEST) return;
  throw damaged(file, `it has ${size} bytes left`);
}

/** @throws FerryError `integrity` where pages are not those of one database; a changed value inside of one is not found. */
export function requireWhole(db: DatabaseSync, file: string): void {
  if (statSync(file).size > LOOKED_THROUGH) return;
  const found = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] ?? 'no answer');
  if (found !== 'ok') throw damaged(file, found.split('\n').at(-1) ?? found);
}

function damaged(file: string, why: string): FerryError {
  return new FerryError({
    fault: 'integrity',
    op: 'open the ledger',
    subject: file,
    why: `it is damaged: ${why}`,
    hint: 'restore the state directory from a backup before anything else; nothing was changed',
  });
}
