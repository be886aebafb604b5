import { Argument, type Command } from 'commander';
import { type Act, withGlobals } from './command-line.ts';
import { explain } from './commands/explain.ts';
import { type UpgradeOptions, upgradeState } from './commands/upgrade-state.ts';
import { bashScript } from './completion/bash.ts';
import { fishScript } from './completion/fish.ts';
import { zshScript } from './completion/zsh.ts';
import type { GlobalOptions } from './io.ts';
import { examplesOf } from './reference/examples.ts';
import { modelOf } from './reference/model.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

type Shell = keyof typeof SCRIPTS;

const SHELLS = Object.keys(SCRIPTS) as readonly Shell[];

/** `ferry explain`, `ferry completion`, `ferry upgrade-state`: what makes ferry easier to live with, and touches no store. */
export function addHabits(program: Command, act: Act): void {
  const add = (name: string, description: string): Command =>
    withGlobals(program.command(name).description(description).exitOverride());
  act(
    add('explain', 'what a state, an exit code, a rule or a finding means, and what to do').argument(
      '[word]',
      'such as conflict, 75, R005, coverage; left out: all',
    ),
    (word: string | undefined, _options, io) => explain(word, io),
  );
  act<UpgradeOptions>(
    add('upgrade-state', 'bring a ledger of an older ferry to this version, after a copy of it was made')
      .argument('<plan>')
      .option('--dry-run', 'only tell from which version to which'),
    upgradeState,
  );
  act<GlobalOptions>(
    add('completion', 'print what makes a shell complete ferry’s commands').addArgument(
      new Argument('<shell>', 'which').choices(SHELLS),
    ),
    async (shell, _options, io) => {
      const script = SCRIPTS[shell as Shell](modelOf(program, examplesOf));
      io.document({ shell, script });
      io.print(script.trimEnd());
      return 'done';
    },
  );
}
