import { steadyClock } from '../../base/clock.ts';
import type { EngineEvent } from '../../engine/events.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { isUnresolved, type State } from '../../ledger/lifecycle.ts';
import type { Finish } from '../../plan/types.ts';
import { formatBytes, formatDuration } from '../../plan/units.ts';

/** How one partition is getting on. `done` counts objects that reached the end of this run or need a person. */
export interface PartitionProgress {
  readonly name: string;
  readonly objects: number;
  readonly done: number;
  readonly unresolved: number;
  /** Written to the centre in this invocation. */
  readonly bytes: number;
  readonly bytesPerSecond: number;
  /** Seconds left, or `undefined` while nothing can be said. */
  readonly eta: number | undefined;
}

export interface Snapshot {
  readonly seconds: number;
  readonly listed: number | undefined;
  readonly partitions: readonly PartitionProgress[];
}

interface Count {
  objects: number;
  done: number;
  unresolved: number;
  bytes: number;
  finished: number;
}

const REACHED: Readonly<Record<Finish, readonly State[]>> = {
  copied: ['copied', 'verified', 'tombstoned', 'purged', 'restored'],
  verified: ['verified', 'tombstoned', 'purged', 'restored'],
  tombstoned: ['tombstoned', 'purged', 'restored'],
};

/** Adds up what an engine tells, on top of what the ledger held before. */
export class Meter {
  readonly #until: Finish;
  readonly #ledger: Ledger;
  readonly #started = steadyClock.now();
  readonly #counts = new Map<string, Count>();
  #listed: number | undefined;

  constructor(until: Finish, ledger: Ledger) {
    this.#until = until;
    this.#ledger = ledger;
    this.#readLedger();
  }

  take(event: EngineEvent): void {
    if (event.type === 'listing') this.#listed = event.entries;
    if (event.type === 'listed') {
      this.#listed = undefined;
      this.#readLedger();
    }
    if (event.type !== 'moved') return;
    const count = this.#counts.get(event.partition);
    if (count === undefined) return;
    count.bytes += event.moved ?? 0;
    const before = this.#isDone(event.from);
    const after = this.#isDone(event.to);
    if (after && !before) count.finished += 1;
    count.done += Number(after) - Number(before);
    count.unresolved += Number(isUnresolved(event.to)) - Number(isUnresolved(event.from));
  }

  snapshot(): Snapshot {
    const seconds = (steadyClock.now() - this.#started) / 1000;
    return {
      seconds,
      listed: this.#listed,
      partitions: [...this.#counts].map(([name, { objects, done, unresolved, bytes, finished }]) => ({
        name,
        objects,
        done,
        unresolved,
        bytes,
        bytesPerSecond: seconds > 0 ? bytes / seconds : 0,
        eta: finished > 0 ? ((objects - done) * seconds) / finished : undefined,
      })),
    };
  }

  #isDone(state: State): boolean {
    return isUnresolved(state) || REACHED[this.#until].includes(state);
  }

  #readLedger(): void {
    for (const { partition, objects, states } of this.#ledger.queries.tallies()) {
      const entries = Object.entries(states) as [State, number][];
      const sum = (wanted: (state: State) => boolean): number =>
        entries.reduce((total, [state, n]) => total + (wanted(state) ? n : 0), 0);
      const before = this.#counts.get(partition);
      this.#counts.set(partition, {
        objects,
        done: sum((state) => this.#isDone(state)),
        unresolved: sum(isUnresolved),
        bytes: before?.bytes ?? 0,
        finished: before?.finished ?? 0,
      });
    }
  }
}

/** `nordic  1200/5000 objects  24%  12.0 MiB  3.1 MiB/s  ETA 1m 3s` */
export function progressText(partition: PartitionProgress): string {
  const { name, objects, done, unresolved, bytes, bytesPerSecond, eta } = partition;
  const percent = objects === 0 ? 100 : Math.floor((100 * done) / objects);
  const rest = done === objects ? 'done' : eta === undefined ? 'ETA -' : `ETA ${formatDuration(Math.ceil(eta) * 1000)}`;
  const people = unresolved > 0 ? `  ${unresolved} need a person` : '';
  return `${name}  ${done}/${objects} objects  ${percent}%  ${formatBytes(bytes)}  ${formatBytes(Math.round(bytesPerSecond))}/s  ${rest}${people}`;
}
