import type { Command } from 'commander';
import { type Act, withGlobals } from './command-line.ts';
import type { WorkerOptions } from './commands/worker.ts';
import type { GlobalOptions } from './io.ts';
import { type TemporalOptions, withTemporal } from './temporal-options.ts';

/** `ferry worker`, `ferry pause PLAN` and `ferry resume PLAN` */
export function addWorkers(program: Command, act: Act): void {
  const add = (name: string, description: string): Command =>
    withTemporal(withGlobals(program.command(name).description(description).exitOverride()));
  act<WorkerOptions>(
    add('worker', 'work on shards of runs with --engine temporal; SIGTERM saves what is under way and ends it')
      .argument('[plan]', 'take work of this plan alone; left out, of any')
      .requiredOption('--jurisdiction <country>', 'where this worker runs (ISO 3166-1 alpha-2)')
      .option('--shards <n>', 'shards at once (default: 1)')
      .option('--work <dir>', 'where segments lie meanwhile (default: .ferry/worker-N, the first that is free)'),
    async (file, options, io) => await (await import('./commands/worker.ts')).workerCommand(file, options, io),
  );
  act<GlobalOptions & TemporalOptions>(
    add('pause', 'let workers save what they have and wait; `ferry resume` lets them go on').argument('<plan>'),
    async (file, options, io) => await (await import('./commands/order.ts')).orderCommand('pause', file, options, io),
  );
  act<GlobalOptions & TemporalOptions>(
    add('resume', 'let workers go on that wait since `ferry pause`').argument('<plan>'),
    async (file, options, io) => await (await import('./commands/order.ts')).orderCommand('resume', file, options, io),
  );
}
