import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { BufferPool } from '../../src/base/budget.ts';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { Listener } from '../../src/engine/events.ts';
import { gather } from '../../src/engine/evidence/gather.ts';
import { migrate } from '../../src/engine/migrate.ts';
import { comeHome } from '../../src/engine/segment/come-home.ts';
import { type Job, Round, roundPrefix } from '../../src/engine/segment/round.ts';
import { sendOut } from '../../src/engine/segment/send-out.ts';
import { type ShardResult, workOnShard } from '../../src/engine/segment/shard.ts';
import { closeStores, openStores } from '../../src/engine/stores.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { PARTS_IN_MEMORY } from '../../src/migration/part-plan.ts';
import { type Summary, summarise } from '../../src/migration/summary.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { openRouter } from '../../src/plan/router.ts';
import type { Plan } from '../../src/plan/types.ts';
import { makeStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';

/** Nobody ends anything. */
export const NEVER = new AbortController().signal;

export type Env = Readonly<Record<string, string>>;

export async function planAt(file: string, env: Env = {}): Promise<Plan> {
  const loaded = await loadPlan(file, env);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.plan;
}

/** The control store of a plan, open. */
export async function controlOf(plan: Plan, env: Env = {}): Promise<Store> {
  const spec = plan.stores[plan.control ?? ''];
  if (spec === undefined) throw new Error('the plan has no control store');
  const store = await makeStore(spec, env);
  await store.open({ create: true });
  return store;
}

export interface OneShard {
  readonly id: string;
  readonly folder: string;
  readonly control: Store;
  readonly prefix: string;
  readonly shard: number;
  readonly clock?: Clock;
  readonly env?: Env;
  /** Put around each store outside of the fence; inside of it. */
  readonly outside?: (store: Store) => Store;
  readonly inside?: (store: Store) => Store;
  readonly stop?: AbortSignal;
  readonly listener?: Listener;
}

/** Works on one shard as a worker does. */
export async function oneShard(one: OneShard): Promise<ShardResult> {
  const { id, folder, control, prefix, shard, env = {}, stop = NEVER, clock = systemClock } = one;
  const { outside = (store) => store, inside = (store) => store } = one;
  const round = new Round({ store: control, prefix, retry: {} });
  const job = await round.readJob();
  return await workOnShard({
    round,
    job,
    shard,
    owner: { id, host: 'here', jurisdiction: 'IE' },
    folder,
    openStores: async (wrap, signal) =>
      await openStores(job.plan, {
        env,
        retry: {},
        missingCentre: () => 'make',
        sweep: false,
        wrap: (store) => outside(wrap(inside(store))),
        signal,
      }),
    clock,
    retry: {},
    stop,
    abort: NEVER,
    lateMs: 0,
    ...(one.listener === undefined ? {} : { listener: one.listener }),
  });
}

export interface HomeOptions {
  readonly env?: Env;
  readonly clock?: Clock;
  readonly shardObjects?: number;
  readonly ttlMs?: number;
  /** Names the ledger in tombstones. */
  readonly uuid?: string;
  readonly state?: string;
  /** Does the work of a round; left out, all is done in this process as `run` does it. */
  readonly work?: (round: {
    readonly control: Store;
    readonly prefix: string;
    readonly shards: number;
  }) => Promise<void>;
}

export interface AtHome {
  readonly summary: Summary;
  /** The root of the evidence, in hex. */
  readonly root: string;
  /** Shards that came home without being done. */
  readonly open: number;
}

/** Runs a plan at its home, whose objects are worked on by others where there is `work`. */
export async function runAtHome(file: string, options: HomeOptions = {}): Promise<AtHome> {
  const { env = {}, clock = systemClock, shardObjects = 3, ttlMs = 30_000, work } = options;
  const plan = await planAt(file, env);
  const ledger = Ledger.open(options.state ?? join(file, '..', 'state'), { clock });
  const limits = { env, retry: {}, missingCentre: () => 'make' as const, sweep: false, signal: NEVER };
  const stores = await openStores(plan, {
    ...limits,
    made: (made) => {
      const named = [...made.values()].map(({ name, location }) => ({ name, location }));
      const partitions = plan.partitions.map(({ name, from, to }) => ({ name, from, to }));
      ledger.bind({ plan: plan.name, planDigest: plan.digest, routing: plan.routing, stores: named, partitions });
    },
  });
  const control = work === undefined ? undefined : await controlOf(plan, env);
  const router = await openRouter(plan);
  let open = 0;
  try {
    const { uploads, history } = ledger;
    const partMemory = new BufferPool(PARTS_IN_MEMORY);
    const base = { plan, ledger: ledger.uuid, stores, clock, uploads, history, partMemory, retry: {}, signal: NEVER };
    const until = plan.finish;
    await migrate({
      context: base,
      ledger,
      router,
      until,
      partitions: undefined,
      retry: {},
      listener: () => undefined,
      stop: NEVER,
      lateMs: 0,
      drives:
        work &&
        control &&
        (async (context, states) => {
          const prefix = roundPrefix(plan.digest, ledger.uuid, randomUUID());
          const job: Omit<Job, 'format' | 'plan' | 'shards'> = { until, operator: 'test', shardsAtOnce: 1, ttlMs };
          const sent = {
            context,
            ledger,
            control,
            prefix,
            states,
            partitions: undefined,
            job,
            shardObjects,
            retry: {},
          };
          const out = await sendOut(sent);
          if (out === undefined) return { objects: 0, bytes: 0 };
          await work({ control, prefix, shards: out.shards.length });
          const round = new Round({ store: control, prefix, retry: {} });
          const owner = { id: 'home', host: 'here', jurisdiction: 'IE' };
          const home = await comeHome({ round, ledger, shards: out.shards.length, owner, signal: NEVER });
          open += home.open;
          await round.remove();
          return home.moved;
        }),
    });
    gather({ plan, findings: [], ledger, version: 'test', salt: new Uint8Array(32) });
    return { summary: summarise(plan, ledger), root: ledger.log.root().toString('hex'), open };
  } finally {
    router.close();
    ledger.close();
    await closeStores(stores);
    await control?.close();
  }
}
