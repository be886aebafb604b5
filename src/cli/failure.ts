import type { Kind } from '../plan/source.ts';
import type { PlanProblem } from '../plan/types.ts';
import type { PlacedFinding } from './plan-file.ts';

/** A plan that no command can work with: every problem, or every residency finding that refuses it. Or a configuration, with its problems. */
export class PlanRejected extends Error {
  override readonly name = 'PlanRejected';
  readonly problems: readonly PlanProblem[];
  readonly findings: readonly PlacedFinding[];
  readonly kind: Kind;

  constructor(problems: readonly PlanProblem[], findings: readonly PlacedFinding[], kind: Kind = 'plan') {
    super(`the ${kind} was rejected`);
    this.problems = problems;
    this.findings = findings;
    this.kind = kind;
  }
}
