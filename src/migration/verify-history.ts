import type { VersionRecord } from '../ledger/history-book.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import { atVersion } from '../store/wrap/at-version.ts';
import { disagrees, endsOf, type Outcome, type StepContext } from './context.ts';
import { isWhole } from './history.ts';

/** Proves one object at a centre, seen as a store. */
type Prove = (row: ObjectRow, centre: ReturnType<typeof atVersion>) => Promise<Outcome>;

/**
 * Proves a key's whole history at the centre: the states are those that were copied, in order, with nothing between and nothing on top,
 * and each version's bytes and attributes are proven as those of a single object are.
 */
export async function verifyHistory(context: StepContext, row: ObjectRow, prove: Prove): Promise<Outcome> {
  const { centre } = endsOf(context, row);
  const records = context.history.of(row.id);
  const there = (await centre.versions?.of(row.key, { signal: context.signal })) ?? [];
  if (!isWhole(there, records)) {
    return disagrees(`the history at ${centre.name} is not the one that was copied: ${difference(there, records)}`);
  }
  for (const record of records) {
    if (record.marker || record.centreVersion === undefined) continue;
    const { sha256, composite, size, attributes } = record;
    const outcome = await prove(
      { ...row, size, sha256, composite, attributes },
      atVersion(centre, record.centreVersion),
    );
    if (outcome.to !== 'verified') return told(outcome, record, records.length);
  }
  const verified = { at: context.clock.now(), how: context.plan.verify };
  return { to: 'verified', change: { verified, reason: null, integrity: false } };
}

function difference(there: readonly { readonly version: string }[], records: readonly VersionRecord[]): string {
  const known = new Set(records.map(({ centreVersion }) => centreVersion));
  const others = there.filter(({ version }) => !known.has(version)).length;
  const found = new Set(there.map(({ version }) => version));
  const lost = records.filter(({ centreVersion }) => centreVersion !== undefined && !found.has(centreVersion)).length;
  if (others === 0 && lost === 0) return 'its order differs';
  return `${lost} states have vanished, ${others} are not ferry's`;
}

function told(outcome: Outcome, record: VersionRecord, of: number): Outcome {
  const reason = `version ${record.position} of ${of} (${record.sourceVersion} at the source): ${outcome.change.reason}`;
  return { ...outcome, change: { ...outcome.change, reason } };
}
