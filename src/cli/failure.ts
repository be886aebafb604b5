import type { PlanProblem } from '../plan/types.ts';
import type { PlacedFinding } from './plan-file.ts';

/** A plan that no command can work with: every problem, or every residency finding that refuses it. */
export class PlanRejected extends Error {
  override readonly name = 'PlanRejected';
  readonly problems: readonly PlanProblem[];
  readonly findings: readonly PlacedFinding[];

  constructor(problems: readonly PlanProblem[], findings: readonly PlacedFinding[]) {
    super('the plan was rejected');
    this.problems = problems;
    this.findings = findings;
  }
}
