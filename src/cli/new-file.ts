import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { FerryError } from '../base/errors.ts';
import { whyUnreadable } from '../base/private-file.ts';

const IS_THERE = 'it is there already, and is never overwritten';

/** Writes a file that is not there yet. @throws FerryError `usage`, also where it is there. */
export function writeNewFile(file: string, text: string, mode: number): void {
  try {
    writeThrough(file, text, mode);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    throw cannotWrite(file, isThere ? IS_THERE : whyUnwritable(error), error);
  }
}

/** For whoever has much to do before there is something to write. @throws FerryError `usage`, as `writeNewFile` will. */
export function refuseExisting(file: string): void {
  if (existsSync(file)) throw cannotWrite(file, IS_THERE, undefined);
}

/** Writes a file, or puts it in the place of another one: the old or the new one is there at any moment, and whole. */
export function replaceFile(file: string, text: string, mode: number): void {
  const draft = `${file}.${process.pid}.part`;
  try {
    writeThrough(draft, text, mode);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw cannotWrite(file, whyUnwritable(error), error);
  }
}

/** On disk when it returns, and its owner's alone from the first byte where the mode says so. */
function writeThrough(file: string, text: string, mode: number): void {
  const fd = openSync(file, 'wx', mode);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function whyUnwritable(error: unknown): string {
  const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return isMissing ? 'there is no such folder' : whyUnreadable(error);
}

function cannotWrite(file: string, why: string, cause: unknown): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'write',
    subject: file,
    why,
    hint: 'name another file with --out',
    cause,
  });
}
