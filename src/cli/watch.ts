import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type Fault, FerryError } from '../base/errors.ts';
import { readWorking } from '../ledger/control.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { RunRecord } from '../ledger/run-book.ts';
import { sources } from '../plan/router.ts';
import type { Io, Verdict } from './io.ts';
import type { Metered } from './progress/meter.ts';
import { startProgress } from './progress/progress.ts';
import type { LimitsShown } from './progress/types.ts';
import type { Opened } from './session.ts';

/** How often it looks. */
const EVERY_MS = 1_000;

/** How a watch ended: there was no run, it was left, or the run came to its end. */
export type Watched =
  | { readonly ended: 'no run' }
  | { readonly ended: 'left' }
  | { readonly ended: 'run'; readonly run: RunRecord | undefined };

/** What a process at work says of itself, as far as a watch goes by it. */
const AtWork = z.looseObject({
  pid: z.int(),
  command: z.string(),
  since: z.string(),
  until: z.enum(['copied', 'verified', 'tombstoned']).optional(),
  partitions: z.array(z.string()).nullish(),
  limits: z.looseObject({
    bandwidth: z.looseObject({ value: z.number().nullable() }),
    requests: z.looseObject({ value: z.number().nullable() }),
    concurrency: z.looseObject({ value: z.number() }),
  }),
});
type AtWork = z.infer<typeof AtWork>;

function atWork(stateDir: string): AtWork | undefined {
  return AtWork.safeParse(readWorking(stateDir)).data;
}

/**
 * Shows the run that is on, from another process: reads its ledger beside it, and touches nothing. Comes back when that run has ended,
 * when `q` is typed, or at once where there is none.
 *
 * @throws FerryError `interrupted` at Ctrl-C; the run goes on.
 */
export async function watchRun(opened: Opened, io: Io): Promise<Watched> {
  const { plan, stateDir } = opened;
  const first = atWork(stateDir);
  if (first === undefined) return { ended: 'no run' };
  const isOn = (): boolean => atWork(stateDir)?.pid === first.pid;
  using keys = listenForKeys(io.stop);
  const ledger = await ledgerOf(stateDir, isOn, keys.signal);
  if (ledger === undefined) return keys.left ? { ended: 'left' } : { ended: 'run', run: undefined };
  try {
    io.log.info({ pid: first.pid, command: first.command }, 'watching');
    const progress = await startProgress('auto', metered(opened, ledger, first), io, EVERY_MS);
    while (isOn() && !keys.signal.aborted) await pause(keys.signal);
    await progress.end();
    if (keys.left) return { ended: 'left' };
    if (keys.signal.aborted) throw interrupted(plan.name);
    const run = ledger.runs.last();
    return { ended: 'run', run: run !== undefined && run.startedAt >= Date.parse(first.since) ? run : undefined };
  } finally {
    ledger.close();
  }
}

/** The exit code of a watch is that of the run it saw end: what the run's own outcome says, or else the state. @throws FerryError */
export function verdictOfRun(plan: string, run: RunRecord | undefined, ofState: Verdict): Verdict {
  if (run === undefined || run.outcome === 'done') return ofState;
  if (run.outcome === 'fault') return 'fault';
  throw new FerryError({
    fault: (run.outcome as Fault | undefined) ?? 'interrupted',
    op: `end ferry ${run.command}`,
    subject: plan,
    why:
      run.outcome === undefined ? 'its process ended in the middle, as when it is killed' : `it ended: ${run.outcome}`,
    hint: 'it told more where it was started; run again to go on',
  });
}

/** The ledger, which a run that has just begun may still have to make. */
async function ledgerOf(stateDir: string, isOn: () => boolean, signal: AbortSignal): Promise<Ledger | undefined> {
  for (;;) {
    const ledger = Ledger.read(stateDir);
    if (ledger !== undefined || !isOn() || signal.aborted) return ledger;
    await pause(signal);
  }
}

function metered({ plan, stateDir }: Opened, ledger: Ledger, first: AtWork): Metered {
  const now = (): number => performance.now() / 1000;
  const names = plan.partitions.map(({ name }) => name);
  const chosen = first.partitions ?? names;
  let last = first;
  return {
    plan: plan.name,
    command: first.command,
    partitions: names.filter((name) => chosen.includes(name)),
    until: first.until ?? plan.finish,
    standing: () => ledger.queries.standing(),
    limits: () => {
      last = atWork(stateDir) ?? last;
      return limitsShown(last);
    },
    now,
    since: now() - (Date.now() - Date.parse(first.since)) / 1000,
    listing: () => {
      const states = sources(plan).map((source) => ledger.inventory.state(source));
      if (states.every((state) => state?.complete === true)) return undefined;
      return states.reduce((sum, state) => sum + (state?.listed.objects ?? 0), 0);
    },
  };
}

function limitsShown({ limits: { bandwidth, requests, concurrency } }: AtWork): LimitsShown {
  return {
    bandwidth: bandwidth.value ?? undefined,
    requests: requests.value ?? undefined,
    concurrency: concurrency.value,
  };
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(EVERY_MS, undefined, { signal }).catch(() => undefined);
}

interface Keys extends Disposable {
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
  /** Whether that was asked for by `q`. */
  readonly left: boolean;
}

/** Hears `q` and Ctrl-C where there is a terminal, and signals everywhere. */
function listenForKeys(stop: AbortSignal): Keys {
  const typed = new AbortController();
  let left = false;
  const { stdin } = process;
  const onData = (data: Buffer): void => {
    const text = data.toString();
    if (text.includes('\u0003')) typed.abort();
    if (!/[qQ]/.test(text)) return;
    left = true;
    typed.abort();
  };
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', onData);
  }
  return {
    signal: AbortSignal.any([stop, typed.signal]),
    get left() {
      return left;
    },
    [Symbol.dispose]: () => {
      if (!stdin.isTTY) return;
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

function interrupted(plan: string): FerryError {
  return new FerryError({
    fault: 'interrupted',
    op: 'watch the run',
    subject: plan,
    why: 'it was left',
    hint: 'the run itself goes on',
  });
}
