import type { Io } from '../io.ts';
import { type Meter, progressText, type Snapshot } from './meter.ts';
import type { Progress } from './types.ts';

/** Often enough to see life, seldom enough for a log file. */
const EVERY_MS = 5_000;

/** Progress as lines, for pipes and CI: one a partition, or as `format` makes of a snapshot. */
export function startLines(meter: Meter, io: Io, format: (snapshot: Snapshot) => string = plain): Progress {
  const show = (): void => io.tell(format(meter.snapshot()));
  const timer = setInterval(show, EVERY_MS);
  timer.unref();
  return {
    listener: (event) => meter.take(event),
    end: async () => {
      clearInterval(timer);
      show();
    },
  };
}

function plain({ listed, partitions }: Snapshot): string {
  const listing = listed === undefined ? [] : [`listing: ${listed} entries so far`];
  return [...listing, ...partitions.map(progressText)].join('\n');
}
