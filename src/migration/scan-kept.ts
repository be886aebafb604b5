import type { ScanSource, ScanWork } from './scan.ts';
import { heldBy } from './scan-reasons.ts';
import { unseen } from './scan-refusals.ts';

/**
 * Counts what tombstones keep in a place of its own, also what the ledger does not know. The names there and the digests in the ledger
 * come in one order, so that both are gone through once and neither is held.
 */
export async function scanKept(work: ScanWork, { store, tally }: ScanSource): Promise<void> {
  const { ledger, clock, signal } = work;
  const { keptBytes } = store;
  if (keptBytes === undefined) return;
  const known = ledger?.queries.keptBy(store.name);
  try {
    let next = known?.next().value;
    for await (const { token, size } of keptBytes.call(store, { signal })) {
      const isToken = /^[0-9a-f]{64}$/.test(token);
      while (isToken && next !== undefined && next.token < token) next = known?.next().value;
      const row = next?.token === token ? ledger?.queries.byId(next.object) : undefined;
      if (row?.tombstone !== undefined) {
        const reason = heldBy(row, row.tombstone, clock.now());
        tally.remains({ kind: 'kept', key: row.key, version: token, size, reason });
      } else {
        tally.remains({ kind: 'kept', version: token, size, reason: isToken ? UNKNOWN : LEFT });
      }
    }
  } catch (error) {
    unseen(tally, 'what tombstones keep', error);
  } finally {
    known?.return(undefined);
  }
}

const UNKNOWN =
  'kept by no tombstone that the ledger knows: its key was tombstoned again since, a run was stopped in the middle, or another state directory put it there';
const LEFT = 'being written or set aside by a run, or left by one that was stopped: look before you remove it';
