import { userInfo } from 'node:os';
import type { Plan } from '../plan/types.ts';
import type { Io } from './io.ts';

/** As long as a name in a plan may be. */
const LONGEST = 128;

/** Who runs ferry: by the plan, else by the environment (`FERRY_OPERATOR`), else by the operating system. */
export function operatorOf(plan: Plan, env: Io['env']): string {
  return plan.runner?.operator ?? ((env['FERRY_OPERATOR'] ?? '').slice(0, LONGEST) || osUser());
}

function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as in some containers.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
