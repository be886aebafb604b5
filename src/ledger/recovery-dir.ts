import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../base/errors.ts';
import { Ledger } from './ledger.ts';

/** Where a ledger is rebuilt, below the state directory: it gets its name there only when it is whole. */
const FOLDER = 'recovering';

const LEDGER = 'ledger.db';

/** The folder in which the ledger of a state directory is being rebuilt. */
export function recoveryDir(stateDir: string): string {
  return join(stateDir, FOLDER);
}

/**
 * Makes sure that nothing is lost by rebuilding a ledger here: there is none, or one that knows no object. Take the lock first.
 *
 * @throws FerryError `refused` where a ledger knows objects; `usage` where parts of one are left without it.
 */
export function requireNoLedger(stateDir: string): void {
  const file = join(stateDir, LEDGER);
  if (!existsSync(file)) {
    const left = [`${file}-wal`, `${file}-journal`].find((path) => existsSync(path));
    if (left === undefined) return;
    throw new FerryError({
      fault: 'usage',
      op: 'recover the ledger',
      subject: left,
      why: 'it is a part of a ledger that is not there',
      hint: 'put ledger.db back beside it if you have it; else move it away, then recover again',
    });
  }
  if (statSync(file).size <= 1) {
    throw new FerryError({
      fault: 'usage',
      op: 'recover the ledger',
      subject: file,
      why: 'it was a ledger and has been emptied',
      hint: 'put a backup in its place if you have one; else move it away, then recover again',
    });
  }
  const ledger = Ledger.read(stateDir);
  try {
    if (ledger === undefined || !ledger.isBound || ledger.queries.tallies().every(({ objects }) => objects === 0))
      return;
  } finally {
    ledger?.close();
  }
  throw new FerryError({
    fault: 'refused',
    op: 'recover the ledger',
    subject: file,
    why: 'there is a ledger, and it knows objects: nothing has to be recovered',
    hint: 'go on with `ferry run`; if it is of a run that began anew after the state was lost, move the state directory away first',
  });
}

/** @throws FerryError `refused` where a recovery was begun and has not come to its end: what is there now knows too little to go on with. */
export function requireNoRecovery(stateDir: string): void {
  const folder = recoveryDir(stateDir);
  if (!existsSync(folder)) return;
  throw new FerryError({
    fault: 'refused',
    op: 'use the state directory',
    subject: folder,
    why: 'a recovery was begun and has not come to its end',
    hint: 'run `ferry recover` again to go on with it, or remove that folder to do without',
  });
}

/** Gives the rebuilt ledger its name; an empty one that was there is kept beside it. Close it before. */
export function completeRecovery(stateDir: string): void {
  const folder = recoveryDir(stateDir);
  const file = join(stateDir, LEDGER);
  // Closing a ledger takes its write-ahead log in: one that is left here would be taken for the new one's.
  if (existsSync(file)) {
    Ledger.open(stateDir).close();
    for (const name of ['-wal', '-shm', '']) {
      if (existsSync(file + name)) renameSync(file + name, join(stateDir, `ledger-empty.db${name}`));
    }
  }
  renameSync(join(folder, LEDGER), file);
  syncFolder(stateDir);
  rmSync(folder, { recursive: true });
  syncFolder(stateDir);
}

function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
