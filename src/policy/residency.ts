import type { Plan } from '../plan/types.ts';
import type { Finding } from './finding.ts';
import { RULES } from './rules.ts';
import { countriesOf, today } from './zone.ts';

export type { Finding } from './finding.ts';

/**
 * What the plan's own declarations say about where its data may be and who may reach it. No network, no ledger.
 *
 * @param day the day on which built-in zones are looked at (`YYYY-MM-DD`), by default today.
 */
export function judgeResidency(plan: Plan, day: string = today()): readonly Finding[] {
  const zone = countriesOf(plan.residency.zone, day);
  const zoneText = `[${plan.residency.zone.join(', ')}]`;
  return RULES.flatMap(({ id, mend, check }) =>
    check({ plan, zone, zoneText }).map(({ severity, subject, what, mend: own }) => {
      const message = `${what}${own === undefined ? '; ' : ': '}${own ?? mend}`;
      return { rule: id, severity, subject, message };
    }),
  );
}
