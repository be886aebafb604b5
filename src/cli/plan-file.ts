import { resolve } from 'node:path';
import { FerryError } from '../base/errors.ts';
import { loadPlan } from '../plan/load.ts';
import type { Plan, PlanProblem } from '../plan/types.ts';
import { judgeCredentials } from '../policy/credentials.ts';
import { type Finding, judgeResidency } from '../policy/residency.ts';

/** A residency finding with its place in the plan file. */
export interface PlacedFinding extends Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Checked =
  | { readonly plan: Plan; readonly problems: readonly []; readonly findings: readonly PlacedFinding[] }
  | { readonly plan: undefined; readonly problems: readonly PlanProblem[]; readonly findings: readonly [] };

/** Reads a plan and judges its residency; touches no store. */
export async function checkPlan(file: string, env: Readonly<Record<string, string | undefined>>): Promise<Checked> {
  const result = await loadPlan(resolve(file), env);
  if (!result.ok) return { plan: undefined, problems: result.problems, findings: [] };
  const judged = [...judgeResidency(result.plan), ...judgeCredentials(result.plan)];
  const findings = judged.map((finding) => ({ ...finding, ...result.locate(finding.subject) }));
  return { plan: result.plan, problems: [], findings };
}

/** An error about something in a plan, with the place where that stands. */
export async function placed(
  error: unknown,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<unknown> {
  if (!(error instanceof FerryError) || error.field === undefined) return error;
  const loaded = await loadPlan(resolve(file), env);
  if (!loaded.ok) return error;
  const { line, column } = loaded.locate(error.field);
  const { fault, op, subject, why, hint, field } = error;
  return new FerryError({
    fault,
    op,
    subject: `${subject} (${file}:${line}:${column})`,
    why,
    hint,
    field,
    cause: error,
  });
}

export function isRefused(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity === 'error');
}

/** `plan.yaml:12:7: partitions[1].to: …` */
export function problemLine(problem: PlanProblem): string {
  const path = problem.path === '' ? '' : `${problem.path}: `;
  return `${problem.file}:${problem.line}:${problem.column}: ${path}${problem.message}`;
}

export function findingLine(finding: PlacedFinding): string {
  const place = `${finding.file}:${finding.line}:${finding.column}`;
  return `${place}: ${finding.severity} ${finding.rule}: ${finding.subject}: ${finding.message}`;
}
