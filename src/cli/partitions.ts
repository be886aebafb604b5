import { FerryError } from '../base/errors.ts';
import { closest } from '../plan/closest.ts';
import type { Plan } from '../plan/types.ts';

/** Looks that the plan has all partitions that were asked for. @throws FerryError `usage`, with the name that was probably meant. */
export function requirePartitions(plan: Plan, asked: readonly string[] | undefined): void {
  const known = plan.partitions.map(({ name }) => name);
  for (const name of asked ?? []) {
    if (known.includes(name)) continue;
    const meant = closest(name, known);
    throw new FerryError({
      fault: 'usage',
      op: 'choose partitions',
      subject: `--partition ${name}`,
      why: 'the plan has no such partition',
      hint: `${meant === undefined ? '' : `did you mean ${meant}? `}it has ${known.join(', ')}`,
    });
  }
}
