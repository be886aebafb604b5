import { FerryError } from '../base/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type ObjectHead, type Store, StoreError } from '../store/store.ts';
import type { StepContext } from './context.ts';
import { PROBE_PREFIX, REMOVE_MS } from './probe.ts';

/**
 * Makes sure, by trying, that no centre is its own source under another name: two addresses of one server, one export mounted twice.
 * Every object would then be found there, equal, and its tombstone would hide the only copy. An object of ferry's own is put at the
 * centre and looked for at the source. The result is in the ledger; a pair is asked once.
 *
 * @throws FerryError `refused`.
 */
export async function requireApart(context: StepContext, ledger: Ledger): Promise<void> {
  for (const { from, to } of context.plan.partitions) {
    const question = `apart-from:${from}`;
    if (ledger.probes.result(to, question) === true) continue;
    const [source, centre] = [context.stores.get(from), context.stores.get(to)];
    if (source === undefined || centre === undefined) throw new Error('a partition without its stores');
    if (!(await areApart(context, source, centre))) throw onePlace(from, to);
    ledger.probes.record(to, question, true);
  }
}

async function areApart(context: StepContext, source: Store, centre: Store): Promise<boolean> {
  const { signal } = context;
  // The same key each time, so that what a kill has left is found and removed by the next try.
  const key = PROBE_PREFIX + context.ledger;
  const { revision } = await placed(centre, key, signal);
  try {
    return (await source.head(key, { signal })) === undefined;
  } finally {
    await centre.remove(key, revision, { signal: AbortSignal.timeout(REMOVE_MS) });
  }
}

async function placed(centre: Store, key: string, signal: AbortSignal): Promise<ObjectHead> {
  try {
    return await centre.create(key, new Uint8Array([1]), { size: 1, signal });
  } catch (error) {
    const left =
      error instanceof StoreError && error.kind === 'exists' ? await centre.head(key, { signal }) : undefined;
    if (left === undefined) throw error;
    return left;
  }
}

function onePlace(from: string, to: string): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'empty the legacy store',
    subject: from,
    why: `${to} is the same place under another name: what is written to one shows in the other`,
    hint: 'nothing was emptied; name a centre that is another place',
  });
}
