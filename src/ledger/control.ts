import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { FerryError, messageOf } from '../base/errors.ts';
import { makeStateDir } from './state-dir.ts';

/*
 * What an operator wants of a process that is at work, and what that process says of itself: small files in `control/` of the state
 * directory, each replaced as a whole. A folder of its own, since whoever watches it would be woken by each write to the ledger else.
 */

const FOLDER = 'control';
const ORDERED = 'limits.json';
const HELD = 'run.json';
const FORMAT = 'ferry/limits/v1';

const Rate = z.int().min(1).nullable();
const Ordered = z.strictObject({
  format: z.literal(FORMAT),
  /** Bytes a second; null for no limit. */
  bandwidth: Rate.optional(),
  /** Requests a second and store; null for no limit. */
  requests: Rate.optional(),
  concurrency: z.int().min(1).max(1024).optional(),
  by: z.string(),
  at: z.string(),
});

/** Limits that an operator ordered, by whom and when (RFC 3339). */
export interface OrderedLimits {
  readonly bandwidth?: number | null;
  readonly requests?: number | null;
  readonly concurrency?: number;
  readonly by: string;
  readonly at: string;
}

/** @returns `undefined` where none are ordered. @throws FerryError `usage` where the file is none that ferry wrote. */
export function readOrdered(stateDir: string): OrderedLimits | undefined {
  const file = join(stateDir, FOLDER, ORDERED);
  if (!existsSync(file)) return undefined;
  try {
    const { format: _, ...given } = Ordered.parse(JSON.parse(readFileSync(file, 'utf8')));
    return given as OrderedLimits;
  } catch (error) {
    // Taken away between the look and the reading.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FerryError({
      fault: 'usage',
      op: "read the operator's limits",
      subject: file,
      why: error instanceof z.ZodError ? 'it is not of the form ferry/limits/v1' : messageOf(error),
      hint: 'set them again with `ferry limits PLAN`, after `ferry limits PLAN --clear`',
      cause: error,
    });
  }
}

/** Remembers what was ordered, for who works now and later; `undefined` forgets it. On disk when it returns. */
export function writeOrdered(stateDir: string, ordered: OrderedLimits | undefined): void {
  if (ordered === undefined) {
    rmSync(join(stateDir, FOLDER, ORDERED), { force: true });
    return;
  }
  makeControl(stateDir);
  replace(stateDir, ORDERED, { format: FORMAT, ...ordered });
}

/** Calls back whenever the orders, or what the process at work says, may have changed. Makes the folder. */
export function watchControl(stateDir: string, what: 'ordered' | 'working', changed: () => void): Disposable {
  makeControl(stateDir);
  const file = what === 'ordered' ? ORDERED : HELD;
  try {
    const watcher = watch(join(stateDir, FOLDER), { persistent: false }, (_event, name) => {
      if (name === null || name === file) changed();
    });
    // What cannot be watched is still read with each minute.
    watcher.on('error', () => undefined);
    return { [Symbol.dispose]: () => watcher.close() };
  } catch {
    return { [Symbol.dispose]: () => undefined };
  }
}

const Working = z.looseObject({ pid: z.int(), host: z.string() });

/** What a process at work says of itself; the rest is its own. */
export type Working = z.output<typeof Working>;

/** Says what the process that is at work keeps to; `undefined` when it ends. The folder is there, since it watches it. */
export function writeWorking(stateDir: string, told: Readonly<Record<string, unknown>> | undefined): void {
  if (told === undefined) rmSync(join(stateDir, FOLDER, HELD), { force: true });
  else replace(stateDir, HELD, { pid: process.pid, host: hostname(), ...told });
}

/** The process that is at work, where there is one on this machine. */
export function readWorking(stateDir: string): Working | undefined {
  try {
    const working = Working.parse(JSON.parse(readFileSync(join(stateDir, FOLDER, HELD), 'utf8')));
    return working.host === hostname() && isAlive(working.pid) ? working : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Someone else's process is there too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function makeControl(stateDir: string): void {
  makeStateDir(stateDir);
  makeStateDir(join(stateDir, FOLDER));
}

function replace(stateDir: string, name: string, value: object): void {
  const file = join(stateDir, FOLDER, name);
  const draft = `${file}.${randomUUID()}`;
  try {
    const fd = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(fd, `${JSON.stringify(value)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
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
