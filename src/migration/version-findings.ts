import { FerryError } from '../base/errors.ts';
import type { Plan } from '../plan/types.ts';
import type { Store } from '../store/store.ts';

export interface VersionFinding {
  readonly rule: 'versions' | 'history';
  readonly severity: 'warning' | 'error';
  readonly subject: string;
  readonly message: string;
}

/**
 * What there is to say of histories before a byte moves: a centre that could not keep one (`versions`), and older versions that the plan
 * leaves where they are (`history`).
 */
export function versionFindings(plan: Plan, stores: ReadonlyMap<string, Store>): VersionFinding[] {
  return plan.partitions.flatMap(({ name, from, to, versions }, index): VersionFinding[] => {
    const kept = stores.get(from)?.versions;
    if (kept === undefined) return [];
    const subject = `partitions[${index}].versions`;
    if (versions === 'current') {
      const message = `${from} keeps older versions of its objects (versioning is ${kept.state}); ${name} leaves them there: say versions: all to move them too`;
      return [{ rule: 'history', severity: 'warning', subject, message }];
    }
    if (stores.get(to)?.versions?.state === 'enabled') return [];
    const message = `${name} moves all versions, and ${to} keeps none: enable versioning there, or say versions: current`;
    return [{ rule: 'versions', severity: 'error', subject, message }];
  });
}

/** @throws FerryError `refused` where a history would be flattened. */
export function requireVersions(plan: Plan, stores: ReadonlyMap<string, Store>): void {
  const refused = versionFindings(plan, stores).find(({ severity }) => severity === 'error');
  if (refused === undefined) return;
  throw new FerryError({
    fault: 'refused',
    op: 'run the plan',
    subject: refused.subject,
    why: refused.message,
    hint: 'nothing was copied',
  });
}
