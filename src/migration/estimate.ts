import type { Plan } from '../plan/types.ts';

/** What a run is taken to do where the plan sets no limit: stated so that an operator can correct it, not measured. */
const ASSUMED = { bytesPerSecond: 50 * 1024 * 1024, secondsPerRequest: 0.02 };

/**
 * About how long a run takes, in whole seconds: the longer of what the bytes and what the requests take. Each object costs a read, a
 * write, a read back and, for tombstones, four requests at the source and the centre.
 */
export function estimateSeconds(plan: Plan, toMove: { readonly objects: number; readonly bytes: number }): number {
  const passes = plan.verify === 'readback' ? 2 : 1;
  const rate = plan.limits.bandwidth ?? ASSUMED.bytesPerSecond;
  const requests = toMove.objects * (plan.finish === 'tombstoned' ? 7 : 3);
  const perSecond = Math.min(
    plan.limits.requests ?? Number.POSITIVE_INFINITY,
    plan.limits.concurrency / ASSUMED.secondsPerRequest,
  );
  return Math.ceil(Math.max((toMove.bytes * passes) / rate, requests / perSecond));
}
