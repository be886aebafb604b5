import { steadyClock } from '../../base/clock.ts';
import { errorDocument, FerryError } from '../../base/errors.ts';
import type { Listener } from '../../engine/events.ts';
import type { Moved } from '../../engine/local.ts';
import { migrate } from '../../engine/migrate.ts';
import { type Summary, summarise } from '../../migration/summary.ts';
import type { LimitsNow } from '../../plan/limits-at.ts';
import { openRouter } from '../../plan/router.ts';
import type { Finish } from '../../plan/types.ts';
import { type ApprovalOptions, needsApproval, readAuthority } from '../approvals.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { logListener } from '../log-listener.ts';
import type { Metered } from '../progress/meter.ts';
import { startProgress } from '../progress/progress.ts';
import type { LimitsShown, ProgressMode } from '../progress/types.ts';
import { type Engine, openPlan, retryPolicy, type Session, withSession } from '../session.ts';
import { printSummary } from '../summary-screen.ts';
import { verdictOf } from '../summary-text.ts';
import type { TemporalOptions } from '../temporal-options.ts';
import type { Shared } from '../temporal-run.ts';

export interface RunOptions extends GlobalOptions, ApprovalOptions, TemporalOptions {
  readonly until?: Finish;
  readonly partition?: readonly string[];
  readonly progress: ProgressMode;
  /** False: sources whose listing is complete are not listed again. */
  readonly list?: boolean;
  readonly engine: Engine;
  readonly shardsAtOnce?: string;
}

/** How often the ledger is told how much this invocation has sent. */
const TELL_EVERY_MS = 1_000;

/** `ferry run PLAN`: takes every object to `finish`, and goes on where it was after any stop. */
export async function run(file: string, options: RunOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const { plan } = opened;
  const partitions = options.partition === undefined ? undefined : new Set(options.partition);
  const until = earlier(options.until ?? plan.finish, plan.finish);
  const openAuthority = readAuthority(
    plan,
    options,
    until === 'tombstoned' ? needsApproval(plan, 'tombstone') : undefined,
    io,
  );
  // Who does not use it need not have its packages.
  const shared =
    options.engine === 'temporal'
      ? await (await import('../temporal-run.ts')).openShared(plan, options, io)
      : undefined;
  const started = steadyClock.now();
  const all = async (session: Session): Promise<Verdict> => {
    const moved: Moved = { objects: 0, bytes: 0 };
    try {
      await work(session, { until, partitions, openAuthority, shared }, options, io, moved);
    } catch (error) {
      report(session, options, moved, (steadyClock.now() - started) / 1000, io, error);
      throw error;
    }
    return verdictOf(report(session, options, moved, (steadyClock.now() - started) / 1000, io));
  };
  try {
    return await withSession('run', opened, io, all, options.engine);
  } finally {
    await shared?.[Symbol.asyncDispose]();
  }
}

interface Asked {
  readonly until: Finish;
  readonly partitions: ReadonlySet<string> | undefined;
  readonly openAuthority: ReturnType<typeof readAuthority>;
  readonly shared: Shared | undefined;
}

async function work(
  session: Session,
  { until, partitions, openAuthority, shared }: Asked,
  options: RunOptions,
  io: Io,
  moved: Moved,
): Promise<void> {
  const { plan, ledger, context, runId, limits } = session;
  session.about({ until, partitions: partitions === undefined ? null : [...partitions] });
  const router = await openRouter(plan);
  const progress = await startProgress(options.progress, metered(session, until, partitions), io);
  // The first one is told at once: the clock may have begun a moment ago.
  let told = Number.NEGATIVE_INFINITY;
  const count: Listener = (event) => {
    if (event.type !== 'moved' || event.moved === undefined) return;
    moved.objects += 1;
    moved.bytes += event.moved;
    if (steadyClock.now() - told < TELL_EVERY_MS) return;
    told = steadyClock.now();
    // Only for who looks on with `ferry status`; a ledger that cannot be written is found by the next step.
    ledger.runs.progress(runId, moved).catch(() => undefined);
  };
  const listeners = [count, progress.listener, logListener(io.log)];
  const listener: Listener = (event) => {
    for (const one of listeners) one(event);
  };
  let outcome = 'done';
  try {
    const home = shared?.at(session, { until, partitions });
    if (home !== undefined) add(moved, await home.bringBack());
    const authority = openAuthority(ledger);
    const retry = retryPolicy(io);
    const lists = options.list !== false;
    if (!lists)
      io.tell('sources whose listing is complete are not listed again: what was written since is not looked for');
    await migrate({
      context,
      ledger,
      router,
      until,
      partitions,
      authority,
      lists,
      retry,
      listener,
      stop: io.stop,
      limits,
      ...(home === undefined
        ? {}
        : { drives: async (context, states) => add(moved, await home.drive(context, states)) }),
    });
  } catch (error) {
    outcome = error instanceof FerryError ? error.fault : 'fault';
    throw error;
  } finally {
    await progress.end();
    router.close();
    ledger.runs.end(runId, outcome, moved);
  }
}

/** What the progress of a run is measured by. */
function metered(
  { plan, ledger, limits }: Session,
  until: Finish,
  partitions: ReadonlySet<string> | undefined,
): Metered {
  const now = (): number => performance.now() / 1000;
  const names = plan.partitions.map(({ name }) => name);
  return {
    plan: plan.name,
    command: 'run',
    partitions: partitions === undefined ? names : names.filter((name) => partitions.has(name)),
    until,
    standing: () => ledger.queries.standing(),
    limits: () => limitsShown(limits.now),
    now,
    since: now(),
  };
}

function limitsShown({ bandwidth, requests, concurrency }: LimitsNow): LimitsShown {
  return { bandwidth: bandwidth.value, requests: requests.value, concurrency: concurrency.value };
}

/** What workers have moved was told to nobody here before. */
function add(moved: Moved, more: Moved): Moved {
  moved.objects += more.objects;
  moved.bytes += more.bytes;
  return more;
}

function report(
  session: Session,
  options: RunOptions,
  moved: Moved,
  seconds: number,
  io: Io,
  error?: unknown,
): Summary {
  const summary = summarise(session.plan, session.ledger);
  const failed = error === undefined ? {} : { error: errorDocument(error) };
  const unlisted = options.list === false ? { relisted: false } : {};
  io.document({ ...summary, transferred: { ...moved }, seconds, ...unlisted, ...failed });
  printSummary(summary, moved, seconds, io);
  return summary;
}

/** `--until` can end a run before the plan's `finish`, never go beyond what was reviewed. */
function earlier(asked: Finish, planned: Finish): Finish {
  const order: readonly Finish[] = ['copied', 'verified', 'tombstoned'];
  if (order.indexOf(asked) <= order.indexOf(planned)) return asked;
  throw new FerryError({
    fault: 'usage',
    op: 'run the plan',
    subject: `--until ${asked}`,
    why: `the plan ends at finish: ${planned}`,
    hint: 'change `finish` in the plan, so that it can be reviewed',
  });
}
