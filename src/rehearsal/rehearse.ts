import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateDirOf } from '../ledger/state-dir.ts';
import { loadPlan } from '../plan/load.ts';
import type { Plan } from '../plan/types.ts';
import { formatBytes } from '../plan/units.ts';
import { type Disturbed, disturbedAct, quietAct, restoreAct, verifyAct } from './acts.ts';
import { type Check, CheckBook } from './checks.ts';
import { type Compared, compareAll, findStrangers } from './compare.ts';
import { copyOfPlan, notRehearsed } from './copied-plan.ts';
import type { FaultKind } from './fault-proxy.ts';
import { probedIn } from './features.ts';
import { type Filled, fill, writeManifests } from './fill.ts';
import { alterOneCopy, evidenceAct, purgeAct, scanAct, secretsAct } from './last-acts.ts';
import type { PopulationModel } from './model.ts';
import { PopulationLog } from './population-log.ts';
import { SCENARIOS, type ScenarioName } from './scenario.ts';
import type { Stage } from './stage.ts';
import { makeStandIns, type StandIns } from './stand-ins.ts';

export interface RehearsalOptions {
  readonly scenario: ScenarioName;
  readonly model: PopulationModel;
  /** How many runs are killed by SIGKILL before one is left to end; the scenario's own, where left out. */
  readonly kills?: number | undefined;
  readonly seed: number;
  /** The state directory of the real plan: what `doctor` found is read there. */
  readonly stateDir: string;
  readonly tell: (text: string) => void;
  readonly signal: AbortSignal;
  /** Something that has to be found, so that it is known that it would be: a copy that is altered after `verify`. */
  readonly sabotage?: 'altered-copy' | undefined;
}

export interface RehearsalResult {
  readonly verdict: 'pass' | 'fail';
  readonly scenario: ScenarioName;
  readonly seed: number;
  readonly population: PopulationModel['from'];
  readonly objects: number;
  readonly bytes: number;
  /** Runs that were still at work when they were killed. */
  readonly kills: number;
  readonly restarts: number;
  /** Writes and deletes by others that were acknowledged. */
  readonly lateWrites: number;
  /** How often each fault was really made. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly exitCode: number | null;
  readonly checks: readonly Check[];
  /** What of the plan was not rehearsed, and why. */
  readonly leftOut: readonly string[];
  readonly problems: readonly string[];
}

/** A restore has to come within it. */
const SHORTEST_HOLD_MS = 3_600_000;

/**
 * The whole plan on throw-away stores with synthetic users: fills the legacy stores, takes a part through tombstone and restore and the
 * rest through runs that are killed and disturbed as the scenario says, and compares every object at every store with a log of its
 * own, by plain file calls and S3 requests.
 */
export async function rehearse(plan: Plan, options: RehearsalOptions): Promise<RehearsalResult> {
  const { seed, tell, signal } = options;
  const standIns = await makeStandIns(plan, { seed, probed: probedIn(options.stateDir), tell });
  let log: PopulationLog | undefined;
  try {
    log = new PopulationLog(join(standIns.dir, 'population.db'));
    const { files, copy } = await copies(plan, standIns, options);
    const stateDir = stateDirOf(files.over, plan.name, undefined);
    const checks = new CheckBook();
    return await perform({ plan, standIns, log, checks, files, stateDir, seed, tell, signal }, copy, options);
  } finally {
    log?.close();
    await standIns.remove();
  }
}

async function perform(stage: Stage, copy: Plan, options: RehearsalOptions): Promise<RehearsalResult> {
  const { plan, log, checks, tell } = stage;
  const scenario = SCENARIOS[options.scenario];
  const touchable = scenario.writers > 0;
  const empties = plan.finish === 'tombstoned';
  const filled: Filled = { objects: 0, bytes: 0 };
  const fillWith = async (part: { readonly samples: boolean; readonly rest: boolean }): Promise<void> => {
    const { objects, bytes } = await fill(stage, copy, options.model, { ...part, touchable });
    filled.objects += objects;
    filled.bytes += bytes;
  };
  if (empties) {
    await fillWith({ samples: true, rest: false });
    tell(`${filled.objects} objects of some users go through tombstone and restore`);
    await restoreAct(stage);
  } else for (const id of ['restore', 'purge'] as const) checks.skip(id, `the plan ends at finish: ${plan.finish}`);
  await fillWith({ samples: !empties, rest: true });
  tell(`filled the legacy stores with ${filled.objects} objects, ${formatBytes(filled.bytes)} (seed ${stage.seed})`);

  const disturbed = await disturbedAct(stage, scenario, options.kills ?? scenario.kills);
  const last = await quietAct(stage);
  tell(
    `${disturbed.kills} runs killed, ${disturbed.restarts} restarts, ${log.lateCount()} writes by others; the last run ended with exit code ${last.code}`,
  );
  await verifyAct(stage);
  if (options.sabotage === 'altered-copy') await alterOneCopy(stage);
  let compared = await compareAll(stage, false);
  if (empties) {
    await purgeAct(stage);
    compared = await compareAll(stage, true);
  }
  const strangers = await findStrangers(stage);
  await scanAct(stage);
  await secretsAct(stage, await evidenceAct(stage));
  tellWhat(stage, compared, strangers, disturbed);
  const all = checks.all;
  const failed = all.filter(({ state }) => state === 'failed');
  return {
    verdict: failed.length === 0 ? 'pass' : 'fail',
    scenario: options.scenario,
    seed: stage.seed,
    population: options.model.from,
    ...filled,
    kills: disturbed.kills,
    restarts: disturbed.restarts,
    lateWrites: log.lateCount(),
    faults: faultsOf(stage.standIns),
    exitCode: last.code,
    checks: all,
    leftOut: notRehearsed(plan),
    problems: failed.flatMap(({ id, problems }) => problems.map((problem) => `${id}: ${problem}`)),
  };
}

/** What each comparison covered. */
function tellWhat({ checks, log }: Stage, compared: Compared, strangers: number, { moments }: Disturbed): void {
  checks.looked(
    'rule-1',
    `${compared.objects} objects at the end; ${moments.objects} looked at in ${moments.moments} moments after kills`,
  );
  if (moments.moments > 0)
    checks.looked('rule-3', `${moments.rows} entries compared in ${moments.moments} moments after kills`);
  else checks.skip('rule-3', 'no run was killed, so that nothing could be seen between two steps');
  checks.looked('rule-4', `${log.foreigners().length + log.count('planted')} objects that the centres held before`);
  checks.looked('copies', `${compared.objects} objects`);
  checks.looked('sources', `${compared.tombstones} tombstones`);
  checks.looked('strangers', `${strangers} objects at the centres`);
  if (compared.excluded > 0) checks.looked('excluded', `${compared.excluded} objects`);
  else checks.skip('excluded', 'the plan excludes nothing that could be made up');
  if (compared.late > 0)
    checks.looked('late-writes', `${log.lateCount()} writes and deletes of ${compared.late} objects`);
  else checks.skip('late-writes', 'nobody else wrote');
}

/** The plan with its stand-ins, twice: once as it holds, and once with its hold over at once. */
async function copies(
  plan: Plan,
  standIns: StandIns,
  { model, seed }: RehearsalOptions,
): Promise<{ readonly files: Stage['files']; readonly copy: Plan }> {
  const { dir, stores } = standIns;
  const manifests = await writeManifests(plan, model, seed, dir);
  const write = async (name: string, holdMs: number): Promise<string> => {
    const file = join(dir, name);
    await writeFile(file, JSON.stringify(copyOfPlan(plan, { stores, manifests, holdMs }), undefined, 2));
    return file;
  };
  const files = {
    holds: await write('plan.json', Math.max(SHORTEST_HOLD_MS, plan.tombstone.holdMs)),
    over: await write('plan-hold-over.json', 0),
  };
  const loaded = await loadPlan(files.over, { ...process.env, ...standIns.env });
  if (!loaded.ok)
    throw new Error(`the plan's copy does not load: ${loaded.problems.map(({ message }) => message).join('; ')}`);
  return { files, copy: loaded.plan };
}

function faultsOf({ servers }: StandIns): Partial<Record<FaultKind, number>> {
  const all: Partial<Record<FaultKind, number>> = {};
  for (const { proxy } of servers) for (const [kind, times] of proxy.done) all[kind] = (all[kind] ?? 0) + times;
  return all;
}
