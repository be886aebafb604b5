import type { Command } from 'commander';
import { type Act, withGlobals } from './command-line.ts';
import { type LimitsOptions, limitsCommand } from './commands/limits.ts';

/** `ferry limits PLAN` */
export function addLimits(program: Command, act: Act): void {
  act<LimitsOptions>(
    withGlobals(
      program
        .command('limits')
        .description('tell the limits that hold, and change them while a run is on')
        .exitOverride(),
    )
      .argument('<plan>')
      .option('--bandwidth <rate>', 'bytes a second from all sources, such as 10MiB/s, or none')
      .option('--requests <rate>', 'requests a second to each store, such as 100/s, or none')
      .option('--concurrency <n>', 'objects in work at once')
      .option('--clear', 'forget what was set before; the limits of the plan hold again'),
    limitsCommand,
  );
}
