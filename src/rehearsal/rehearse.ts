import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '../base/digest.ts';
import { looksLikeMarker } from '../migration/marker.ts';
import { loadPlan } from '../plan/load.ts';
import { openRouter, type Router } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import { Dice } from './dice.ts';
import { population, type SyntheticObject } from './population.ts';
import { makeStandIns, type StandIns } from './stand-ins.ts';

export interface RehearsalOptions {
  /** Synthetic users a partition. */
  readonly users: number;
  /** How many runs are killed by SIGKILL before one is left to end. */
  readonly kills: number;
  readonly seed: number;
  readonly tell: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface RehearsalResult {
  readonly verdict: 'pass' | 'fail';
  readonly seed: number;
  readonly objects: number;
  readonly bytes: number;
  /** Runs that were still at work when they were killed. */
  readonly kills: number;
  readonly exitCode: number | null;
  readonly problems: readonly string[];
}

/** The longest that a run is left alone before it is killed. */
const LONGEST_LIFE_MS = 1_500;

/** How many problems are told; more would say nothing new. */
const SHOWN = 50;

/**
 * The whole plan on throw-away stores with synthetic users: fills the legacy stores, runs the plan in processes of its own that are
 * killed at random, lets the last one end, and compares every byte at the centres and every source, without ferry's own adapters.
 */
export async function rehearse(plan: Plan, options: RehearsalOptions): Promise<RehearsalResult> {
  const standIns = await makeStandIns(plan);
  try {
    const file = await preparePlan(plan, standIns, options);
    const sizes = await fill(plan, standIns, options);
    options.tell(`filled the legacy stores with ${sizes.objects} objects, ${sizes.bytes} bytes (seed ${options.seed})`);
    const kills = await killedRuns(file, standIns, options);
    const exitCode = await runOnce(file, standIns, undefined);
    options.tell(`${kills} runs killed; the last one ended with exit code ${exitCode}`);
    if (kills < options.kills)
      options.tell('the others had ended before their kill: more --users make them last longer');
    const problems = exitCode === 0 ? [] : [`the last run ended with exit code ${exitCode}`];
    problems.push(...(await check(plan, file, standIns, options)));
    return {
      verdict: problems.length === 0 ? 'pass' : 'fail',
      seed: options.seed,
      ...sizes,
      kills,
      exitCode,
      problems,
    };
  } finally {
    await standIns.remove();
  }
}

/** Writes the plan with its stand-ins, and the manifests that it needs. */
async function preparePlan(plan: Plan, standIns: StandIns, options: RehearsalOptions): Promise<string> {
  const manifests = new Map<number, string>();
  for (const [index, partition] of plan.partitions.entries()) {
    if (partition.select.by !== 'manifest') continue;
    const path = join(standIns.dir, `manifest-${index}.ndjson`);
    const lines = [...population({ ...plan, partitions: [partition] }, options.users, options.seed)];
    await writeFile(path, lines.map(({ key }) => `${JSON.stringify({ key })}\n`).join(''));
    manifests.set(index, path);
  }
  const file = join(standIns.dir, 'plan.json');
  await writeFile(file, JSON.stringify(standIns.document(manifests), undefined, 2));
  return file;
}

async function fill(
  plan: Plan,
  standIns: StandIns,
  options: RehearsalOptions,
): Promise<{ objects: number; bytes: number }> {
  let objects = 0;
  let bytes = 0;
  for (const object of population(plan, options.users, options.seed)) {
    options.signal.throwIfAborted();
    await standIns.outside.get(object.from)?.put(object.key, object.bytes);
    objects += 1;
    bytes += object.bytes.byteLength;
  }
  return { objects, bytes };
}

async function killedRuns(file: string, standIns: StandIns, options: RehearsalOptions): Promise<number> {
  const dice = new Dice(`${options.seed}/kills`);
  let killed = 0;
  for (let n = 0; n < options.kills; n += 1) {
    options.signal.throwIfAborted();
    if ((await runOnce(file, standIns, 150 + dice.below(LONGEST_LIFE_MS))) === null) killed += 1;
  }
  return killed;
}

/** One run in a process of its own; its exit code, or `null` when it was killed at work. */
async function runOnce(file: string, standIns: StandIns, lifeMs: number | undefined): Promise<number | null> {
  const ferry = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));
  const child = spawn(process.execPath, [ferry, 'run', file, '--progress', 'none', '--json'], {
    env: { ...process.env, ...standIns.env },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
  if (lifeMs !== undefined) {
    const over = new AbortController();
    void ended.finally(() => over.abort());
    await delay(lifeMs, undefined, { signal: over.signal }).catch(() => undefined);
    child.kill('SIGKILL');
  }
  return await ended;
}

/** Every object again, from its seed: is it where the plan wants it, byte for byte, and is its source as `finish` says? */
async function check(plan: Plan, file: string, standIns: StandIns, options: RehearsalOptions): Promise<string[]> {
  const loaded = await loadPlan(file, { ...process.env, ...standIns.env });
  if (!loaded.ok) return loaded.problems.map((problem) => problem.message);
  const router = await openRouter(loaded.plan);
  const problems: string[] = [];
  try {
    for (const object of population(plan, options.users, options.seed)) {
      const problem = await checkOne(plan, router, standIns, object);
      if (problem !== undefined) problems.push(`${object.from}: ${JSON.stringify(object.key)}: ${problem}`);
      if (problems.length >= SHOWN) break;
    }
  } finally {
    router.close();
  }
  return problems;
}

async function checkOne(
  plan: Plan,
  router: Router,
  standIns: StandIns,
  object: SyntheticObject,
): Promise<string | undefined> {
  const route = router.route(object.from, object.key);
  const partition = route.to === 'partition' ? plan.partitions[route.index] : undefined;
  if (partition === undefined) return 'the plan sends it nowhere';
  const there = await standIns.outside.get(partition.to)?.get(object.key);
  if (there === undefined) return `it is not at ${partition.to}`;
  if (sha256Hex(there) !== sha256Hex(object.bytes)) return `it has other bytes at ${partition.to}`;
  const here = await standIns.outside.get(object.from)?.get(object.key);
  if (here === undefined) return 'there is neither the object nor a tombstone at the source';
  if (plan.finish === 'tombstoned') return looksLikeMarker(here) ? undefined : 'there is no tombstone at the source';
  return sha256Hex(here) === sha256Hex(object.bytes) ? undefined : 'the source was changed';
}
