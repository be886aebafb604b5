import { FerryError } from '../base/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Finish, Plan } from '../plan/types.ts';
import type { StepContext } from './context.ts';
import { type Capability, probe } from './probe.ts';

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
    else if (isUnsigned(plan, name)) await requireUnsigned(context, ledger, name);
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

function isUnsigned({ stores }: Plan, name: string): boolean {
  const store = stores[name];
  return store?.type === 's3' && store.payload === 'unsigned';
}

/** Nothing else tells the server which bytes were meant. @throws FerryError `refused` */
async function requireUnsigned(context: StepContext, ledger: Ledger, name: string): Promise<void> {
  const missing = await missingAt(context, ledger, name, 'checks-digest');
  if (missing === undefined) return;
  throw new FerryError({
    fault: 'refused',
    op: 'leave bodies out of signatures',
    subject: name,
    why: 'the server takes bytes that are not of the SHA-256 sent with them, and their signature would not tell it either',
    hint: `nothing was moved; leave payload: unsigned out of stores.${name}`,
    field: `stores.${name}.payload`,
  });
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
