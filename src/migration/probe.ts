import { randomUUID } from 'node:crypto';
import { FerryError } from '../base/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Finish } from '../plan/types.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { StepContext } from './context.ts';

/** What safety rests on and what not every server does, whatever its documentation says. */
export type Capability = 'create-if-absent' | 'replace-if-unchanged';

/**
 * Makes sure, by trying, that each store does what the run relies on: centres refuse to overwrite, and sources that are to be
 * emptied refuse a swap over a newer object. The results are in the ledger; a store is asked once.
 *
 * @throws FerryError `refused` naming the store that does not.
 */
export async function requireCapabilities(context: StepContext, ledger: Ledger, until: Finish): Promise<void> {
  const { plan } = context;
  for (const name of new Set(plan.partitions.map((partition) => partition.to))) {
    await requireOne(context, ledger, name, 'create-if-absent');
  }
  if (until !== 'tombstoned') return;
  for (const name of new Set(plan.partitions.map((partition) => partition.from))) {
    await requireOne(context, ledger, name, 'replace-if-unchanged');
  }
}

async function requireOne(context: StepContext, ledger: Ledger, name: string, capability: Capability): Promise<void> {
  const store = context.stores.get(name);
  if (store === undefined) throw new Error(`the plan has no store ${name}`);
  // These adapters do it themselves, and their conformance suite shows it; a server has to be asked.
  if (store.kind !== 's3') return;
  const known = ledger.probes.result(name, capability);
  const able = known ?? (await probe(store, capability, context.signal));
  if (known === undefined) ledger.probes.record(name, capability, able);
  if (able) return;
  throw new FerryError({
    fault: 'refused',
    op: capability === 'create-if-absent' ? 'write to the centre' : 'empty the legacy store',
    subject: name,
    why:
      capability === 'create-if-absent'
        ? 'the server overwrites an object although it was told not to (PUT with If-None-Match: *)'
        : 'the server replaces an object although it has changed (PUT with If-Match)',
    hint: 'nothing was moved; use a server that honours conditional writes',
  });
}

const PREFIX = '.ferry-probe-';

/** Whether a key is of a probe's object: a run that was killed while it asked has left it. */
export function isProbeKey(key: string): boolean {
  return key.startsWith(PREFIX) && UUID.test(key.slice(PREFIX.length));
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const REMOVE_MS = 10_000;

/** Tries one capability on an object of ferry's own, which is removed again. */
async function probe(store: Store, capability: Capability, signal: AbortSignal): Promise<boolean> {
  const key = PREFIX + randomUUID();
  const first = await store.create(key, bytes('first'), { size: 5, signal });
  let revision = first.revision;
  try {
    if (capability === 'create-if-absent') {
      const again = await refusedBy(() => store.create(key, bytes('other'), { size: 5, signal }));
      if (again !== undefined) revision = again;
      return again === undefined;
    }
    revision = (await store.replace(key, revision, bytes('second'), { size: 6, signal })).head.revision;
    const stale = await refusedBy(
      async () => (await store.replace(key, first.revision, bytes('third'), { size: 5, signal })).head,
    );
    if (stale !== undefined) revision = stale;
    return stale === undefined;
  } finally {
    // Also when the run ends at once: it would else leave an object behind in someone's bucket.
    await store.remove(key, revision, { signal: AbortSignal.timeout(REMOVE_MS) });
  }
}

/** `undefined` when the store refused; else the revision of what it wrote all the same. */
async function refusedBy(write: () => Promise<{ readonly revision: string }>): Promise<string | undefined> {
  try {
    return (await write()).revision;
  } catch (error) {
    if (error instanceof StoreError && (error.kind === 'exists' || error.kind === 'precondition')) return undefined;
    throw error;
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
