import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Destination } from '../../base/egress.ts';
import { FerryError, messageOf } from '../../base/errors.ts';
import type { Plan } from '../../plan/types.ts';
import { formatBytes } from '../../plan/units.ts';
import type { Check } from '../../rehearsal/checks.ts';
import { junitXml } from '../../rehearsal/junit.ts';
import { modelOf } from '../../rehearsal/model.ts';
import { type RehearsalResult, rehearse } from '../../rehearsal/rehearse.ts';
import type { ScenarioName } from '../../rehearsal/scenario.ts';
import type { SizeMix } from '../../rehearsal/sizes.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { openPlan } from '../session.ts';

const LOOPBACK: readonly Destination[] = ['127.0.0.1', '::1', 'localhost'].map((host) => ({
  host,
  port: 'any',
  loopback: true,
}));

export interface RehearseOptions extends GlobalOptions {
  readonly scenario: ScenarioName;
  readonly users: string;
  readonly objects?: string;
  readonly sizes?: SizeMix;
  readonly sealed?: string;
  readonly kills?: string;
  readonly seed?: string;
  readonly junit?: string;
  /** For tests of the rehearsal itself. */
  readonly sabotage?: 'altered-copy';
}

const MOST_USERS = 100_000;
const MOST_OBJECTS = 1_000_000;
const MOST_KILLS = 10_000;

/** `ferry rehearse PLAN`: the plan on throw-away stores, disturbed and killed, checked byte for byte. Touches no store of the plan. */
export async function rehearseCommand(file: string, options: RehearseOptions, io: Io): Promise<Verdict> {
  const { plan, stateDir } = await openPlan(file, options, io);
  const { users, objects, kills, seed } = {
    users: whole('--users', options.users, 1, MOST_USERS),
    objects: options.objects === undefined ? undefined : whole('--objects', options.objects, 1, MOST_OBJECTS),
    kills: options.kills === undefined ? undefined : whole('--kills', options.kills, 0, MOST_KILLS),
    seed: options.seed === undefined ? randomInt(2 ** 31) : whole('--seed', options.seed, 0, 2 ** 31),
  };
  const model = modelOf(plan, { users, objects, sizes: options.sizes, sealed: options.sealed, stateDir });
  // Its servers are throw-away ones on free ports.
  io.egress.allow(undefined, LOOPBACK);
  const started = Date.now();
  const { scenario, sabotage } = options;
  const result = await rehearse(plan, {
    scenario,
    model,
    kills,
    seed,
    stateDir,
    sabotage,
    tell: io.tell,
    signal: io.stop,
  });
  const seconds = (Date.now() - started) / 1_000;
  if (options.junit !== undefined) await writeJunit(options.junit, plan, result, seconds, new Date(started));
  io.document({ plan: plan.name, ...result, seconds });
  io.print(render(plan, result));
  return result.verdict === 'pass' ? 'done' : 'integrity';
}

function render(plan: Plan, result: RehearsalResult): string {
  const { objects, bytes, kills, restarts, lateWrites, faults, seed, scenario } = result;
  const made = Object.values(faults).reduce((sum, times) => sum + times, 0);
  const facts = [
    `scenario ${scenario}`,
    `${objects} objects`,
    formatBytes(bytes),
    `${kills} kills`,
    ...(restarts > 0 ? [`${restarts} restarts`] : []),
    ...(made > 0 ? [`${made} faults`] : []),
    ...(lateWrites > 0 ? [`${lateWrites} late writes`] : []),
    `seed ${seed}`,
  ];
  return [
    ...result.checks.flatMap(line),
    '',
    ...result.leftOut.map((what) => `not rehearsed: ${what}`),
    `sizes and shares are from: ${result.population}`,
    `rehearsal of ${plan.name}: ${result.verdict} (${facts.join(', ')})`,
  ].join('\n');
}

const SIGNS: Readonly<Record<Check['state'], string>> = { passed: 'ok    ', failed: 'FAILED', skipped: '-     ' };

function line({ id, title, state, problems, broken, facts }: Check): string[] {
  const more = broken > problems.length ? [`         … and ${broken - problems.length} more`] : [];
  const said = facts === undefined ? '' : ` (${facts})`;
  return [`${SIGNS[state]}  ${id}: ${title}${said}`, ...problems.map((problem) => `         ${problem}`), ...more];
}

async function writeJunit(file: string, plan: Plan, result: RehearsalResult, seconds: number, at: Date): Promise<void> {
  const { checks, scenario, seed, objects, bytes, kills, population } = result;
  const properties = { scenario, seed, objects, bytes, kills, population };
  try {
    await writeFile(file, junitXml({ name: plan.name, seconds, at: at.toISOString(), properties, checks }));
  } catch (error) {
    throw new FerryError({
      fault: 'usage',
      op: 'write the JUnit report',
      subject: file,
      why: messageOf(error),
      hint: `name a file in a folder that you may write; the rehearsal itself ended with: ${result.verdict}`,
      cause: error,
    });
  }
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new FerryError({
    fault: 'usage',
    op: 'rehearse',
    subject: `${option} ${text}`,
    why: `it is no whole number from ${least} to ${most}`,
    hint: 'give a whole number',
  });
}
