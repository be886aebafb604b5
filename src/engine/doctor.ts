import { type Store, StoreError } from '../store/store.ts';
import { Examination } from './examination.ts';
import type { DoctorWork, ExaminedStore, Made } from './examined.ts';
import { interrupted } from './local.ts';

/**
 * Tries everything that a plan's stores may be able to do, and writes what was shown into the ledger. Nothing is changed but probe
 * objects, which are removed. A store that cannot be reached does not keep the others from being tried.
 */
export async function examineStores(work: DoctorWork): Promise<ExaminedStore[]> {
  const made: Made[] = [];
  try {
    for (const store of work.stores.values()) made.push(await makeRoot(work, store));
    return await examineEach(work, made);
  } finally {
    // Who made a folder that another one's is in comes before it, and so removes it after it.
    for (const { unmake } of made.reverse()) await unmake?.();
  }
}

/** A run would make the folder of a new centre, so it is tried in one that is made for this. */
async function makeRoot(work: DoctorWork, store: Store): Promise<Made> {
  if (!work.makes(store.name)) return { store };
  try {
    return { store, unmake: await store.probes?.makeRoot?.() };
  } catch (failure) {
    if (failure instanceof StoreError) return { store, failure };
    throw failure;
  }
}

async function examineEach(work: DoctorWork, made: readonly Made[]): Promise<ExaminedStore[]> {
  const ended = await Promise.allSettled(made.map(async (one) => await new Examination(work, one).whole()));
  return ended.map((one) => {
    if (one.status === 'rejected') throw work.stop.aborted ? interrupted() : one.reason;
    return one.value;
  });
}
