import { randomUUID } from 'node:crypto';
import type { Ledger } from '../ledger/ledger.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { HazardRule } from './key-hazards.ts';
import { bytes, PROBE_PREFIX } from './probe.ts';

/** What a server does with keys that another store may hold. Asked of a store only where such keys are, or by who asks for it. */
export type KeyCapability = 'lists-key-under-key' | 'keeps-leading-slash' | 'keeps-empty-segment' | 'keeps-dot-segment';

/** What a store must be able to, so that keys with this hazard can be written to it. */
export const NEEDED: Readonly<Record<HazardRule, KeyCapability>> = {
  'key-under-key': 'lists-key-under-key',
  'leading-slash': 'keeps-leading-slash',
  'empty-segment': 'keeps-empty-segment',
  'dot-segment': 'keeps-dot-segment',
};

/** Whether a bucket keeps such keys: what the ledger knows, else what a try shows, which the ledger then knows. */
export async function keyCapability(
  store: Store,
  ledger: Ledger,
  capability: KeyCapability,
  signal: AbortSignal,
): Promise<boolean> {
  const known = ledger.probes.result(store.name, capability);
  if (known !== undefined) return known;
  const able = await probeKeys(store, capability, signal);
  ledger.probes.record(store.name, capability, able);
  return able;
}

/** Tries one capability on objects of ferry's own, which are removed again, however the try ends. */
export async function probeKeys(store: Store, capability: KeyCapability, signal: AbortSignal): Promise<boolean> {
  const name = PROBE_PREFIX + randomUUID();
  const { put, alias } = trialKeys(capability, name);
  try {
    for (const key of put) {
      if (!(await takes(store, key, signal))) return false;
    }
    const shown = new Set<string>();
    for (const prefix of put) {
      for await (const page of store.list({ prefix, signal })) for (const entry of page) shown.add(entry.key);
    }
    if (!put.every((key) => shown.has(key))) return false;
    for (const key of alias) {
      if ((await store.head(key, { signal })) !== undefined) return false;
    }
    return true;
  } finally {
    await removeProbes(store, [...put, ...alias]);
  }
}

/** Keys to put, and those that a server which mixes them up takes them for. */
function trialKeys(capability: KeyCapability, name: string): { readonly put: string[]; readonly alias: string[] } {
  switch (capability) {
    case 'lists-key-under-key':
      // In the order in which they are removed: a key under another one is hidden until that one is gone.
      return { put: [`${name}/p`, `${name}/p/q`], alias: [] };
    case 'keeps-leading-slash':
      return { put: [`/${name}`], alias: [name] };
    case 'keeps-empty-segment':
      return { put: [`${name}//p`], alias: [`${name}/p`] };
    case 'keeps-dot-segment':
      // Each by itself: a server may resolve the one and refuse the other.
      return {
        put: [`${name}/./p`, `${name}/q/../r`, `${name}/s/.`],
        alias: ['p', 'r', 's'].map((at) => `${name}/${at}`),
      };
  }
}

/** Whether the store takes an object under the key at all. */
async function takes(store: Store, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    await store.create(key, bytes('probe'), { size: 5, signal });
    return true;
  } catch (error) {
    const refused: readonly string[] = ['key', 'exists', 'other', 'unsupported'];
    if (error instanceof StoreError && refused.includes(error.kind)) return false;
    throw error;
  }
}

/** Also of a try that was cut off, whose answer may have been lost: the names are nobody else's. */
async function removeProbes(store: Store, keys: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  for (const key of keys) {
    try {
      const head = await store.head(key, { signal });
      if (head !== undefined) await store.remove(key, head.revision, { signal });
    } catch (error) {
      // A key that the store does not even take has left nothing there.
      if (!(error instanceof StoreError && ['key', 'other', 'unsupported'].includes(error.kind))) throw error;
    }
  }
}
