import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { isSecretName } from '../../base/secrets.ts';
import type { Environment } from '../../plan/expand.ts';
import { convertExpanded, reportIssues } from '../../plan/issues.ts';
import { entriesOf } from '../../plan/path.ts';
import { MAX_PLAN_BYTES, readSource } from '../../plan/source.ts';
import type { PlanProblem } from '../../plan/types.ts';
import { PlanRejected } from '../failure.ts';
import { type Settings, settingsSchema } from './schema.ts';

const BESIDE = 'ferry.config.yaml';

/**
 * The configuration that holds: the one in `FERRY_CONFIG` (empty: none), else `ferry.config.yaml` beside the plan, else
 * `$XDG_CONFIG_HOME/ferry/config.yaml`. Only one is read.
 *
 * @param plan the plan file, where the command takes one.
 * @throws PlanRejected of kind `configuration`, with all that is wrong in it.
 */
export function readSettings(plan: string | undefined, env: Environment): Settings {
  const named = env['FERRY_CONFIG'];
  if (named === '') return {};
  if (named !== undefined) return read(resolve(named), env);
  const file = candidates(plan, env).find(isThere);
  return file === undefined ? {} : read(file, env);
}

/** https://specifications.freedesktop.org/basedir/latest/: a path that is not absolute is to be ignored. */
function candidates(plan: string | undefined, env: Environment): readonly string[] {
  const base = env['XDG_CONFIG_HOME'] ?? '';
  const beside = plan === undefined ? [] : [join(dirname(resolve(plan)), BESIDE)];
  return [...beside, join(isAbsolute(base) ? base : join(homedir(), '.config'), 'ferry', 'config.yaml')];
}

/** What is there and cannot be looked at is taken, so that reading it says why. */
function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOTDIR';
  }
}

function read(file: string, env: Environment): Settings {
  const { value, places, report } = readSource(textOf(file), file, env, 'configuration');
  if (value === undefined) throw rejected(report.problems);
  for (const [name] of entriesOf(value)) {
    if (isSecretName(name)) report.add([name], 'a secret cannot stand in the configuration', 'key');
  }
  let result = settingsSchema.safeParse(value);
  if (!result.success && convertExpanded(result.error.issues, value, places)) result = settingsSchema.safeParse(value);
  if (!result.success) reportIssues(result.error.issues, value, places, report);
  if (report.problems.length > 0 || !result.success) throw rejected(report.problems);
  const { logFile, stateParent, ...others } = result.data;
  const folder = dirname(file);
  return {
    ...others,
    ...(logFile === undefined ? {} : { logFile: resolve(folder, logFile) }),
    ...(stateParent === undefined ? {} : { stateParent: resolve(folder, stateParent) }),
  };
}

function textOf(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MAX_PLAN_BYTES) throw new Error('it is larger than 4 MiB');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    throw rejected([{ file, line: 1, column: 1, path: '', message: `cannot be read: ${messageOf(error)}` }]);
  }
}

function rejected(problems: readonly PlanProblem[]): PlanRejected {
  return new PlanRejected(problems, [], 'configuration');
}
