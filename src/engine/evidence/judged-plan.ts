import type { Json } from '../../base/canonical.ts';
import { digestOf } from '../../base/digest.ts';
import type { Destination } from '../../base/egress.ts';
import type { LeafOf } from '../../evidence/leaf.ts';
import { resolvePlan } from '../../plan/resolve.ts';
import { planSchema } from '../../plan/schema/plan.ts';
import type { Plan } from '../../plan/types.ts';
import { judgeResidency } from '../../policy/residency.ts';
import { credentialDestinations, destinationsOf } from '../../store/s3/hosts.ts';

/** A plan that a leaf tells, as this ferry reads it. */
export interface JudgedPlan {
  readonly plan: Plan;
  readonly digest: string;
  /** Where connections of each store may go; of nobody's under `undefined`. */
  readonly destinations: ReadonlyMap<string | undefined, readonly Destination[]>;
}

/**
 * Reads the plan of a leaf and judges it again.
 *
 * @param day for memberships of zones, `YYYY-MM-DD`.
 * @throws Error where it is not the one of its digest, no plan at all, or refused.
 */
export function judgePlan(leaf: LeafOf<'plan'>, day: string): JudgedPlan {
  if (digestOf(leaf.document as Json) !== leaf.digest)
    throw new Error('the plan is not the one of the digest that it tells');
  const read = planSchema.safeParse(leaf.document);
  if (!read.success || read.data.name !== leaf.name)
    throw new Error('what it tells is no plan that this ferry can read');
  // Paths mean nothing here.
  const plan = resolvePlan(read.data, '/plan.yaml', '/');
  const refused = judgeResidency(plan, day).find(({ severity }) => severity === 'error');
  if (refused !== undefined) throw new Error(`the plan is refused: ${refused.rule}: ${refused.message}`);
  const told = leaf.findings.find(({ severity, rule }) => severity === 'error' && /^R\d/.test(rule));
  if (told !== undefined) throw new Error(`the plan was refused: ${told.rule}`);
  const destinations = new Map<string | undefined, readonly Destination[]>([[undefined, credentialDestinations(plan)]]);
  for (const spec of Object.values(plan.stores))
    if (spec.type === 's3') destinations.set(spec.name, destinationsOf(spec));
  return { plan, digest: leaf.digest, destinations };
}

/** Whether a connection went where a plan lets it go. */
export function allows(judged: JudgedPlan, store: string | undefined, host: string, port: number): boolean {
  return (judged.destinations.get(store) ?? []).some((to) => {
    const isHost = typeof to.host === 'string' ? to.host === host : to.host.test(host);
    return isHost && (to.port === 'any' || to.port === port);
  });
}
