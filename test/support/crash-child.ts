import { BufferPool } from '../../src/base/budget.ts';
import { systemClock } from '../../src/base/clock.ts';
import { migrate } from '../../src/engine/migrate.ts';
import { purgeTombstones } from '../../src/engine/purge.ts';
import { undoTombstones } from '../../src/engine/undo.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { takeLock } from '../../src/ledger/lock.ts';
import type { StepContext } from '../../src/migration/context.ts';
import { PARTS_IN_MEMORY } from '../../src/migration/part-plan.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { openRouter } from '../../src/plan/router.ts';
import { FileStore } from '../../src/store/file/file-store.ts';
import type { Store } from '../../src/store/store.ts';
import { MortalStore } from './mortal-store.ts';

/**
 * A run, a restore or a purge in a process of its own that kills itself with SIGKILL at one point:
 * `node crash-child.ts PLAN STATE run|restore|purge before|after|effect N` dies before or after the N-th commit of the ledger, or after
 * the N-th write to a store. Exit code 0 means that it came to its end before that point.
 */
const [planFile = '', stateDir = '', command, where, at] = process.argv.slice(2);
const point = Number(at);
const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

const loaded = await loadPlan(planFile, process.env);
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const { plan } = loaded;
const lock = takeLock(stateDir, 'run');
const ledger = Ledger.open(stateDir, {
  hooks: {
    beforeCommit: (number) => {
      if (where === 'before' && number === point) die();
    },
    afterCommit: (number) => {
      if (where === 'after' && number === point) die();
    },
  },
});

let effects = 0;
const effect = (): void => {
  effects += 1;
  if (where === 'effect' && effects === point) die();
};
const stores = new Map<string, Store>();
for (const spec of Object.values(plan.stores)) {
  if (spec.type !== 'file') throw new Error('only folders');
  const store = new MortalStore(new FileStore({ ...spec, lateMs: 0 }), effect);
  await store.open({ create: true });
  await store.sweep();
  stores.set(spec.name, store);
}
ledger.bind({
  plan: plan.name,
  planDigest: plan.digest,
  routing: plan.routing,
  stores: [...stores.values()].map(({ name, location }) => ({ name, location })),
  partitions: plan.partitions.map(({ name, from, to }) => ({ name, from, to })),
});
const never = new AbortController().signal;
const context: StepContext = {
  plan,
  ledger: ledger.uuid,
  stores,
  clock: systemClock,
  uploads: ledger.uploads,
  history: ledger.history,
  partMemory: new BufferPool(PARTS_IN_MEMORY),
  retry: {},
  signal: never,
};
const listener = (): void => undefined;
if (command === 'run') {
  const router = await openRouter(plan);
  await migrate({
    context,
    ledger,
    router,
    until: plan.finish,
    partitions: undefined,
    retry: {},
    listener,
    stop: never,
    lateMs: 0,
  });
  router.close();
} else if (command === 'purge') {
  const router = await openRouter(plan);
  await purgeTombstones({ context, ledger, router, chosen: () => true, retry: {}, listener, stop: never });
  router.close();
} else {
  await undoTombstones({ context, ledger, chosen: () => true, retry: {}, listener, stop: never });
}
for (const store of stores.values()) await store.close();
ledger.close();
lock.release();
