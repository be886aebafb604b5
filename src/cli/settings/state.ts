import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../../base/errors.ts';
import { stateDirOf } from '../../ledger/state-dir.ts';
import type { Plan } from '../../plan/types.ts';
import type { GlobalOptions } from '../io.ts';

/**
 * Where the state of a plan is: `--state`, else in the settings' `stateParent`, else beside the plan.
 *
 * @throws FerryError `usage` where a ledger is beside the plan and none in `stateParent`: without it, what was done would be forgotten.
 */
export function stateDirUnder({ file, name }: Plan, { state, settings }: GlobalOptions): string {
  const beside = stateDirOf(file, name, state);
  if (state !== undefined || settings?.stateParent === undefined) return beside;
  const chosen = join(settings.stateParent, name);
  if (chosen === beside || existsSync(join(chosen, 'ledger.db')) || !existsSync(join(beside, 'ledger.db')))
    return chosen;
  throw new FerryError({
    fault: 'usage',
    op: 'choose the state directory',
    subject: chosen,
    why: `this plan has a ledger in ${beside}, and stateParent leads elsewhere`,
    hint: `move ${beside} to ${chosen}, or say which one is meant with --state`,
  });
}
