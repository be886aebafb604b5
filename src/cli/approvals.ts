import { systemClock } from '../base/clock.ts';
import { FerryError } from '../base/errors.ts';
import { readSmallFile, whyUnreadable } from '../base/private-file.ts';
import { Authority, requireSealed } from '../engine/authority.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Plan } from '../plan/types.ts';
import type { Approvable } from '../policy/approvals.ts';
import { parseSealed, type SealedPlan } from '../policy/sealed-plan.ts';
import type { Io } from './io.ts';
import { operatorOf } from './operator.ts';

/** What `run` and `purge` take. */
export interface ApprovalOptions {
  readonly sealed?: string;
  readonly approval?: readonly string[];
}

/** Larger than a plan may be, several times over. */
const LONGEST_SEALED = 32 * 1024 * 1024;

const LONGEST_APPROVAL = 64 * 1024;

/** @throws FerryError as `parseSealed` does, and `usage` for a file that cannot be read. */
export function readSealed(file: string): SealedPlan {
  return parseSealed(readText(file, LONGEST_SEALED, 'read the sealed plan'), file);
}

/**
 * Reads what a call was given, before it touches anything.
 *
 * @returns what opens the authority once the ledger is there.
 * @throws FerryError `usage` for files that cannot be read; `refused` where the plan is not the one that was sealed.
 */
export function readAuthority(
  plan: Plan,
  options: ApprovalOptions,
  what: Approvable | undefined,
  io: Io,
): (ledger: Ledger) => Authority | undefined {
  const sealed = options.sealed === undefined ? undefined : readSealed(options.sealed);
  if (sealed !== undefined) requireSealed(plan, sealed);
  const approvals = (options.approval ?? []).map((from) => ({
    from,
    text: readText(from, LONGEST_APPROVAL, 'read the approval'),
  }));
  return (ledger) => {
    const operator = operatorOf(plan, io.env);
    const authority = Authority.open({ plan, ledger, clock: systemClock, operator, sealed, approvals, what });
    for (const { from, why } of authority?.rejected ?? []) io.tell(`warning: ${from} does not count: ${why}`);
    return authority;
  };
}

/** What needs approvals: nothing, where the plan asks for none. */
export function needsApproval(plan: Plan, what: Approvable): Approvable | undefined {
  return plan.tombstone.approvals > 0 ? what : undefined;
}

function readText(file: string, most: number, op: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readSmallFile(file, most, () => false));
  } catch (error) {
    const isCode = error instanceof TypeError;
    const why = isCode ? 'it is not UTF-8 text' : whyUnreadable(error);
    throw new FerryError({ fault: 'usage', op, subject: file, why, hint: 'see that the path is right', cause: error });
  }
}
