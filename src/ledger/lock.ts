import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { FerryError, messageOf } from '../base/errors.ts';
import { sqliteCode } from './faults.ts';
import { makePrivateFile, makeStateDir } from './state-dir.ts';

const SQLITE_BUSY = 5;

const Holder = z.object({ pid: z.number(), host: z.string(), command: z.string(), since: z.string() });
export type Holder = z.infer<typeof Holder>;

/** The right to change what a state directory governs. */
export interface Lock {
  release(): void;
}

/**
 * Takes the state directory's lock, or says who has it. The lock is an exclusive SQLite transaction on `lock.db`, hence a lock
 * of the operating system: exactly one of any number of simultaneous starters gets it, and a process that dies, however it
 * dies, lets go of it. `lock.json` beside it only tells people who the holder is.
 *
 * @throws FerryError `unreachable` (try again later) when another process holds it.
 */
export function takeLock(stateDir: string, command: string): Lock {
  makeStateDir(stateDir);
  const file = join(stateDir, 'lock.db');
  makePrivateFile(file);
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (sqliteCode(error) === SQLITE_BUSY) throw heldBy(stateDir);
    throw unusable(file, error);
  }
  const holder: Holder = { pid: process.pid, host: hostname(), command, since: new Date().toISOString() };
  const told = join(stateDir, 'lock.json');
  writeFileSync(`${told}.new`, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  renameSync(`${told}.new`, told);
  return {
    release: () => {
      db.exec('ROLLBACK');
      db.close();
    },
  };
}

/** It holds nothing of its own, so that it may simply be removed. */
function unusable(file: string, error: unknown): FerryError {
  return new FerryError({
    fault: 'integrity',
    op: 'take the lock',
    subject: file,
    why: messageOf(error),
    hint: 'it is no lock file of ferry; where no ferry runs on this state directory, remove it',
    cause: error,
  });
}

function heldBy(stateDir: string): FerryError {
  const holder = readHolder(stateDir);
  const who = holder
    ? `process ${holder.pid} on ${holder.host} (ferry ${holder.command}, since ${holder.since})`
    : 'a process that has just started';
  return new FerryError({
    fault: 'unreachable',
    op: 'take the lock',
    subject: stateDir,
    why: `${who} holds it`,
    hint: 'wait for it to end, or stop it; `ferry status` works meanwhile',
  });
}

function readHolder(stateDir: string): Holder | undefined {
  try {
    return Holder.parse(JSON.parse(readFileSync(join(stateDir, 'lock.json'), 'utf8')));
  } catch {
    return undefined;
  }
}
