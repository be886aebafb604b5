import type { Reached } from '../../base/egress.ts';
import { errorDocument } from '../../base/errors.ts';
import type { RunStatus } from '../../engine/temporal/client.ts';
import { type Away, readAway } from '../../ledger/away.ts';
import { Ledger } from '../../ledger/ledger.ts';
import { summarise } from '../../migration/summary.ts';
import { accessDocument } from '../access.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { type Opened, openPlan, withRecord } from '../session.ts';
import { printSummary } from '../summary-screen.ts';
import { verdictOf } from '../summary-text.ts';
import type { TemporalOptions } from '../temporal-options.ts';
import { verdictOfRun, watchRun } from '../watch.ts';
import { limitsNow } from './limits.ts';

export interface StatusOptions extends GlobalOptions, TemporalOptions {
  /** Stay, and show the run that is on until it ends. */
  readonly watch?: boolean;
}

/** `ferry status PLAN`: what the ledger knows, also while a run is on. Touches no store. */
export async function status(file: string, options: StatusOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withRecord('status', opened, io, async () => {
    if (options.watch !== true) {
      await told(opened, options, io);
      return 'done';
    }
    const watched = await watchRun(opened, io);
    const ofState = await told(opened, options, io);
    if (watched.ended === 'left') return 'done';
    if (watched.ended === 'run') return verdictOfRun(opened.plan.name, watched.run, ofState);
    io.tell('ferry: nothing is at work on this plan; this is how it stands');
    return ofState;
  });
}

/** @returns what the state says: whether any object needs a person. */
async function told({ plan, stateDir }: Opened, options: StatusOptions, io: Io): Promise<Verdict> {
  const away = readAway(stateDir);
  const workers = away?.state === 'out' ? await workersOf(away, options, io) : null;
  const ledger = Ledger.read(stateDir);
  try {
    const summary = summarise(plan, ledger);
    const last = ledger?.runs.last();
    const transferred = { objects: last?.objects ?? 0, bytes: last?.bytes ?? 0 };
    const seconds = last === undefined ? 0 : ((last.endedAt ?? last.updatedAt) - last.startedAt) / 1000;
    const lastRun = last === undefined ? null : { ...last, rate: rate(transferred, seconds) };
    const egress = ledger?.reach.last() ?? [];
    io.document({
      ...summary,
      transferred,
      seconds,
      lastRun,
      egress: egress.map(shown),
      limits: limitsNow({ plan, stateDir }),
      lastError: summary.unresolved.at(-1)?.reason ?? null,
      access: accessOf(ledger),
      workers,
    });
    printSummary(summary, transferred, seconds, io);
    if (workers !== null) io.print(`\n${workersText(workers)}`);
    if (ledger === undefined) io.print('\nNo run of this plan has begun yet.');
    return verdictOf(summary);
  } finally {
    ledger?.close();
  }
}

/** What workers have of the plan, whose counts come home with it. A server that does not answer leaves the rest to be told. */
async function workersOf(away: Away, options: TemporalOptions, io: Io): Promise<WorkersStatus> {
  const where = { address: away.address, workflow: away.workflow, since: away.since };
  try {
    const { clientOf } = await import('./order.ts');
    await using client = await clientOf(away, options, io);
    return { ...where, ...(await client.status(away)) };
  } catch (error) {
    return { ...where, error: errorDocument(error) };
  }
}

type WorkersStatus = Pick<Away, 'workflow' | 'address' | 'since'> &
  (RunStatus | { readonly error: ReturnType<typeof errorDocument> });

function workersText(workers: WorkersStatus): string {
  const { address, since } = workers;
  if ('error' in workers)
    return `Workers have objects of this plan since ${since}; ${address}: ${workers.error['why']}`;
  const { shards, states, paused, faults } = workers;
  const objects = Object.entries(states).map(([state, count]) => `${count} ${state}`);
  const lines = [
    `Workers${paused ? ', which are paused,' : ''} have objects of this plan since ${since}: ${shards.done} of ${shards.all} shards are done, ` +
      `${shards.underWay.length} under way${shards.failed > 0 ? `, ${shards.failed} failed` : ''}.`,
    ...(objects.length > 0
      ? [`Of these shards: ${objects.join(', ')}. The table above gets them when they come home.`]
      : []),
    ...faults.map((fault) => `  ${fault}`),
  ];
  return lines.join('\n');
}

/** As the document has it: what belongs to no store has none. */
function shown({ store, ...rest }: Reached) {
  return { store: store ?? null, ...rest };
}

/** How many of the newest calls `--json` tells; `ferry policy access` tells all. */
const NEWEST = 20;

function accessOf(ledger: Ledger | undefined) {
  return ledger?.access.last(NEWEST).map(accessDocument) ?? [];
}

function rate(moved: { readonly objects: number; readonly bytes: number }, seconds: number) {
  if (seconds === 0) return { objectsPerSecond: 0, bytesPerSecond: 0 };
  return { objectsPerSecond: moved.objects / seconds, bytesPerSecond: moved.bytes / seconds };
}
