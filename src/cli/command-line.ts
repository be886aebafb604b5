import type { Command } from 'commander';
import type { GlobalOptions, Io, Verdict } from './io.ts';

/** Says what a command does. `argument` is the first one, or empty. */
export type Act = <T extends GlobalOptions>(
  command: Command,
  action: (argument: string, options: T, io: Io) => Promise<Verdict>,
) => void;

/** What every command takes. */
export function withGlobals(command: Command): Command {
  return command
    .option('--json', 'one JSON document on standard output, all else on standard error')
    .option('--state <dir>', 'state directory (default: .ferry/NAME beside the plan)')
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal, silent')
    .option('--log-file <file>', 'append the log (NDJSON) to this file')
    .option('--no-color', 'no colours')
    .option('--yes', 'do not ask');
}

/** Of an option that may be given again. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
