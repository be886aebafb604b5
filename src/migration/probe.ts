import { randomUUID } from 'node:crypto';
import { sha256Hex } from '../base/digest.ts';
import { type ObjectHead, type Store, StoreError } from '../store/store.ts';

/** What safety rests on and what not every server does, whatever its documentation says. */
export type Capability = 'create-if-absent' | 'replace-if-unchanged' | 'checks-digest';

/** What the keys of ferry's own trial objects begin with; a UUID follows. */
export const PROBE_PREFIX = '.ferry-probe-';

/** Whether a key is of a probe's object: a run that was killed while it asked has left it. */
export function isProbeKey(key: string): boolean {
  return key.startsWith(PROBE_PREFIX) && UUID.test(key.slice(PROBE_PREFIX.length));
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A trial object is removed also when the run ends at once, but no store is waited for without end. */
export const REMOVE_MS = 10_000;

/** Tries one capability on an object of ferry's own, which is removed again. */
export async function probe(
  store: Store,
  capability: Capability | 'delete-if-unchanged',
  signal: AbortSignal,
  key: string = PROBE_PREFIX + randomUUID(),
): Promise<boolean> {
  if (capability === 'checks-digest') return await probeDigest(store, key, signal);
  const raw = store.probes?.trials.get(capability);
  if (raw === undefined) {
    return capability !== 'delete-if-unchanged' && (await probeByPort(store, capability, signal, key));
  }
  try {
    return (await raw(key, { signal })).result === 'yes';
  } finally {
    await tidied(store, key);
  }
}

/** Where a bucket locks by default what is written, a trial object cannot go: it is hidden at least. */
async function tidied(store: Store, key: string): Promise<void> {
  const options = { signal: AbortSignal.timeout(REMOVE_MS) };
  try {
    await store.probes?.tidy(key, options);
  } catch (error) {
    if (!(error instanceof StoreError) || error.passing || store.versions?.state !== 'enabled') throw error;
    await store.versions.mark(key, options);
  }
}

async function probeByPort(store: Store, capability: Capability, signal: AbortSignal, key: string): Promise<boolean> {
  const first = await store.create(key, bytes('first'), { size: 5, signal });
  let revision = first.revision;
  const kept: (string | undefined)[] = [];
  const replaced = async (over: string, text: string): Promise<ObjectHead> => {
    const done = await store.replace(key, over, bytes(text), { size: text.length, signal });
    kept.unshift(done.kept);
    return done.head;
  };
  try {
    if (capability === 'create-if-absent') {
      const again = await refusedBy(() => store.create(key, bytes('other'), { size: 5, signal }));
      if (again !== undefined) revision = again;
      return again === undefined;
    }
    revision = (await replaced(revision, 'second')).revision;
    const stale = await refusedBy(() => replaced(first.revision, 'third'));
    if (stale !== undefined) revision = stale;
    return stale === undefined;
  } finally {
    // Also when the run ends at once: it would else leave an object behind in someone's bucket.
    const removing = { signal: AbortSignal.timeout(REMOVE_MS) };
    for (const token of kept) {
      // Versions go with the key; what is kept under a name of its own would stay.
      if (token === undefined || store.keptToken(key, revision) === undefined) continue;
      revision = (await store.reinstate(key, revision, token, removing)).revision;
    }
    await store.remove(key, revision, removing);
  }
}

async function probeDigest(store: Store, key: string, signal: AbortSignal): Promise<boolean> {
  const sha256 = sha256Hex(bytes('other'));
  try {
    const { revision } = await store.create(key, bytes('first'), { size: 5, sha256, signal });
    await store.remove(key, revision, { signal: AbortSignal.timeout(REMOVE_MS) });
    return false;
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'digest') return true;
    throw error;
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

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
