import { type Command, Option } from 'commander';
import { type Act, withGlobals } from './command-line.ts';
import type { RehearseOptions } from './commands/rehearse.ts';

/** `ferry rehearse`. What it needs is loaded when it is called. */
export function addRehearse(program: Command, act: Act): void {
  act<RehearseOptions>(
    withGlobals(
      program
        .command('rehearse')
        .description(
          'the whole plan on throw-away stores with synthetic users, disturbed and killed; every rule checked',
        )
        .exitOverride(),
    )
      .argument('<plan>')
      .addOption(
        new Option('--scenario <name>', 'how it is disturbed').choices(['calm', 'flaky', 'hostile']).default('flaky'),
      )
      .option('--users <n>', 'how many synthetic users for each partition', '200')
      .option('--objects <n>', 'how many objects in all (default: two or three for each user)')
      .addOption(
        new Option(
          '--sizes <mix>',
          'of the objects (default: as the plan’s ledger or --sealed tells, else mixed)',
        ).choices(['small', 'mixed', 'large']),
      )
      .option('--sealed <file>', 'a sealed plan whose counts and sums the population follows')
      .option('--kills <n>', 'how often to kill the run (default: as the scenario says)')
      .option('--seed <n>', 'seed of all that is random')
      .option('--junit <file>', 'write the checks there as JUnit XML')
      .addOption(new Option('--sabotage <what>').choices(['altered-copy']).hideHelp()),
    async (file, options, io) => await (await import('./commands/rehearse.ts')).rehearseCommand(file, options, io),
  );
}
