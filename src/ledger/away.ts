import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FerryError } from '../base/errors.ts';

const FORMAT = 'ferry/away/v1';

const Away = z.strictObject({
  format: z.literal(FORMAT),
  /** Where the round lies in the control store. */
  prefix: z.string(),
  /** The control store's name in the plan. */
  control: z.string(),
  shards: z.int().min(0),
  /** `cutting`: segments are being put there, and nobody works on them. `out`: somebody may. `home`: all is in the ledger, and may go there. */
  state: z.enum(['cutting', 'out', 'home']),
  address: z.string(),
  namespace: z.string(),
  taskQueue: z.string(),
  /** The id of the Temporal workflow. */
  workflow: z.string(),
  /** Their shards: numbers of the first and the last. */
  partitions: z.array(z.object({ name: z.string(), first: z.int(), last: z.int() })),
  /** RFC 3339. */
  since: z.string(),
});

/** That the objects of a ledger are being worked on elsewhere, and where. */
export type Away = Readonly<Omit<z.output<typeof Away>, 'format'>>;

/** @returns `undefined` where nothing is away. @throws FerryError `integrity` for a file that is none that ferry wrote. */
export function readAway(stateDir: string): Away | undefined {
  const file = fileIn(stateDir);
  if (!existsSync(file)) return undefined;
  try {
    const { format: _, ...away } = Away.parse(JSON.parse(readFileSync(file, 'utf8')));
    return away;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FerryError({
      fault: 'integrity',
      op: 'read where the work is',
      subject: file,
      why: `it is not of the form ${FORMAT}`,
      hint: 'restore it from a backup; without it nobody knows whether workers still have objects of this plan',
      cause: error,
    });
  }
}

/** Remembers it, or that all is home again. On disk when it returns. Take the lock first. */
export function writeAway(stateDir: string, away: Away | undefined): void {
  const file = fileIn(stateDir);
  if (away === undefined) rmSync(file, { force: true });
  else {
    writeFileSync(`${file}.new`, `${JSON.stringify({ format: FORMAT, ...away })}\n`, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
  }
  const folder = openSync(stateDir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Nobody works on two sides at once. @throws FerryError `refused` where objects are away. */
export function refuseAway(stateDir: string, command: string): void {
  const away = readAway(stateDir);
  if (away === undefined) return;
  throw new FerryError({
    fault: 'refused',
    op: command === 'run' ? 'run the plan here' : command,
    subject: stateDir,
    why: `workers have its objects, in ${away.shards} shards, since ${away.since} (Temporal at ${away.address}, workflow ${away.workflow})`,
    hint: '`ferry run PLAN --engine temporal` waits for them and brings all of it home; stopped once by Ctrl-C it brings home what is done',
  });
}

/** What is away was cut by one plan, and comes home by it. @throws FerryError `refused` where the plan has changed since. */
export function refuseChanged(stateDir: string, planDigest: string): void {
  const away = readAway(stateDir);
  if (away === undefined || away.prefix.split('/')[1] === planDigest.replace(/^sha256:/, '')) return;
  throw new FerryError({
    fault: 'refused',
    op: 'run the plan',
    subject: stateDir,
    why: `workers have its objects since ${away.since}, and the plan was changed since`,
    hint: 'put the plan back as it was until all is home',
  });
}

function fileIn(stateDir: string): string {
  return join(stateDir, 'away.json');
}
