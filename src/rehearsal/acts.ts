import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { noStates, type State } from '../ledger/lifecycle.ts';
import { Dice } from './dice.ts';
import type { Ran } from './ferry-process.ts';
import { LateWriters } from './late-writers.ts';
import { lookAtMoment, type Moments } from './moment.ts';
import { isDisturbed, type Scenario } from './scenario.ts';
import { ferryOn, lastOf, type Stage } from './stage.ts';

/** The longest that a run is at work before it is killed. */
const LONGEST_LIFE_MS = 1_200;
/** How often a run is tried that faults send home. */
const TRIES = 6;
/** Ends that a run may come to: done, some objects need a person, a store out of reach. */
const MAY_END = [0, 4, 75];

/** The document of `run` and `status`, as far as it is read here. */
export interface Counts {
  readonly totals: { readonly objects: number; readonly states: Readonly<Record<State, number>> };
  readonly partitions: readonly {
    readonly name: string;
    readonly objects: number;
    readonly states: Readonly<Record<State, number>>;
  }[];
  readonly unresolved: readonly { readonly key: string; readonly partition: string; readonly reason: string }[];
}

export interface Disturbed {
  readonly moments: Moments;
  kills: number;
  restarts: number;
  runs: number;
}

/** One part is tombstoned under the plan's own hold and restored. */
export async function restoreAct(stage: Stage): Promise<void> {
  const { checks, files, log } = stage;
  const ran = await ferryOn(stage, ['run', files.holds, '--progress', 'none']);
  expectExit(stage, 'the run before the restore', ran, [0]);
  const before = countsOf(ran);
  if (before?.totals.states.tombstoned !== log.count('sample'))
    checks.problem(
      'restore',
      `${log.count('sample')} objects were to be tombstoned first, and ${before?.totals.states.tombstoned} were`,
    );
  const restored = await checks.timed('restore', () => ferryOn(stage, ['restore', files.holds]));
  if (restored.code !== 0) checks.problem('restore', `ferry restore ended with ${lastOf(restored)}`);
  checks.looked('restore', `${log.count('sample')} objects restored and compared`);
}

/** Runs that are killed, over servers that fail, beside others who write: until one comes to its end. */
export async function disturbedAct(stage: Stage, scenario: Scenario, kills: number): Promise<Disturbed> {
  const disturbed: Disturbed = { moments: { moments: 0, objects: 0, rows: 0 }, kills: 0, restarts: 0, runs: 0 };
  const { standIns, seed, log } = stage;
  const writers = new LateWriters(log, standIns.application, seed);
  const restarts = new Restarts(stage);
  if (isDisturbed(scenario)) for (const { proxy } of standIns.servers) proxy.disturb(scenario.faults);
  try {
    writers.start(scenario.writers);
    restarts.start(scenario.restarts);
    await killedRuns(stage, kills, disturbed);
    if (isDisturbed(scenario)) await runToItsEnd(stage, disturbed);
  } finally {
    for (const { proxy } of standIns.servers) proxy.disturb(undefined);
    await Promise.all([writers.stop(), restarts.stop()]);
    disturbed.restarts = restarts.done;
  }
  return disturbed;
}

async function killedRuns(stage: Stage, kills: number, disturbed: Disturbed): Promise<void> {
  const dice = new Dice(`${stage.seed}/kills`);
  for (let n = 0; n < kills; n += 1) {
    const ran = await ferryOn(stage, runArgs(stage), 30 + dice.below(LONGEST_LIFE_MS));
    disturbed.runs += 1;
    if (ran.code === null) disturbed.kills += 1;
    else expectExit(stage, `run ${disturbed.runs}`, ran, [...MAY_END, 5]);
    await lookAtMoment(stage, disturbed.moments);
  }
}

/** Faults may send it home with 75; what they did to an object, the quiet run has to mend. */
async function runToItsEnd(stage: Stage, disturbed: Disturbed): Promise<void> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const ran = await ferryOn(stage, runArgs(stage));
    disturbed.runs += 1;
    expectExit(stage, `run ${disturbed.runs}`, ran, [...MAY_END, 5]);
    if (ran.code !== 75) return;
  }
}

/** The last run, with nobody who disturbs it. */
export async function quietAct(stage: Stage): Promise<Ran> {
  const { checks, log } = stage;
  const ran = await ferryOn(stage, runArgs(stage));
  const meddled = log.count('planted') > 0 || log.lateCount() > 0;
  expectExit(stage, 'the last run', ran, meddled ? [0, 4] : [0]);
  checks.looked('exits', `the last run ended with exit code ${ran.code}`);
  const counts = countsOf(ran);
  if (counts === undefined) checks.problem('rule-2', 'the last run gave no document');
  else compareCounts(stage, counts);
  return ran;
}

function compareCounts({ plan, log, checks }: Stage, { totals, partitions, unresolved }: Counts): void {
  const planned = log.count('planned');
  const equal = (what: string, is: number, should: number): void => {
    if (is !== should) checks.problem('rule-2', `${what}: ${is}, and ${should} were to be`);
  };
  // Who deleted an object before it was listed took it out of the plan.
  if (log.lateCount() === 0) {
    equal('objects', totals.objects, planned);
    for (const { name } of plan.partitions) {
      equal(`objects of ${name}`, partitions.find((one) => one.name === name)?.objects ?? 0, log.countBy(name));
    }
  }
  equal('the sum over all states', sum(totals.states), totals.objects);
  for (const { name, objects, states } of partitions) equal(`the sum over the states of ${name}`, sum(states), objects);
  equal(
    'the sum over all partitions',
    partitions.reduce((n, { objects }) => n + objects, 0),
    totals.objects,
  );
  checks.looked('rule-2', `${totals.objects} objects planned`);

  const expected = new Set<string>();
  const allowed = new Set<string>();
  for (const { key, partition, planted, touched } of log.objects()) {
    if (planted !== undefined) expected.add(`${partition} ${key}`);
    else if (touched) allowed.add(`${partition} ${key}`);
  }
  for (const { key, partition, reason } of unresolved) {
    const name = `${partition} ${key}`;
    if (!expected.delete(name) && !allowed.has(name))
      checks.problem(
        'unresolved',
        `${partition} ${JSON.stringify(key)}: nobody meddled with it, and it is unresolved: ${reason}`,
      );
  }
  for (const name of expected)
    checks.problem('unresolved', `${name}: its centre held other bytes, and it is not unresolved`);
  checks.looked('unresolved', `${unresolved.length} objects need a person`);
}

function sum(states: Readonly<Record<State, number>>): number {
  return (Object.keys(noStates()) as State[]).reduce((total, state) => total + states[state], 0);
}

export async function verifyAct(stage: Stage): Promise<void> {
  const { checks, files } = stage;
  const ran = await checks.timed('verify', () => ferryOn(stage, ['verify', files.over]));
  const document = ran.document as { readonly checked: number; readonly ok: number } | undefined;
  if (ran.code !== 0) checks.problem('verify', `ferry verify ended with ${lastOf(ran)}`);
  checks.looked('verify', `${document?.ok ?? 0} of ${document?.checked ?? 0} copies agree`);
}

export function countsOf({ document }: Ran): Counts | undefined {
  const counts = document as Counts | undefined;
  return counts?.totals?.states === undefined ? undefined : counts;
}

export function expectExit({ checks }: Stage, what: string, ran: Ran, codes: readonly number[]): void {
  if (ran.code === null || !codes.includes(ran.code)) checks.problem('exits', `${what} ended with ${lastOf(ran)}`);
}

function runArgs({ files }: Stage): string[] {
  return ['run', files.over, '--progress', 'none'];
}

/** Kills servers and starts them again, one after the other, at moments of the dice. */
class Restarts {
  readonly #stage: Stage;
  readonly #over = new AbortController();
  #work: Promise<void> = Promise.resolve();
  done = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  start(times: number): void {
    this.#work = this.#restart(times);
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#work;
  }

  async #restart(times: number): Promise<void> {
    const { standIns, seed } = this.#stage;
    const dice = new Dice(`${seed}/restarts`);
    if (standIns.servers.length === 0) return;
    for (let n = 0; n < times; n += 1) {
      await delay(1_500 + dice.below(2_500), undefined, { signal: this.#over.signal }).catch(() => undefined);
      if (this.#over.signal.aborted) return;
      await standIns.servers[dice.below(standIns.servers.length)]?.restart();
      this.done += 1;
    }
  }
}

/** Files below a folder, also hidden ones. */
export async function filesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
