import type { VersionRecord } from '../ledger/history-book.ts';
import { isUnresolved } from '../ledger/lifecycle.ts';
import { holdEnd, type ObjectRow } from '../ledger/rows.ts';
import type { PartitionSpec, Plan } from '../plan/types.ts';
import { isStagedKey } from '../store/s3/staged-key.ts';
import type { Store } from '../store/store.ts';
import { historyRevision } from './history.ts';

/** One state of a key at a source, however it was listed. */
export interface SeenState {
  readonly key: string;
  /** Only where the store keeps histories. */
  readonly version?: string;
  readonly latest: boolean;
  /** A delete marker. */
  readonly marker: boolean;
  readonly size: number;
  readonly revision: string;
  readonly unusable?: string;
}

/** Bytes that a tombstone keeps in a bucket have keys of ferry's own. */
export function isKeptKey(store: Pick<Store, 'kind'>, key: string): boolean {
  return store.kind === 's3' && isStagedKey(key);
}

/** What is known of the key of a state. */
export interface Known {
  readonly row: ObjectRow | undefined;
  /** The states that moved, where whole histories do. */
  readonly records: readonly VersionRecord[];
  readonly partition: PartitionSpec | undefined;
  /** Whether the ledger holds the whole inventory of the source. */
  readonly inventoried: boolean;
}

export interface Why {
  readonly reason: string;
  /** It came, or was written, after the inventory. */
  readonly late: boolean;
}

/** How the ledger names a state of a key: with its version where whole histories move. */
export function revisionIn({ partition }: Known, { version, revision }: SeenState): string {
  return partition?.versions === 'all' && version !== undefined ? historyRevision({ version, revision }) : revision;
}

/** Why a current object is still there. */
export function whyObject(plan: Plan, known: Known, state: SeenState): Why {
  const { row, partition, inventoried } = known;
  const fresh = (reason: string): Why => ({ reason, late: false });
  const late = (reason: string): Why => ({ reason, late: true });
  if (state.unusable !== undefined) return fresh(`it cannot be moved: ${state.unusable}`);
  if (row === undefined) {
    if (inventoried) return late('it appeared after the inventory; a new run takes it');
    return fresh('not yet moved: it is not in the ledger');
  }
  const here = revisionIn(known, state);
  const isSame = here === row.revision;
  const to = partition?.to ?? 'its centre';
  if (isUnresolved(row.state)) {
    const told = `${row.state}: ${row.reason ?? 'see `ferry status`'}`;
    return isSame || here === row.tombstone?.revision ? fresh(told) : late(told);
  }
  switch (row.state) {
    case 'planned':
      return isSame ? fresh('planned, not yet moved') : late('written after the inventory; a new run takes it');
    case 'copied':
      return isSame ? fresh(`copied to ${to}, not yet verified`) : late(WRITTEN);
    case 'verified':
      return isSame ? fresh(verified(plan, to)) : late(WRITTEN);
    case 'restored':
      return fresh('restored: a run leaves it alone');
    case 'purged':
      return late('written again after its purge; a new run lists it as a conflict');
    default:
      return late('written again after its tombstone; a new run lists it as a conflict');
  }
}

const WRITTEN = 'written after its copy; a new run lists it as a conflict';

function verified(plan: Plan, to: string): string {
  const where = `verified at ${to}`;
  return plan.finish === 'tombstoned' ? `${where}, not yet tombstoned` : `${where}; finish: ${plan.finish} leaves it`;
}

/** Why an older version is still there. */
export function whyVersion(known: Known, state: SeenState, now: number): string {
  const { row, records, partition } = known;
  const moved = isMoved(records, state);
  const { tombstone } = row ?? {};
  if (tombstone !== undefined && (moved || tombstone.kept === state.version)) return heldBy(row, tombstone, now);
  const to = partition?.to ?? 'its centre';
  if (moved) return `older version, copied to ${to}, not yet tombstoned`;
  if (partition?.versions === 'all') {
    return row === undefined
      ? 'older version of a key that is not in the ledger; a run takes it'
      : 'older version that is not yet copied';
  }
  return 'older version that was never copied (versions: current)';
}

/** Whether a state of a history was copied with it. */
export function isMoved(records: readonly VersionRecord[], { version, revision }: SeenState): boolean {
  return records.some((record) => record.sourceVersion === version && record.revision === revision);
}

/** Why bytes that a tombstone keeps are still there. */
export function heldBy(row: ObjectRow | undefined, tombstone: Parameters<typeof holdEnd>[0], now: number): string {
  const end = holdEnd(tombstone);
  const until = new Date(end).toISOString();
  switch (row?.state) {
    case 'tombstoned':
      return end > now
        ? `kept for restore until ${until}`
        : `kept by its tombstone, whose hold ended at ${until}: it may be purged`;
    case 'purged':
      return 'the ledger has it as purged, but it is there';
    default:
      return `kept by a tombstone that no longer stands (${row?.state})`;
  }
}
