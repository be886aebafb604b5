import { readLeaf } from '../evidence/leaf.ts';
import type { ObjectLeaf } from '../evidence/object-leaf.ts';
import type { RecoveryNotes } from '../ledger/recovery-notes.ts';
import type { ObjectChange, ObjectRow } from '../ledger/rows.ts';
import { type Outcome, type StepContext, unresolved } from '../migration/context.ts';
import { partitionMovesHistory } from '../migration/history.ts';
import type { MarkerText } from '../migration/marker.ts';
import { proveCopy } from '../migration/recover.ts';
import { inParallel, type RecoverWork, settle } from './recover.ts';

/** Objects that only the evidence of the lost ledger tells of. */
export interface ToldCount {
  /** Nothing is at the source any more, and the copy is proven. */
  purged: number;
  /** Undone by a restore, which is final. */
  restored: number;
  /** Tombstoned or purged, and what should be there is not. */
  missing: number;
}

/** Outcomes that neither source nor centre shows. */
export const TOLD: ReadonlySet<string> = new Set(['tombstoned', 'purged', 'restored']);

/** Where the evidence tells something else of an object than its tombstone. */
export function contradicted(
  notes: RecoveryNotes,
  source: string,
  row: ObjectRow,
  marker: MarkerText,
): Outcome | undefined {
  const text = notes.leafOf(source, row.key);
  const leaf = text === undefined ? undefined : objectLeaf(text);
  if (leaf?.tombstone === undefined || leaf.outcome === 'restored') return undefined;
  const { at, holdUntil } = leaf.tombstone;
  const agrees =
    leaf.sha256 === marker.sha256 &&
    leaf.size === marker.size &&
    Date.parse(at) === Date.parse(marker.tombstonedAt) &&
    Date.parse(holdUntil) === Date.parse(marker.holdUntil);
  if (agrees) return undefined;
  return unresolved('failed', 'its tombstone tells something else than the evidence: look who wrote it');
}

/** Records what the evidence of the lost ledger tells beyond what is to be seen. The copy of what was purged is proven again. */
export async function recoverTold(work: RecoverWork): Promise<ToldCount> {
  const { ledger, notes, context } = work;
  const count: ToldCount = { purged: 0, restored: 0, missing: 0 };
  await inParallel(work, notes.leaves(), async ({ source, key, text }) => {
    const leaf = objectLeaf(text);
    const partition = context.plan.partitions.find(({ name, from }) => name === leaf.partition && from === source);
    // The plan routes it in another way by now.
    if (partition === undefined || partitionMovesHistory(context.plan, leaf.partition)) return;
    let row = ledger.queries.byKey(source, key);
    if (row?.partition !== undefined && row.partition !== leaf.partition) return;
    if (leaf.outcome === 'restored') {
      if (row?.state === 'planned') await settle(ledger, row, { to: 'restored', change: factsIn(leaf) });
      if (row !== undefined) count.restored += 1;
      return;
    }
    if (row === undefined) {
      ledger.inventory.add(source, [{ partition: leaf.partition, key, size: leaf.size, revision: '' }]);
      row = ledger.queries.byKey(source, key);
      if (row === undefined) throw new Error('an object that was added is not in the ledger');
    }
    // Written by someone since, or done by an attempt before this.
    const isNew = row.revision === '' && row.state === 'planned';
    const isLeft = leaf.outcome === 'purged' && row.state === 'tombstoned' && row.sha256 === leaf.sha256;
    if (isNew || isLeft) await settle(ledger, row, await outcomeOf(context, row, leaf));
    const { state } = ledger.queries.byId(row.id);
    if (state === 'purged') count.purged += 1;
    else if (isNew) count.missing += 1;
  });
  return count;
}

/** Of an object that its source does not show any more, or whose marker a purge has left. */
async function outcomeOf(context: StepContext, row: ObjectRow, leaf: ObjectLeaf): Promise<Outcome> {
  if (row.state === 'tombstoned') return { to: 'purged', change: { ...purgeIn(leaf) } };
  if (leaf.outcome === 'tombstoned') return unresolved('failed', UNMARKED);
  const { outcome, attributes } = await proveCopy(context, { ...row, size: leaf.size, sha256: leaf.sha256 });
  const change = { ...factsIn(leaf), ...outcome.change, attributes, ...purgeIn(leaf) };
  if (outcome.to === 'verified') return { to: 'purged', change };
  return unresolved(
    'failed',
    `the evidence says that it was purged, and its copy is not proven: ${outcome.change.reason}`,
  );
}

const UNMARKED =
  'the evidence says that it was tombstoned, and nothing is at the source: find out who removed its tombstone, and what it hid';

function factsIn({ size, sha256, tombstone, verified }: ObjectLeaf): ObjectChange {
  return {
    size,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(verified && {
      verified: { at: Date.parse(verified.at), how: verified.how === 'attested' ? 'attested' : 'readback' },
    }),
    ...(tombstone && {
      tombstone: { revision: '', at: Date.parse(tombstone.at), holdUntil: Date.parse(tombstone.holdUntil) },
    }),
  };
}

function purgeIn({ purge }: ObjectLeaf): ObjectChange {
  if (purge === undefined) return {};
  const { at, marker, markers, uploads, versions } = purge;
  return { purge: { at: Date.parse(at), marker: marker === 'left' ? 'left' : 'removed', markers, uploads, versions } };
}

function objectLeaf(text: string): ObjectLeaf {
  const leaf = readLeaf(text);
  if (leaf.type !== 'object') throw new Error('what was noted of the evidence is no leaf of an object');
  return leaf;
}
