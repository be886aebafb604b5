import type { VersionRecord } from '../ledger/history-book.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { Plan } from '../plan/types.ts';
import type { Store } from '../store/store.ts';
import type { Version } from '../store/versions.ts';
import { endsOf, type StepContext } from './context.ts';

/** Whether the object moves with its whole history: the plan says so, and its source keeps one. */
export function movesHistory(context: StepContext, row: ObjectRow): boolean {
  return partitionMovesHistory(context.plan, row.partition) && endsOf(context, row).source.versions !== undefined;
}

/** Whether a source has to be listed with the histories of its keys. */
export function listsHistories(plan: Plan, source: Store): boolean {
  return (
    source.versions !== undefined &&
    plan.partitions.some(({ from, versions }) => from === source.name && versions === 'all')
  );
}

export function partitionMovesHistory(plan: Plan, partition: string): boolean {
  return plan.partitions.some(({ name, versions }) => name === partition && versions === 'all');
}

/**
 * What a ledger row has as revision of an object with its history: any write adds a version with an id of its own, and the version
 * `null`, whose id stays, has another ETag after it.
 */
export function historyRevision({
  version,
  revision,
}: {
  readonly version: string;
  readonly revision: string;
}): string {
  return `${version}/${revision}`;
}

/**
 * The states of a source's history that are not copied yet, oldest first; `undefined` where the history is no continuation of what was
 * copied of it. States that have gone from the source since are at the centre, and take nothing away.
 */
export function freshOf(history: readonly Version[], known: readonly VersionRecord[]): readonly Version[] | undefined {
  let at = 0;
  for (const [index, state] of history.entries()) {
    const next = known.findIndex((record, position) => position >= at && isSame(record, state));
    if (next < 0) {
      const rest = history.slice(index);
      return rest.some((later) => known.some((record) => isSame(record, later))) ? undefined : rest;
    }
    at = next + 1;
  }
  return [];
}

function isSame(record: VersionRecord, state: Version): boolean {
  return record.sourceVersion === state.version && record.marker === state.marker && record.revision === state.revision;
}

/** Whether the centre's history is exactly what was copied, nothing between, nothing on top. */
export function isWhole(there: readonly Version[], records: readonly VersionRecord[]): boolean {
  const expected = records.flatMap(({ centreVersion }) => centreVersion ?? []);
  return expected.length === there.length && there.every(({ version }, index) => version === expected[index]);
}
