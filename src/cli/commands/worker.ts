import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { FerryError } from '../../base/errors.ts';
import { requireInside, ShardWorker } from '../../engine/temporal/activities.ts';
import { serve } from '../../engine/temporal/worker.ts';
import { type Lock, takeLock } from '../../ledger/lock.ts';
import { COUNTRIES } from '../../plan/countries.ts';
import type { Plan } from '../../plan/types.ts';
import { PlanRejected } from '../failure.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { logListener } from '../log-listener.ts';
import { checkPlan, isRefused } from '../plan-file.ts';
import { retryPolicy } from '../session.ts';
import { type TemporalOptions, temporalServer } from '../temporal-options.ts';
import { numberOf } from '../temporal-run.ts';

export interface WorkerOptions extends GlobalOptions, TemporalOptions {
  readonly jurisdiction: string;
  readonly shards?: string;
  readonly work?: string;
}

/** Folders that are tried where none is named. */
const MOST_FOLDERS = 256;

/** `ferry worker [PLAN]`: works on shards until it is stopped. */
export async function workerCommand(file: string | undefined, options: WorkerOptions, io: Io): Promise<Verdict> {
  const { jurisdiction } = options;
  if (!COUNTRIES.has(jurisdiction)) throw noCountry(jurisdiction);
  const atOnce = numberOf('--shards', options.shards, 1, 64);
  const plan = file === undefined ? undefined : await planOf(file, io);
  if (plan !== undefined) requireInside(plan, jurisdiction);
  const server = temporalServer(options, io);
  const { folder, lock } = workFolder(options.work);
  try {
    const owner = { id: idIn(folder), host: hostname(), jurisdiction };
    const shards = new ShardWorker({
      env: io.env,
      owner,
      folder,
      plan,
      egress: io.egress,
      retry: retryPolicy(io),
      listener: logListener(io.log),
      stop: io.stop,
      abort: io.abort,
    });
    const { address, namespace, taskQueue } = server;
    await serve({
      server,
      shards,
      atOnce,
      stop: io.stop,
      ready: () => io.tell(`takes work from the queue ${taskQueue} of ${namespace} at ${address}`),
      log: (level, message) => io.log[level === 'ERROR' ? 'error' : 'warn']({ temporal: level }, message),
    });
    io.document({ worker: owner.id, jurisdiction, taskQueue, ended: 'stopped' });
    return 'done';
  } finally {
    lock.release();
  }
}

async function planOf(file: string, io: Io): Promise<Plan> {
  const checked = await checkPlan(file, io.env);
  if (checked.plan === undefined || isRefused(checked.findings))
    throw new PlanRejected(checked.problems, checked.findings);
  return checked.plan;
}

/** A folder that is this process's alone; what an earlier one of the same id left there is its own. */
function workFolder(named: string | undefined): { readonly folder: string; readonly lock: Lock } {
  if (named !== undefined) return { folder: resolve(named), lock: takeLock(resolve(named), 'worker') };
  for (let number = 1; ; number += 1) {
    const folder = resolve('.ferry', `worker-${number}`);
    try {
      return { folder, lock: takeLock(folder, 'worker') };
    } catch (error) {
      const isTaken = error instanceof FerryError && error.fault === 'unreachable';
      if (!isTaken || number === MOST_FOLDERS) throw error;
    }
  }
}

function idIn(folder: string): string {
  const file = join(folder, 'worker.id');
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const id = randomUUID();
  writeFileSync(file, `${id}\n`, { mode: 0o600, flush: true });
  return id;
}

function noCountry(text: string): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'start a worker',
    subject: `--jurisdiction ${text}`,
    why: 'it is no country',
    hint: 'give an ISO 3166-1 alpha-2 code such as NO',
  });
}
