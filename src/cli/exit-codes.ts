import type { Fault } from '../base/errors.ts';
import type { Verdict } from './io.ts';

export interface ExitCode {
  readonly code: number;
  readonly means: string;
  readonly next: string;
  /** Errors that end with it … */
  readonly faults: readonly Fault[];
  /** … and commands that came to their end. */
  readonly verdicts: readonly Verdict[];
}

/** The contract's exit codes: what `main.ts` ends with, `ferry explain` tells, and docs/reference.md is made of. */
export const EXIT_CODES: readonly ExitCode[] = [
  {
    code: 0,
    means: 'all that was asked is done',
    next: 'nothing',
    faults: [],
    verdicts: ['done'],
  },
  {
    code: 1,
    means: 'a fault of ferry’s own',
    next: 'report it with what it said; no object is lost by it, and the command can be run again',
    faults: [],
    verdicts: ['fault'],
  },
  {
    code: 2,
    means: 'wrong usage, or a plan that does not validate',
    next: 'mend what the message names; nothing was changed',
    faults: ['usage'],
    verdicts: ['invalid'],
  },
  {
    code: 3,
    means: 'refused: residency, unassigned objects, missing approvals, or a store that cannot be emptied safely',
    next: 'change the plan, get the approvals, or use another store, as the message says; never force it',
    faults: ['refused'],
    verdicts: ['refused'],
  },
  {
    code: 4,
    means: 'finished, but some objects need a person; each is listed, nothing is lost',
    next: 'look at each listed object (`ferry explain` tells its state), mend what is behind it, and run again',
    faults: [],
    verdicts: ['unresolved'],
  },
  {
    code: 5,
    means: 'integrity: a digest, the ledger or the evidence does not agree',
    next: 'stop, keep ledger and logs as they are, and find out who changed what before anything else runs',
    faults: ['integrity'],
    verdicts: ['integrity'],
  },
  {
    code: 75,
    means: 'a store could not be reached, or another process holds the state',
    next: 'run again later; it goes on where it was',
    faults: ['unreachable'],
    verdicts: ['unreachable'],
  },
  {
    code: 130,
    means: 'interrupted',
    next: 'run again to go on',
    faults: ['interrupted'],
    verdicts: [],
  },
];

export function codeOfFault(fault: Fault): number {
  return codeWhere(({ faults }) => faults.includes(fault));
}

export function codeOfVerdict(verdict: Verdict): number {
  return codeWhere(({ verdicts }) => verdicts.includes(verdict));
}

function codeWhere(test: (code: ExitCode) => boolean): number {
  // What no row names is a fault of the table, and so of ferry's own.
  return EXIT_CODES.find(test)?.code ?? 1;
}
