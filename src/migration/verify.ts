import type { ObjectRow } from '../ledger/rows.ts';
import { type ObjectHead, type Store, StoreError } from '../store/store.ts';
import { digestOfObject } from './bytes.ts';
import { disagrees, endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { refusedDifference } from './fidelity.ts';
import { hiddenFromListings } from './hidden.ts';
import { movesHistory } from './history.ts';
import { verifyHistory } from './verify-history.ts';

/**
 * Proves the copy at the centre: `readback` reads every byte there again; `attested` takes the SHA-256 that the store itself
 * computed or checked, and leaves the object `unverifiable` where there is none. Attributes are compared either way. Changes nothing
 * in any store.
 */
export async function verify(context: StepContext, row: ObjectRow): Promise<Outcome> {
  try {
    if (movesHistory(context, row)) return await verifyHistory(context, row, (one, at) => prove(context, one, at));
    return await prove(context, row, endsOf(context, row).centre);
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    return disagrees('the copy has vanished from the centre');
  }
}

async function prove(context: StepContext, row: ObjectRow, centre: Store): Promise<Outcome> {
  if (row.sha256 === undefined) throw new Error(`object ${row.id} is to be verified but has no digest`);
  return context.plan.verify === 'readback'
    ? await readBack(context, row, centre)
    : await attested(context, row, centre);
}

async function readBack(context: StepContext, row: ObjectRow, centre: Store): Promise<Outcome> {
  const there = await digestOfObject(centre, row.key, { signal: context.signal });
  if (there.sha256 === row.sha256 && there.size === row.size) return await verified(context, row, there.head);
  return disagrees(
    `the centre gives back ${there.size} bytes with SHA-256 ${there.sha256}; ${row.size} with ${row.sha256} were copied`,
  );
}

async function attested(context: StepContext, row: ObjectRow, centre: Store): Promise<Outcome> {
  const head = await centre.head(row.key, { signal: context.signal });
  if (head === undefined) return disagrees('the copy has vanished from the centre');
  if (head.size !== row.size) return disagrees(`the centre has ${head.size} bytes; ${row.size} were copied`);
  if (head.sha256 === undefined && head.composite !== undefined && row.composite !== undefined) {
    if (head.composite === row.composite) return await verified(context, row, head);
    return disagrees(`the centre attests the composite SHA-256 ${head.composite}; ${row.composite} was copied`);
  }
  if (head.sha256 === undefined) {
    return unresolved('unverifiable', `${centre.name} keeps no SHA-256 of this object; use verify: readback`);
  }
  if (head.sha256 === row.sha256) return await verified(context, row, head);
  return disagrees(`the centre attests SHA-256 ${head.sha256}; ${row.sha256} was copied`);
}

/** The bytes are proven; what the object carries beside them, and how it lies there, is still to be. */
async function verified(context: StepContext, row: ObjectRow, head: ObjectHead): Promise<Outcome> {
  const refused =
    refusedDifference(context, row, head.attributes) ??
    unencrypted(context, row, head) ??
    (await hiddenFromListings(context, row));
  if (refused !== undefined) return refused;
  const verified = { at: context.clock.now(), how: context.plan.verify };
  return { to: 'verified', change: { centreRevision: head.revision, verified, reason: null, integrity: false } };
}

/** Where the plan requires encryption: what is against the object, if anything. */
function unencrypted(context: StepContext, row: ObjectRow, head: ObjectHead): Outcome | undefined {
  const partition = context.plan.partitions.find(({ name }) => name === row.partition);
  if (partition?.encryption !== 'required' || head.encrypted !== undefined) return undefined;
  const { centre } = endsOf(context, row);
  return unresolved(
    'failed',
    `${centre.name} does not say that it encrypts the object at rest, which the plan requires`,
  );
}
