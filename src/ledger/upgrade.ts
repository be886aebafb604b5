import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { FerryError, messageOf } from '../base/errors.ts';
import { checkOwner, migrate, migrations } from './schema.ts';
import { makePrivateFile } from './state-dir.ts';

export interface Upgrade {
  readonly file: string;
  readonly from: number;
  readonly to: number;
  /** Names of the migrations that are missing, in their order. */
  readonly missing: readonly string[];
  /** The copy of the ledger as it was; `undefined` where nothing was changed. */
  readonly backup: string | undefined;
}

/**
 * What an upgrade of a ledger would do. Changes nothing.
 *
 * @throws FerryError `usage` where there is no ledger, or one of another program or a newer ferry; `integrity` where it is damaged.
 */
export function upgradeOf(stateDir: string): Upgrade {
  const file = join(stateDir, 'ledger.db');
  if (!existsSync(file)) {
    const hint = 'name the state directory with --state; a first `ferry run` makes one of this version';
    throw new FerryError({ fault: 'usage', op: 'upgrade the ledger', subject: file, why: 'there is none', hint });
  }
  return inLedger(file, true, (db) => {
    const known = migrations();
    const from = checkOwner(db, file, known.length);
    const missing = known.filter(({ number }) => number > from).map(({ name }) => name);
    return { file, from, to: known.length, missing, backup: undefined };
  });
}

/**
 * Copies the ledger beside itself, checks the copy, and brings the ledger to this version. Take the lock first. A ledger that is of
 * this version is left alone.
 */
export async function upgradeLedger(stateDir: string, now: Date): Promise<Upgrade> {
  const upgrade = upgradeOf(stateDir);
  const { file, from } = upgrade;
  if (upgrade.missing.length === 0) return upgrade;
  const stamp = now.toISOString().replaceAll(/[-:]/g, '').replace(/\..*/, 'Z');
  const copy = join(dirname(file), `ledger-v${from}-${stamp}.db`);
  makePrivateFile(copy);
  const db = open(file, false);
  try {
    await backup(db, copy);
    inLedger(copy, false, (copied) => {
      // One file, without side files that might be left behind when it is put back.
      copied.exec('PRAGMA journal_mode = DELETE');
      const said = copied.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
      if (said !== 'ok') throw damaged(copy, String(said));
    });
    migrate(db, file);
  } catch (error) {
    throw asFerryError(file, error);
  } finally {
    db.close();
  }
  return { ...upgrade, backup: copy };
}

function inLedger<T>(file: string, readOnly: boolean, work: (db: DatabaseSync) => T): T {
  const db = open(file, readOnly);
  try {
    return work(db);
  } catch (error) {
    throw asFerryError(file, error);
  } finally {
    db.close();
  }
}

function open(file: string, readOnly: boolean): DatabaseSync {
  try {
    return new DatabaseSync(file, { readOnly, timeout: 10_000 });
  } catch (error) {
    throw asFerryError(file, error);
  }
}

function asFerryError(file: string, error: unknown): unknown {
  if (error instanceof FerryError || !(error instanceof Error && 'errcode' in error)) return error;
  return damaged(file, messageOf(error));
}

function damaged(file: string, why: string): FerryError {
  const hint = 'the file is damaged or no ledger; restore it from a backup. The ledger was not upgraded';
  return new FerryError({ fault: 'integrity', op: 'upgrade the ledger', subject: file, why, hint });
}
