import type { Clock } from '../base/clock.ts';
import type { RetryPolicy } from '../base/retry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type Router, sources } from '../plan/router.ts';
import type { Plan } from '../plan/types.ts';
import type { Store } from '../store/store.ts';
import { scanKept } from './scan-kept.ts';
import { scanKeys } from './scan-keys.ts';
import { type Remaining, type ScannedStore, Tally } from './scan-tally.ts';
import { scanUploads } from './scan-uploads.ts';

export interface ScanWork {
  readonly plan: Plan;
  /** The sources, open. */
  readonly stores: ReadonlyMap<string, Store>;
  readonly router: Router;
  /** What tells why something is still there; without one all of it is not yet moved. */
  readonly ledger: Ledger | undefined;
  readonly clock: Clock;
  readonly retry: RetryPolicy;
  readonly signal: AbortSignal;
  /** How many things of a store are told one by one in its result. */
  readonly most: number;
  /** Told of each thing that remains, also of those beyond `most`. Left out, nothing is asked about those beyond. */
  readonly found?: (store: string, remaining: Remaining) => void;
}

/** One source of a scan. */
export interface ScanSource {
  readonly store: Store;
  readonly tally: Tally;
  /** Whether the ledger has the whole inventory of this source: a key that it does not know is then a late one. */
  readonly inventoried: boolean;
}

/**
 * What user data is still at each source of a plan, and why. Changes nothing. Memory grows with what is told one by one, not with the
 * number of objects.
 */
export async function scan(work: ScanWork): Promise<ScannedStore[]> {
  const scanned: ScannedStore[] = [];
  for (const name of sources(work.plan)) scanned.push(await scanStore(work, name));
  return scanned;
}

async function scanStore(work: ScanWork, name: string): Promise<ScannedStore> {
  const store = work.stores.get(name);
  if (store === undefined) throw new Error(`the plan has no store ${name}`);
  const { ledger, found } = work;
  const tally = new Tally(work.most, found && ((remaining) => found(name, remaining)));
  const source = { store, tally, inventoried: ledger?.inventory.state(name)?.digest !== undefined };
  const uploads = await scanUploads(work, source);
  await scanKeys(work, source, uploads);
  await uploads.ofLedger();
  await scanKept(work, source);
  limitsOf(work, source);
  return tally.result(name, store.location);
}

/** What no listing of this server can show, as far as is known. */
function limitsOf({ plan, ledger }: ScanWork, { store, tally }: ScanSource): void {
  if (store.kind !== 's3') return;
  const mine = plan.partitions.filter(({ from }) => from === store.name);
  // Where manifests name all there is, each key was asked for.
  if (mine.every(({ select }) => select.by === 'manifest')) return;
  const lists = ledger?.probes.result(store.name, 'lists-key-under-key');
  if (lists === true) return;
  tally.cannotShow(
    lists === false
      ? "objects whose key lies under another object's key: this server lists no such key; name them in a manifest"
      : "objects whose key lies under another object's key: it is not known whether this server lists them (`ferry doctor` finds out)",
  );
}
