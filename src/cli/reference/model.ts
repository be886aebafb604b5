import { type Argument, type Command, Help, type Option } from 'commander';

/** The command line as data: what completion, the man page and docs/reference.md are made of. */
export interface CommandModel {
  /** Without `ferry`: `['evidence', 'export']`; empty for the program itself. */
  readonly path: readonly string[];
  readonly description: string;
  readonly usage: string;
  readonly arguments: readonly ArgumentModel[];
  readonly options: readonly OptionModel[];
  /** Names of its own commands. */
  readonly commands: readonly string[];
  readonly examples: readonly (readonly [command: string, says: string])[];
}

export interface ArgumentModel {
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  readonly choices: readonly string[];
  readonly default: string | undefined;
}

export interface OptionModel {
  /** `--until <state>` */
  readonly flags: string;
  readonly long: string;
  /** Of its value; `undefined` where it takes none. */
  readonly value: string | undefined;
  readonly description: string;
  readonly choices: readonly string[];
  readonly default: string | undefined;
  readonly required: boolean;
}

/** All commands, a group before its own, in the order of `--help`. What `--help` hides is left out. */
export function modelOf(command: Command, examples: ExamplesOf, path: readonly string[] = []): CommandModel[] {
  const help = new Help();
  const shown = help.visibleCommands(command).filter((one) => one.name() !== 'help');
  const mine: CommandModel = {
    path,
    description: command.description(),
    usage: ['ferry', ...path, command.usage()].join(' '),
    arguments: command.registeredArguments.map(argumentOf),
    options: help
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .map(optionOf),
    commands: shown.map((one) => one.name()),
    examples: examples(path.join(' ')),
  };
  return [mine, ...shown.flatMap((one) => modelOf(one, examples, [...path, one.name()]))];
}

export type ExamplesOf = (path: string) => CommandModel['examples'];

function argumentOf(argument: Argument): ArgumentModel {
  return {
    name: argument.name(),
    required: argument.required,
    description: argument.description,
    choices: argument.argChoices ?? [],
    default: textOf(argument.defaultValue),
  };
}

function optionOf(option: Option): OptionModel {
  return {
    flags: option.flags,
    long: option.long ?? option.flags,
    value: /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1],
    description: option.description,
    choices: option.argChoices ?? [],
    default: option.negate ? undefined : textOf(option.defaultValue),
    required: option.mandatory,
  };
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}
