import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FerryError, messageOf } from '../base/errors.ts';

/** `.ferry/NAME` beside the plan, unless the operator names another. */
export function stateDirOf(planFile: string, planName: string, chosen: string | undefined): string {
  return chosen ?? join(dirname(planFile), '.ferry', planName);
}

/** Makes the state directory, readable by its owner alone. One that is there already keeps its mode: it may be anyone's. */
export function makeStateDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new FerryError({
      fault: 'usage',
      op: 'make the state directory',
      subject: dir,
      why: messageOf(reasonOf(dir, error)),
      hint: 'name a directory that you may write with --state',
      cause: error,
    });
  }
}

/** Node calls it absent (ENOENT) where a file system is mounted read-only: making the first folder that is missing tells the reason. */
function reasonOf(dir: string, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) return error;
  let missing = resolve(dir);
  while (!existsSync(dirname(missing))) missing = dirname(missing);
  try {
    mkdirSync(missing, { mode: 0o700 });
  } catch (reason) {
    return reason;
  }
  return error;
}

/** Makes sure that a file is there and is its owner's alone: SQLite gives its side files the mode of the main one. */
export function makePrivateFile(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    throw new FerryError({
      fault: 'usage',
      op: 'write the state directory',
      subject: file,
      why: messageOf(error),
      hint: 'see that you may write there, or name another directory with --state',
      cause: error,
    });
  }
}
