import type { Io, Verdict } from '../io.ts';
import { checkPlan, findingLine, isRefused, problemLine } from '../plan-file.ts';

/** `ferry validate PLAN`: schema and residency; no network, no ledger. */
export async function validate(file: string, io: Io): Promise<Verdict> {
  const { plan, problems, findings } = await checkPlan(file, io.env);
  const refused = isRefused(findings);
  io.document({ valid: plan !== undefined && !refused, errors: problems, findings });
  for (const problem of problems) io.tell(problemLine(problem));
  for (const finding of findings) io.tell(findingLine(finding));
  if (plan === undefined) return 'invalid';
  if (refused) return 'refused';
  io.print(`${plan.file}: valid; plan ${plan.name}, ${plan.partitions.length} partitions, ${plan.digest}`);
  return 'done';
}
