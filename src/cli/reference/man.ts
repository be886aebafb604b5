import { EXIT_CODES } from '../exit-codes.ts';
import { globalsOf, ownOptions } from './markdown.ts';
import type { CommandModel, OptionModel } from './model.ts';

/** docs/man/ferry.1, in the macros of man(7). */
export function manPage(commands: readonly CommandModel[]): string {
  const globals = globalsOf(commands);
  const [program] = commands;
  const mine = commands.filter(({ path, commands: own }) => path.length > 0 && own.length === 0);
  return `${[
    '.\\" Made from the code by `npm run generate`.',
    '.TH FERRY 1',
    '.SH NAME',
    'ferry \\- move people\\(aqs data into EU/EEA data centres, and empty the source only after proof',
    '.SH SYNOPSIS',
    '.B ferry',
    '.I command',
    '[\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    text(program?.description ?? ''),
    '.PP',
    text(
      'A plan in YAML says which objects of which stores go where. Every step is in a ledger on disk before the next one starts, so a run can be killed at any moment and run again.',
    ),
    '.SH OPTIONS OF EVERY COMMAND',
    ...globals.flatMap(optionLines),
    '.SH COMMANDS',
    ...mine.flatMap((command) => commandLines(command, globals)),
    '.SH EXIT STATUS',
    ...EXIT_CODES.flatMap(({ code, means }) => ['.TP', `.B ${code}`, text(means)]),
    '.SH EXAMPLES',
    ...mine
      .flatMap(({ examples }) => examples.slice(0, 1))
      .flatMap(([command, says]) => ['.TP', `.B ${text(command)}`, text(says)]),
    '.SH SEE ALSO',
    text(
      'The documents beside this page, docs/plan.md and docs/operations.md first; docs/reference.md has every field of a plan.',
    ),
  ].join('\n')}\n`;
}

function commandLines(command: CommandModel, globals: readonly OptionModel[]): string[] {
  return [
    `.SS ${text(command.usage)}`,
    text(`${command.description}.`),
    ...command.arguments
      .filter(({ description, choices }) => description !== '' || choices.length > 0)
      .flatMap(({ name, description, choices }) => [
        '.TP',
        `.I ${text(name)}`,
        text(says(description, choices, undefined)),
      ]),
    ...ownOptions(command, globals).flatMap(optionLines),
  ];
}

function optionLines({ flags, description, choices, default: value }: OptionModel): string[] {
  return ['.TP', `.B ${text(flags)}`, text(says(description, choices, value))];
}

function says(description: string, choices: readonly string[], value: string | undefined): string {
  return [
    description,
    ...(choices.length > 0 ? [`one of ${choices.join(', ')}`] : []),
    ...(value === undefined ? [] : [`default ${value}`]),
  ]
    .filter((part) => part !== '')
    .join('; ');
}

/** Text that roff takes as it is meant: hyphens stay hyphens, and no line begins with a control character. */
function text(plain: string): string {
  const escaped = plain
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll("'", '\\(aq')
    .replaceAll('"', '\\(dq')
    .replaceAll('`', '\\(ga');
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}
