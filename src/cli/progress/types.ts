import type { Listener } from '../../engine/events.ts';

export type ProgressMode = 'auto' | 'tty' | 'json' | 'none';

/** Shows how a run is getting on, on standard error, until `end`. */
export interface Progress {
  readonly listener: Listener;
  end(): Promise<void>;
}
