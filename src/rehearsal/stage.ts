import type { Plan } from '../plan/types.ts';
import type { CheckBook } from './checks.ts';
import { type Ran, runFerry } from './ferry-process.ts';
import type { Outside } from './outside.ts';
import type { PopulationLog } from './population-log.ts';
import type { StandIns } from './stand-ins.ts';

/** What every act of a rehearsal works with. */
export interface Stage {
  /** The real plan, of which nothing is touched. */
  readonly plan: Plan;
  readonly standIns: StandIns;
  readonly log: PopulationLog;
  readonly checks: CheckBook;
  /** The copies of the plan: one holds, the other's hold is over at once. They share one ledger. */
  readonly files: { readonly holds: string; readonly over: string };
  readonly stateDir: string;
  readonly seed: number;
  readonly tell: (text: string) => void;
  readonly signal: AbortSignal;
}

export function outsideOf({ standIns }: Stage, store: string): Outside {
  const outside = standIns.outside.get(store);
  if (outside === undefined) throw new Error(`there is no store ${store}`);
  return outside;
}

export async function ferryOn(stage: Stage, args: readonly string[], killAfterMs?: number): Promise<Ran> {
  const { standIns, signal } = stage;
  return await runFerry(args, {
    env: standIns.env,
    signal,
    ...(killAfterMs === undefined ? {} : { killAfterMs }),
  });
}

/** The last thing that a command said, for a report. */
export function lastOf({ said, code }: Ran): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('{'));
  return `exit code ${code}${lines.length === 0 ? '' : `: ${lines.slice(-3).join(' ')}`}`;
}

/** A name of an object in a report. */
export function named(store: string, key: string): string {
  return `${store} ${JSON.stringify(key)}`;
}
