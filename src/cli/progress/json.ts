import type { Meter } from './meter.ts';
import type { Eta } from './pace.ts';
import type { Progress, Snapshot } from './types.ts';

const EVERY_MS = 5_000;

/** Rates are smoothed from looks that are closer than that. */
const LOOK_EVERY_MS = 1_000;

/** Progress for programs: a line of JSON at the beginning, each five seconds, and at the end (docs/operations.md). */
export function startJson(meter: Meter, write: (line: string) => void): Progress {
  let shown = performance.now();
  const show = (snapshot: Snapshot, ended: boolean): void =>
    write(`${JSON.stringify(progressDocument(snapshot, ended))}\n`);
  const timer = setInterval(() => {
    const snapshot = meter.snapshot();
    if (performance.now() - shown < EVERY_MS) return;
    shown = performance.now();
    show(snapshot, false);
  }, LOOK_EVERY_MS).unref();
  show(meter.snapshot(), false);
  return {
    listener: (event) => meter.take(event),
    end: async () => {
      clearInterval(timer);
      show(meter.snapshot(), true);
    },
  };
}

/** As the lines have it. Members may be added, none is changed. */
export function progressDocument(snapshot: Snapshot, ended: boolean) {
  const { plan, command, seconds, listed, totals, objectsPerSecond, bytesPerSecond, slowest, limits } = snapshot;
  return {
    type: 'progress',
    plan,
    command,
    at: new Date().toISOString(),
    ended,
    seconds,
    ...(listed === undefined ? {} : { listed }),
    totals,
    rate: objectsPerSecond === undefined ? null : { objectsPerSecond, bytesPerSecond: bytesPerSecond ?? 0 },
    eta: range(snapshot.eta),
    slowest: slowest ?? null,
    errors: snapshot.errors,
    retries: snapshot.retries,
    limits:
      limits === undefined
        ? null
        : { ...limits, bandwidth: limits.bandwidth ?? null, requests: limits.requests ?? null },
    partitions: snapshot.partitions.map(({ name, objects, done, unresolved, bytes, doneBytes, ...rest }) => ({
      name,
      objects,
      done,
      unresolved,
      bytes: rest.sent ?? 0,
      bytesPerSecond: rest.bytesPerSecond ?? 0,
      ...(rest.eta === undefined ? {} : { eta: rest.eta.likely }),
      size: bytes,
      doneSize: doneBytes,
      range: range(rest.eta),
    })),
  };
}

/** `high` is null where no end can be told. */
function range(eta: Eta | undefined) {
  return eta === undefined ? null : { ...eta, high: eta.high ?? null };
}
