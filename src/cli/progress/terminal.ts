import { setTimeout as delay } from 'node:timers/promises';
import { Listr, ListrLogger, ProcessOutput } from 'listr2';
import type { Io } from '../io.ts';
import { type Meter, progressText, type Snapshot } from './meter.ts';
import type { Progress } from './types.ts';

const EVERY_MS = 250;

/** Progress on a terminal: a line a partition, redrawn in place on standard error. */
export function startTerminal(meter: Meter, io: Io): Progress {
  // listr2 and what it draws with know no other switch.
  if (!io.color) process.env['NO_COLOR'] = '1';
  const ended = new AbortController();
  const names = meter.snapshot().partitions.map((partition) => partition.name);
  const list = new Listr(
    names.map((name) => ({
      title: name,
      task: async (_context: unknown, task: { title?: string }): Promise<void> => {
        while (!ended.signal.aborted) {
          task.title = line(meter.snapshot(), name);
          await delay(EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
        }
        task.title = line(meter.snapshot(), name);
      },
    })),
    {
      concurrent: true,
      // The command's own handlers drain the run; listr2's would end the process in the middle of it.
      registerSignalListeners: false,
      rendererOptions: {
        logger: new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) }),
        collapseSubtasks: false,
      },
    },
  );
  const shown = list.run();
  return {
    listener: (event) => meter.take(event),
    end: async () => {
      ended.abort();
      await shown;
    },
  };
}

function line(snapshot: Snapshot, name: string): string {
  const partition = snapshot.partitions.find((candidate) => candidate.name === name);
  if (snapshot.listed !== undefined && partition?.objects === 0)
    return `${name}  listing: ${snapshot.listed} entries so far`;
  return partition === undefined ? name : progressText(partition);
}
