import { BufferPool } from '../base/budget.ts';
import { systemClock } from '../base/clock.ts';
import type { Egress } from '../base/egress.ts';
import type { RetryPolicy } from '../base/retry.ts';
import type { LiveLimits } from '../engine/limits.ts';
import { closeStores, keepStateOutside, openStores } from '../engine/stores.ts';
import { refuseAway, refuseChanged } from '../ledger/away.ts';
import type { Routing } from '../ledger/binding.ts';
import { Ledger } from '../ledger/ledger.ts';
import { takeLock } from '../ledger/lock.ts';
import { requireNoRecovery } from '../ledger/recovery-dir.ts';
import type { StepContext } from '../migration/context.ts';
import { PARTS_IN_MEMORY } from '../migration/part-plan.ts';
import type { Plan } from '../plan/types.ts';
import { credentialDestinations, destinationsOf } from '../store/s3/hosts.ts';
import type { Store } from '../store/store.ts';
import { type Call, recorded, recordedBeside } from './access.ts';
import { gatherEvidence, gatherLeft } from './evidence-log.ts';
import { PlanRejected } from './failure.ts';
import type { GlobalOptions, Io } from './io.ts';
import { type Following, followLimits } from './live-limits.ts';
import { requirePartitions } from './partitions.ts';
import { checkPlan, isRefused, type PlacedFinding } from './plan-file.ts';
import { underCeiling } from './settings/ceiling.ts';
import { stateDirUnder } from './settings/state.ts';

/** A valid plan inside its residency zone, and where its state is. */
export interface Opened {
  readonly plan: Plan;
  readonly findings: readonly PlacedFinding[];
  readonly stateDir: string;
  /** The partitions that were asked for; all, where none were. */
  readonly partitions?: readonly string[] | undefined;
  /** What the configuration lowers the plan's concurrency to, in `plan.limits` already. */
  readonly maxConcurrency?: number | undefined;
}

/** @throws PlanRejected for a plan that does not validate or that residency refuses. */
export async function openPlan(file: string, options: GlobalOptions, io: Io): Promise<Opened> {
  const checked = await checkPlan(file, io.env);
  if (checked.plan === undefined || isRefused(checked.findings)) {
    throw new PlanRejected(checked.problems, checked.findings);
  }
  requirePartitions(checked.plan, options.partition);
  const stateDir = stateDirUnder(checked.plan, options);
  keepStateOutside(checked.plan, stateDir);
  allowStores(checked.plan, io.egress);
  const { maxConcurrency } = options.settings ?? {};
  const plan = { ...checked.plan, limits: underCeiling(checked.plan.limits, maxConcurrency) };
  return { plan, findings: checked.findings, stateDir, partitions: options.partition, maxConcurrency };
}

/** What the access record tells of a command. */
export function callOf(command: string, { plan, partitions }: Opened): Call {
  return { command, plan, partitions };
}

/** Commands that only read, and whose answer would be wrong while workers have objects that the ledger knows as they were before. */
const RESTS_ON_LEDGER = new Set(['audit', 'scan', 'verify']);

/** As `recorded`, for a command that only reads: its rows are written beside whoever holds the lock. */
export async function withRecord<T>(command: string, opened: Opened, io: Io, work: () => Promise<T>): Promise<T> {
  if (RESTS_ON_LEDGER.has(command)) refuseAway(opened.stateDir, command);
  return await recordedBeside(opened.stateDir, callOf(command, opened), io, work);
}

/** From here on connections may go to the plan's stores, those of each store to that one alone, and to who gives credentials. */
function allowStores(plan: Plan, egress: Egress): void {
  for (const spec of Object.values(plan.stores)) if (spec.type === 's3') egress.allow(spec.name, destinationsOf(spec));
  egress.allow(undefined, credentialDestinations(plan));
}

/** Six attempts with at most a quarter of a minute of waiting. */
export function retryPolicy(io: Io): RetryPolicy {
  return { clock: systemClock, signal: io.abort };
}

/** Who drives objects: this process, or workers that Temporal asks. */
export type Engine = 'local' | 'temporal';

/** What a command that changes stores works with. */
export interface Session {
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly stores: ReadonlyMap<string, Store>;
  readonly context: StepContext;
  readonly runId: number;
  /** The limits that hold, followed as they change. */
  readonly limits: LiveLimits;
  /** Says more of the command to who looks on. */
  readonly about: Following['about'];
}

/**
 * Takes the lock, opens ledger and stores, does the work and closes all of it, whatever happens. The ledger says how the
 * invocation ended.
 */
export async function withSession<T>(
  command: string,
  opened: Opened,
  io: Io,
  work: (session: Session) => Promise<T>,
  engine: Engine = 'local',
): Promise<T> {
  const lock = takeLock(opened.stateDir, command);
  try {
    requireNoRecovery(opened.stateDir);
    if (engine === 'local') refuseAway(opened.stateDir, command);
    else refuseChanged(opened.stateDir, opened.plan.digest);
    const ledger = Ledger.open(opened.stateDir);
    try {
      gatherLeft(opened, ledger);
      try {
        return await recorded(ledger, callOf(command, opened), io, () =>
          withStores(command, opened, io, ledger, work, engine),
        );
      } finally {
        if (ledger.isBound) gatherEvidence(opened, ledger);
      }
    } finally {
      ledger.close();
    }
  } finally {
    lock.release();
  }
}

async function withStores<T>(
  command: string,
  { plan, stateDir, maxConcurrency }: Opened,
  io: Io,
  ledger: Ledger,
  work: (session: Session) => Promise<T>,
  engine: Engine,
): Promise<T> {
  using following = followLimits(command, { plan, stateDir, maxConcurrency }, io);
  const { limits, about } = following;
  const stores = await openStores(plan, {
    env: io.env,
    retry: retryPolicy(io),
    missingCentre: (name) => (holdsCopies(plan, ledger, name) ? 'refuse' : 'make'),
    // Workers elsewhere may be writing: what they have begun is not what dead writers left.
    sweep: engine === 'local',
    limits,
    made: (made) => ledger.bind(routingOf(plan, made)),
    tried: (store) => recordObserved(ledger, store),
    signal: io.abort,
  });
  try {
    const context = contextOf(plan, ledger, stores, io);
    const runId = ledger.runs.begin(command);
    io.log.info({ command, plan: plan.name, digest: plan.digest }, 'started');
    return await work({ plan, ledger, stores, context, runId, limits, about });
  } finally {
    await closeStores(stores);
  }
}

/** What a store's server showed of itself, also where the plan expects nothing. */
export function recordObserved(ledger: Ledger, { name, observed }: Store): void {
  if (observed !== undefined) ledger.reach.observe(name, observed);
}

/** What the steps of a command need to know of the world. */
export function contextOf(plan: Plan, ledger: Ledger, stores: ReadonlyMap<string, Store>, io: Io): StepContext {
  return {
    plan,
    ledger: ledger.uuid,
    stores,
    clock: systemClock,
    uploads: ledger.uploads,
    history: ledger.history,
    partMemory: new BufferPool(PARTS_IN_MEMORY),
    retry: retryPolicy(io),
    signal: io.abort,
  };
}

/** Whether the ledger says that something was copied there: its folder is then not new but missing, as when a disk is not mounted. */
export function holdsCopies(plan: Plan, ledger: Ledger, centre: string): boolean {
  const there = new Set(plan.partitions.flatMap((partition) => (partition.to === centre ? [partition.name] : [])));
  return ledger.queries.tallies().some(({ partition, states }) => {
    return there.has(partition) && states.copied + states.verified + states.tombstoned + states.purged > 0;
  });
}

/** What of a plan the ledger is bound to. */
export function routingOf(plan: Plan, stores: ReadonlyMap<string, Store>): Routing {
  return {
    plan: plan.name,
    planDigest: plan.digest,
    routing: plan.routing,
    stores: [...stores.values()].map(({ name, location }) => ({ name, location })),
    partitions: plan.partitions.map(({ name, from, to }) => ({ name, from, to })),
  };
}
