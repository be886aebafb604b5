import type { Listener } from '../../engine/events.ts';

export const PROGRESS_MODES = ['auto', 'tty', 'json', 'none'] as const;

export type ProgressMode = (typeof PROGRESS_MODES)[number];

/** Shows how a run is getting on, on standard error, until `end`. */
export interface Progress {
  readonly listener: Listener;
  end(): Promise<void>;
}
