import { randomUUID } from 'node:crypto';
import { FerryError } from '../base/errors.ts';
import { sources } from '../plan/router.ts';
import type { Keep, Plan } from '../plan/types.ts';
import { type Store, StoreError } from '../store/store.ts';
import { partitionMovesHistory } from './history.ts';
import { PROBE_PREFIX } from './probe.ts';

export interface KeepFinding {
  readonly rule: 'keep';
  readonly severity: 'error';
  readonly subject: 'tombstone.keep';
  readonly message: string;
}

/** What keeps the old bytes of a source's objects: what the plan says, or else the safest that the source has. */
export function keepAt(plan: Plan, source: Store): Keep {
  return plan.tombstone.keep ?? safestAt(source);
}

/** What was done at a source before plans could say. */
export function safestAt(source: Store): Keep {
  if (source.kind !== 's3') return 'staged';
  return source.versions?.state === 'enabled' ? 'version' : 'centre';
}

/** Sources that cannot keep what they hide as the plan says. */
export function keepFindings(plan: Plan, stores: ReadonlyMap<string, Store>): KeepFinding[] {
  const { keep, without } = plan.tombstone;
  if (plan.finish !== 'tombstoned') return [];
  return sources(plan).flatMap((name): KeepFinding[] => {
    const source = stores.get(name);
    const message = source && ((keep && whyNot(plan, source, keep)) ?? (without && whyNotWithout(plan, source)));
    return message === undefined ? [] : [{ rule: 'keep', severity: 'error', subject: 'tombstone.keep', message }];
  });
}

/**
 * Makes sure, before the first tombstone, that each source can keep what it hides as the plan says, and that a marker that covers a
 * version can be looked at there.
 *
 * @throws FerryError `refused`.
 */
export async function requireKeep(plan: Plan, stores: ReadonlyMap<string, Store>, signal: AbortSignal): Promise<void> {
  const refused = keepFindings(plan, stores)[0];
  if (refused !== undefined) {
    throw new FerryError({
      fault: 'refused',
      op: 'empty the legacy store',
      subject: refused.subject,
      why: refused.message,
      hint: 'nothing was moved; change the plan or the bucket',
    });
  }
  for (const name of sources(plan)) await requireListing(name, stores.get(name), signal);
}

/** Afterwards it would be too late: the marker is there, and nothing tells what it covers. */
async function requireListing(name: string, source: Store | undefined, signal: AbortSignal): Promise<void> {
  if (source?.versions?.state !== 'enabled') return;
  try {
    await source.versions.of(PROBE_PREFIX + randomUUID(), { signal });
  } catch (error) {
    if (!(error instanceof StoreError) || error.passing) throw error;
    throw new FerryError({
      fault: 'refused',
      op: 'empty the legacy store',
      subject: name,
      why: `versioning is enabled, and versions cannot be listed, so that nothing would tell what a tombstone covers: ${error.why}`,
      hint: 'nothing was moved; allow s3:ListBucketVersions',
    });
  }
}

function whyNot(plan: Plan, source: Store, keep: Keep): string | undefined {
  const { name, kind, versions } = source;
  if (keep === 'version' && kind !== 's3') return `${name} keeps no versions: say keep: staged, or leave it out`;
  if (keep === 'version' && versions?.state !== 'enabled') {
    return `versioning is not enabled at ${name}, so that a tombstone would hide no version there: enable it, or say keep: staged`;
  }
  if (keep !== 'staged' || versions === undefined) return undefined;
  if (versions.state === 'enabled') {
    return `versioning is enabled at ${name}, which keeps the old bytes better than a copy put aside: say keep: version, or leave it out`;
  }
  const whole = plan.partitions.find(
    (partition) => partition.from === name && partitionMovesHistory(plan, partition.name),
  );
  if (whole === undefined) return undefined;
  return `${whole.name} moves all versions, of which only the newest could be put aside at ${name}: say keep: centre, or enable versioning and say keep: version`;
}

/** Without compare-and-swap a restore is safe only where it takes the marker's own version away. */
function whyNotWithout(plan: Plan, source: Store): string | undefined {
  if (source.kind !== 's3' || source.versions?.state !== 'enabled' || keepAt(plan, source) === 'version')
    return undefined;
  return `without: cas goes with keep: version alone: a restore to ${source.name} would else have to write over the marker without a condition`;
}
