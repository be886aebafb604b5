import type { Listener } from '../../engine/events.ts';
import type { Unresolved } from '../../ledger/lifecycle.ts';
import type { Eta } from './pace.ts';

export const PROGRESS_MODES = ['auto', 'tty', 'json', 'none'] as const;

export type ProgressMode = (typeof PROGRESS_MODES)[number];

/** Shows how a run is getting on, on standard error, until `end`. */
export interface Progress {
  readonly listener: Listener;
  end(): Promise<void>;
}

/** Objects and bytes. `done`: they reached the end of this run, or need a person. */
export interface Counts {
  readonly objects: number;
  readonly bytes: number;
  readonly done: number;
  readonly doneBytes: number;
  readonly unresolved: number;
}

/** How one partition is getting on. */
export interface PartitionProgress extends Counts {
  readonly name: string;
  /** Written to its centre in this invocation, in bytes; `undefined` for who looks on. */
  readonly sent: number | undefined;
  /** Done in a second, smoothed; `undefined` while too little is known. */
  readonly bytesPerSecond: number | undefined;
  readonly eta: Eta | undefined;
}

/** The limits that hold: bytes a second, requests a second and store, objects at once. `undefined`: no limit. */
export interface LimitsShown {
  readonly bandwidth: number | undefined;
  readonly requests: number | undefined;
  readonly concurrency: number;
}

/** How a plan is getting on at one moment. */
export interface Snapshot {
  readonly plan: string;
  /** What is at work: `run`. */
  readonly command: string;
  /** Since it began. */
  readonly seconds: number;
  /** Entries listed so far, while a source is listed. */
  readonly listed: number | undefined;
  readonly totals: Counts;
  readonly objectsPerSecond: number | undefined;
  readonly bytesPerSecond: number | undefined;
  /** `undefined` also while a source is listed: what is left is not known then. */
  readonly eta: Eta | undefined;
  /** The partition that should end last, of those that are at work. */
  readonly slowest: string | undefined;
  /** Objects that need a person, by state; only what there is. */
  readonly errors: Readonly<Partial<Record<Unresolved, number>>>;
  /** Steps that were tried again, by step; of this invocation. */
  readonly retries: Readonly<Record<string, number>>;
  readonly limits: LimitsShown | undefined;
  readonly partitions: readonly PartitionProgress[];
}
