import { randomUUID } from 'node:crypto';
import { sha256Hex } from '../base/digest.ts';
import { FerryError } from '../base/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Finish } from '../plan/types.ts';
import { type ObjectHead, type Store, StoreError } from '../store/store.ts';
import type { StepContext } from './context.ts';
import type { HazardRule } from './key-hazards.ts';

/** What safety rests on and what not every server does, whatever its documentation says. */
export type Capability = 'create-if-absent' | 'replace-if-unchanged' | 'checks-digest';

/**
 * Makes sure, by trying, that each store does what the run relies on: centres refuse to overwrite, and, where their word is to be
 * taken for what they hold, bytes of another digest; sources that are to be emptied refuse a swap over a newer object. The results are in the ledger; a store is asked once.
 *
 * @returns the names of sources that refuse no such swap, and that the plan empties all the same, since their histories tell what came between.
 * @throws FerryError `refused` naming the store that does not.
 */
export async function requireCapabilities(
  context: StepContext,
  ledger: Ledger,
  until: Finish,
): Promise<ReadonlySet<string>> {
  const { plan } = context;
  for (const name of new Set(plan.partitions.map((partition) => partition.to))) {
    await requireOne(context, ledger, name, 'create-if-absent');
    if (plan.verify === 'attested') await requireOne(context, ledger, name, 'checks-digest');
  }
  const withoutCas = new Set<string>();
  if (until !== 'tombstoned') return withoutCas;
  for (const name of new Set(plan.partitions.map((partition) => partition.from))) {
    const missing = await missingAt(context, ledger, name, 'replace-if-unchanged');
    if (missing === undefined) continue;
    requireHistory(context, name, missing);
    withoutCas.add(name);
  }
  return withoutCas;
}

/** Without compare-and-swap a write that the marker hits shows in the history alone. @throws FerryError `refused` */
function requireHistory({ plan, stores }: StepContext, name: string, missing: Missing): void {
  const isKept = stores.get(name)?.versions?.state === 'enabled';
  if (plan.tombstone.without === 'cas' && isKept) return;
  const { op } = REFUSED['replace-if-unchanged'];
  const lost = ', and it keeps no versions, so that a write which the tombstone hits would be lost without a trace';
  const hint =
    plan.tombstone.without === 'cas'
      ? 'nothing was moved; enable versioning on the bucket, or use a server that honours conditional writes'
      : `${CONDITIONAL}, or empty it all the same with versioning enabled and tombstone.without: cas`;
  throw new FerryError({ fault: 'refused', op, subject: name, why: WHY[missing] + (isKept ? '' : lost), hint });
}

async function requireOne(context: StepContext, ledger: Ledger, name: string, capability: Capability): Promise<void> {
  const missing = await missingAt(context, ledger, name, capability);
  if (missing === undefined) return;
  throw new FerryError({
    fault: 'refused',
    subject: name,
    ...REFUSED[capability],
    why: WHY[missing],
  });
}

/** What a store has been shown not to do, of what one capability rests on. */
async function missingAt(
  context: StepContext,
  ledger: Ledger,
  name: string,
  capability: Capability,
): Promise<Missing | undefined> {
  const store = context.stores.get(name);
  if (store === undefined) throw new Error(`the plan has no store ${name}`);
  // These adapters do it themselves, and their conformance suite shows it; a server has to be asked.
  if (store.kind !== 's3') return undefined;
  const known = ledger.probes.result(name, capability);
  const able = known ?? (await probe(store, capability, context.signal));
  if (known === undefined) ledger.probes.record(name, capability, able);
  return able ? BESIDE[capability].find((one) => ledger.probes.result(name, one) === false) : capability;
}

const CONDITIONAL = 'nothing was moved; use a server that honours conditional writes (`ferry doctor` tries it again)';

const REFUSED: Readonly<Record<Capability, { readonly op: string; readonly hint: string }>> = {
  'create-if-absent': { op: 'write to the centre', hint: CONDITIONAL },
  'replace-if-unchanged': { op: 'empty the legacy store', hint: CONDITIONAL },
  'checks-digest': {
    op: 'rely on what the centre attests',
    hint: 'nothing was moved; use verify: readback',
  },
};

/** What the same safety rests on, and only `doctor` tries: where it has shown that a store does not, that counts. */
const BESIDE = {
  'create-if-absent': ['create-if-absent-races', 'complete-if-absent'],
  'replace-if-unchanged': ['complete-if-unchanged'],
  'checks-digest': [],
} as const satisfies Readonly<Record<Capability, readonly string[]>>;

type Missing = Capability | (typeof BESIDE)[Capability][number];

const WHY: Readonly<Record<Missing, string>> = {
  'create-if-absent': 'the server overwrites an object although it was told not to (PUT with If-None-Match: *)',
  'create-if-absent-races':
    'the server overwrites an object when several are created at once (PUT with If-None-Match: *)',
  'complete-if-absent':
    'the server overwrites an object although it was told not to (CompleteMultipartUpload with If-None-Match: *)',
  'replace-if-unchanged': 'the server replaces an object although it has changed (PUT with If-Match)',
  'complete-if-unchanged':
    'the server replaces an object although it has changed (CompleteMultipartUpload with If-Match)',
  'checks-digest':
    'the server takes bytes that are not of the SHA-256 sent with them, so its word for a SHA-256 proves nothing',
};

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

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

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
  const name = `.ferry-probe-${randomUUID()}`;
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
