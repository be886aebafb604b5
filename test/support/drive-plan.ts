import { join } from 'node:path';
import { BufferPool } from '../../src/base/budget.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { EngineEvent } from '../../src/engine/events.ts';
import { migrate } from '../../src/engine/migrate.ts';
import { undoTombstones } from '../../src/engine/undo.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { ObjectRow } from '../../src/ledger/rows.ts';
import type { StepContext } from '../../src/migration/context.ts';
import { PARTS_IN_MEMORY } from '../../src/migration/part-plan.ts';
import { type Summary, summarise } from '../../src/migration/summary.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { openRouter } from '../../src/plan/router.ts';
import { FileStore } from '../../src/store/file/file-store.ts';
import type { Store } from '../../src/store/store.ts';
import type { Laid } from './plan.ts';

export interface Options {
  /** Puts something around a store of the plan. */
  readonly wrap?: (store: Store) => Store;
  readonly now?: number;
  readonly listener?: (event: EngineEvent) => void;
}

/** Runs or restores a plan on folders in this process, once, and tells where it stands then. */
export async function drivePlan(laid: Laid, command: 'run' | 'restore', options: Options = {}): Promise<Summary> {
  const loaded = await loadPlan(laid.plan, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { plan } = loaded;
  const wrap = options.wrap ?? ((store) => store);
  const stores = new Map<string, Store>();
  for (const spec of Object.values(plan.stores)) {
    if (spec.type !== 'file') throw new Error('only folders');
    const store = wrap(new FileStore(spec));
    await store.open({ create: true });
    stores.set(spec.name, store);
  }
  const { now } = options;
  const clock = now === undefined ? systemClock : { ...systemClock, now: () => now };
  const ledger = Ledger.open(join(laid.dir, 'state'), { clock });
  const router = await openRouter(plan);
  const never = new AbortController().signal;
  const all = { ledger, retry: { attempts: 1 }, listener: options.listener ?? (() => undefined), stop: never };
  try {
    ledger.bind({
      plan: plan.name,
      planDigest: plan.digest,
      routing: plan.routing,
      stores: [...stores.values()].map(({ name, location }) => ({ name, location })),
      partitions: plan.partitions.map(({ name, from, to }) => ({ name, from, to })),
    });
    const { uploads, history } = ledger;
    const partMemory = new BufferPool(PARTS_IN_MEMORY);
    const context: StepContext = {
      plan,
      ledger: ledger.uuid,
      stores,
      clock,
      uploads,
      history,
      partMemory,
      retry: {},
      signal: never,
    };
    if (command === 'run') await migrate({ ...all, context, router, until: plan.finish, partitions: undefined });
    else await undoTombstones({ ...all, context, chosen: () => true });
    return summarise(plan, ledger);
  } finally {
    router.close();
    ledger.close();
    for (const store of stores.values()) await store.close();
  }
}

/** An object as the ledger has it. */
export function rowOf(laid: Laid, key: string): ObjectRow | undefined {
  const ledger = Ledger.read(join(laid.dir, 'state'));
  const row = ledger?.queries.byKey('legacy', key);
  ledger?.close();
  return row;
}
