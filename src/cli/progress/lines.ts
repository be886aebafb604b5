import { formatBytes } from '../../plan/units.ts';
import type { Io } from '../io.ts';
import type { Meter } from './meter.ts';
import type { Progress, Snapshot } from './types.ts';
import { count, errorsText, etaText, percent, rateText } from './words.ts';

/** A line of life now and then; a log of a night is not to be full of them. */
const EVERY_MS = 30_000;

/** Rates are smoothed from looks that are closer than that. */
const LOOK_EVERY_MS = 1_000;

/** Progress where nothing can be redrawn, as in pipes and CI: one line each half minute, and none of a run that is done before. */
export function startLines(meter: Meter, io: Io): Progress {
  let shown = performance.now();
  const timer = setInterval(() => {
    const snapshot = meter.snapshot();
    if (performance.now() - shown < EVERY_MS) return;
    shown = performance.now();
    io.tell(lineOf(snapshot));
  }, LOOK_EVERY_MS).unref();
  return {
    listener: (event) => meter.take(event),
    end: async () => clearInterval(timer),
  };
}

/** The whole of it in one line. */
export function lineOf(snapshot: Snapshot): string {
  const { listed, totals, eta } = snapshot;
  if (listed !== undefined) return `ferry: listing: ${count(listed)} entries so far`;
  const parts = [
    `${count(totals.done)} of ${count(totals.objects)} objects, ${percent(totals)}`,
    `${formatBytes(totals.doneBytes)} of ${formatBytes(totals.bytes)}`,
    rateText(snapshot),
    eta === undefined ? '' : `${etaText(eta)} left`,
    errorsText(snapshot),
  ];
  return `ferry: ${parts.filter((part) => part !== '').join('; ')}`;
}
