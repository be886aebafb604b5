import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { sha256Hex } from '../../base/digest.ts';
import type { Egress } from '../../base/egress.ts';
import { FerryError } from '../../base/errors.ts';
import type { RetryPolicy } from '../../base/retry.ts';
import type { Plan, StoreSpec } from '../../plan/types.ts';
import { judgeResidency } from '../../policy/residency.ts';
import { countriesOf } from '../../policy/zone.ts';
import { makeStore } from '../../store/open-store.ts';
import { destinationsOf } from '../../store/s3/hosts.ts';
import type { Store } from '../../store/store.ts';
import type { Listener } from '../events.ts';
import { LiveLimits } from '../limits.ts';
import type { Owner } from '../segment/lease.ts';
import { type Job, Round } from '../segment/round.ts';
import { workOnShard } from '../segment/shard.ts';
import { openStores } from '../stores.ts';
import type { Place, Position, ShardInput, ShardOutput } from './messages.ts';
import { orderedShare, shareOf } from './shares.ts';

export interface WorkerWork {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly owner: Owner;
  /** Of this worker alone. */
  readonly folder: string;
  /** The only plan whose work it takes; any, where left out. */
  readonly plan?: Plan | undefined;
  readonly egress: Egress;
  readonly retry: RetryPolicy;
  readonly listener: Listener;
  /** Aborted: shards are saved and given up. */
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
}

/** What the engine is told by who asks for a shard. */
export interface Asked {
  readonly cancelled: AbortSignal;
  readonly heartbeat: (position: Position) => void;
}

/** How often a worker says that it is there. */
const HEARTBEAT_MS = 1_000;

/** A shard that is worked on in this process, and what ends that. */
interface UnderWay {
  readonly again: AbortController;
  readonly ended: Promise<unknown>;
}

/** Work on shards, as Temporal asks for it. It judges the plan itself: whoever may put tasks on the queue is not believed. */
export class ShardWorker {
  readonly #work: WorkerWork;
  readonly #underWay = new Map<string, UnderWay>();
  readonly #jobs = new Map<string, Job>();
  readonly #allowed = new Set<string>();

  constructor(work: WorkerWork) {
    this.#work = work;
  }

  /** @throws FerryError `refused` where the work is not for this worker. */
  async workOnShard({ place, shard }: ShardInput, asked: Asked): Promise<ShardOutput> {
    const name = `${place.prefix}${shard}`;
    // An attempt that the server has given up is still at it: two on one segment would be one too many.
    const before = this.#underWay.get(name);
    before?.again.abort();
    await before?.ended;
    const again = new AbortController();
    const ended = this.#take(place, shard, asked, again.signal);
    const quiet = ended.catch(() => undefined);
    this.#underWay.set(name, { again, ended: quiet });
    try {
      return await ended;
    } finally {
      if (this.#underWay.get(name)?.ended === quiet) this.#underWay.delete(name);
    }
  }

  async #take(place: Place, shard: number, asked: Asked, again: AbortSignal): Promise<ShardOutput> {
    const { env, owner, retry, folder, listener, stop, abort } = this.#work;
    this.#judgePlace(place);
    const control = await this.#control(place.control);
    try {
      const round = new Round({ store: control, prefix: place.prefix, retry });
      const job = await this.#job(round, place);
      const limits = new LiveLimits(shareOf(job.plan.limits, job.shardsAtOnce));
      using _orders = await followOrders(round, limits, job.shardsAtOnce);
      let position: Position = { shard, epoch: 0, record: 0, states: {} };
      asked.heartbeat(position);
      const timer = setInterval(() => asked.heartbeat(position), Math.min(HEARTBEAT_MS, job.ttlMs / 4));
      try {
        return await workOnShard({
          round,
          job,
          shard,
          owner,
          folder: join(folder, sha256Hex(place.prefix).slice(0, 16)),
          openStores: async (wrap, signal) =>
            await openStores(job.plan, {
              env,
              retry,
              missingCentre: () => 'refuse',
              sweep: false,
              limits,
              wrap,
              signal,
            }),
          clock: systemClock,
          retry,
          limits,
          listener,
          position: ({ epoch, number, states }) => {
            position = { shard, epoch, record: number, states };
          },
          stop: AbortSignal.any([stop, asked.cancelled, again]),
          abort,
        });
      } finally {
        clearInterval(timer);
      }
    } finally {
      await control.close();
    }
  }

  /** Before anything is connected to. @throws FerryError `refused`. */
  #judgePlace({ control }: Place): void {
    const { plan } = this.#work;
    if (plan === undefined) return;
    if (plan.control !== undefined && JSON.stringify(plan.stores[plan.control]) === JSON.stringify(control)) return;
    throw refused('the control store', 'it is not the one of the plan that this worker was started for');
  }

  async #control(spec: StoreSpec): Promise<Store> {
    const { env, abort } = this.#work;
    this.#allow(spec);
    const store = await makeStore(spec, env);
    await store.open({ create: false, signal: abort });
    return store;
  }

  async #job(round: Round, { control, prefix }: Place): Promise<Job> {
    const known = this.#jobs.get(prefix);
    if (known !== undefined) return known;
    const job = await round.readJob();
    this.#judge(job, control);
    for (const spec of Object.values(job.plan.stores)) this.#allow(spec);
    this.#jobs.set(prefix, job);
    return job;
  }

  #judge({ plan }: Job, control: StoreSpec): void {
    const { owner, plan: only } = this.#work;
    if (only !== undefined && only.digest !== plan.digest)
      throw refused(`plan ${plan.name}`, 'it is not the plan that this worker was started for');
    if (plan.control === undefined || JSON.stringify(plan.stores[plan.control]) !== JSON.stringify(control))
      throw refused(`plan ${plan.name}`, 'its control store is not the one that the work was found in');
    requireInside(plan, owner.jurisdiction);
    const wrong = judgeResidency(plan).find(({ severity }) => severity === 'error');
    if (wrong !== undefined) throw refused(`plan ${plan.name}`, `${wrong.rule}: ${wrong.message}`);
  }

  #allow(spec: StoreSpec): void {
    const text = JSON.stringify(spec);
    if (spec.type !== 's3' || this.#allowed.has(text)) return;
    this.#allowed.add(text);
    this.#work.egress.allow(spec.name, destinationsOf(spec));
  }
}

/** How often a worker asks what an operator has ordered, in milliseconds. */
const ORDERS_MS = 5_000;

/** Keeps limits to what an operator has ordered. What cannot be read is asked again next time. */
async function followOrders(round: Round, limits: LiveLimits, shards: number): Promise<Disposable> {
  const look = async (): Promise<void> => {
    const ordered = await round.readLimits();
    limits.setOperator(ordered && orderedShare(ordered, shards));
  };
  await look();
  const timer = setInterval(() => void look().catch(() => undefined), ORDERS_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** @throws FerryError `refused` where a worker is outside the zone: every byte passes through it. */
export function requireInside(plan: Plan, jurisdiction: string): void {
  const { zone } = plan.residency;
  if (countriesOf(zone).has(jurisdiction)) return;
  const why = `it runs in ${jurisdiction}, outside the residency zone [${zone.join(', ')}], and every byte passes through it`;
  throw refused('this worker', why);
}

function refused(subject: string, why: string): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'take work',
    subject,
    why,
    hint: 'nothing was touched; start the worker where, and for what, it may work',
  });
}
