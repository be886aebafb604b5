import type { Command } from 'commander';
import { FerryError } from '../../base/errors.ts';
import type { Environment } from '../../plan/expand.ts';
import { reportIssues } from '../../plan/issues.ts';
import { Places, Report } from '../../plan/report.ts';
import type { GlobalOptions } from '../io.ts';
import { readSettings } from './read.ts';
import { type Settings, settingsSchema, VARIABLES } from './schema.ts';

/** The options of a command, with what they leave out: first from the environment, then from the configuration. */
export function withSettings<T extends GlobalOptions>(command: Command, argument: string, env: Environment): T {
  const plan = command.registeredArguments[0]?.name() === 'plan' ? argument : undefined;
  const settings: Settings = { ...readSettings(plan, env), ...fromVariables(env) };
  const { logLevel, logFile, progress, color } = settings;
  const options = command.opts<T & { progress?: string }>();
  const given = (name: string): boolean => command.getOptionValueSource(name) === 'cli';
  return {
    ...options,
    ...(logLevel === undefined || given('logLevel') ? {} : { logLevel }),
    ...(logFile === undefined || given('logFile') ? {} : { logFile }),
    // Only of commands that have it.
    ...(progress === undefined || options.progress === undefined || given('progress') ? {} : { progress }),
    ...(color === undefined || given('color') ? {} : { color }),
    settings,
  };
}

/** An empty variable counts as none. @throws FerryError `usage` for one that the schema does not take. */
function fromVariables(env: Environment): Settings {
  const found: Record<string, string | number> = {};
  for (const [name, variable] of Object.entries(VARIABLES)) {
    const value = env[variable] ?? '';
    if (value !== '') found[name] = name === 'maxConcurrency' && /^\d{1,9}$/.test(value) ? Number(value) : value;
  }
  const result = settingsSchema.safeParse(found);
  if (result.success) return result.data;
  const report = new Report('', new Places());
  reportIssues(result.error.issues, found, new Places(), report);
  const [first] = report.problems;
  throw new FerryError({
    fault: 'usage',
    op: 'read the environment',
    subject: VARIABLES[first?.path as keyof typeof VARIABLES] ?? 'FERRY_…',
    why: first?.message ?? 'it does not validate',
    hint: 'mend the variable, or unset it',
  });
}
