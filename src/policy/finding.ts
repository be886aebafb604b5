import type { Plan } from '../plan/types.ts';

/** One verdict on a plan. An `error` refuses every command that would act on it; a `warning` is told. */
export interface Finding {
  /** Id of the rule, or of the kind of finding. */
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  /** Path in the plan: `stores.hamar.jurisdiction`. */
  readonly subject: string;
  readonly message: string;
}

/** What a rule's check found wrong: the rule's own `mend` follows it in the message. */
export interface Breach {
  readonly severity: 'error' | 'warning';
  /** Path in the plan. */
  readonly subject: string;
  /** What is wrong, without how to mend it. */
  readonly what: string;
  /** How to mend this one, where it is not what the rule says. */
  readonly mend?: string;
}

/** What a check is given. */
export interface Case {
  readonly plan: Plan;
  /** The countries of the plan's zone on the day of the check. */
  readonly zone: ReadonlySet<string>;
  /** The zone as the plan has it, for messages: `[EEA, CH]`. */
  readonly zoneText: string;
}

/** A residency rule. Ids are for good: one that is given up is never used again. */
export interface Rule {
  readonly id: string;
  /** What has to hold. */
  readonly title: string;
  readonly reason: string;
  readonly doesNotCover: string;
  /** What an operator can do about a breach. */
  readonly mend: string;
  readonly check: (subject: Case) => readonly Breach[];
}

export function refusal(subject: string, what: string): Breach {
  return { severity: 'error', subject, what };
}
