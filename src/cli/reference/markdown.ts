import { KINDS, TOPICS } from '../explain/topics.ts';
import type { CommandModel, OptionModel } from './model.ts';
import { planFields } from './plan-fields.ts';

/** docs/reference.md: the command line, the plan's fields, and all that `ferry explain` knows. */
export function referenceMarkdown(commands: readonly CommandModel[]): string {
  const globals = globalsOf(commands);
  const mine = commands.filter(({ path, commands: own }) => path.length > 0 && own.length === 0);
  return [
    '# Reference',
    '',
    'Made from the code by `npm run generate`; a test compares the two. What things are for, the other documents tell:',
    '[plan.md](plan.md), [operations.md](operations.md), [safety.md](safety.md).',
    '',
    '## Commands',
    '',
    '### Options of every command',
    '',
    ...optionTable(globals),
    ...mine.flatMap((command) => commandPart(command, globals)),
    '',
    '## Fields of a plan',
    '',
    '`NAME` stands for a name that the plan chooses, `[]` for an entry of a list.',
    '',
    ...row(['field', 'type', 'required', 'default', 'means']),
    '|---|---|---|---|---|',
    ...planFields().flatMap(({ path, type, required, default: value, description }) =>
      row([`\`${path}\``, type, required ? 'yes' : '', value === undefined ? '' : `\`${value}\``, description]),
    ),
    ...KINDS.flatMap((kind) => topicPart(kind)),
    '',
  ].join('\n');
}

/** What all commands take. */
export function globalsOf(commands: readonly CommandModel[]): readonly OptionModel[] {
  const leaves = commands.filter(({ commands: own }) => own.length === 0);
  const [first] = leaves;
  return (first?.options ?? []).filter(({ flags }) => {
    return leaves.every(({ options }) => options.some((option) => option.flags === flags));
  });
}

export function ownOptions({ options }: CommandModel, globals: readonly OptionModel[]): readonly OptionModel[] {
  return options.filter(({ flags }) => !globals.some((option) => option.flags === flags));
}

function commandPart(command: CommandModel, globals: readonly OptionModel[]): string[] {
  const own = ownOptions(command, globals);
  return [
    '',
    `### ferry ${command.path.join(' ')}`,
    '',
    `${sentence(command.description)}`,
    '',
    '```text',
    command.usage,
    '```',
    ...command.arguments
      .filter(
        ({ description, choices, default: value }) => description !== '' || choices.length > 0 || value !== undefined,
      )
      .flatMap(({ name, description, choices, default: value }) => [
        '',
        `\`${name}\`: ${extra(description, choices, value)}`,
      ]),
    ...(own.length === 0 ? [] : ['', ...optionTable(own)]),
    ...(command.examples.length === 0
      ? []
      : ['', '```sh', ...command.examples.map(([text, says]) => `${text}    # ${says}`), '```']),
  ];
}

function optionTable(options: readonly OptionModel[]): string[] {
  return [
    ...row(['option', 'means']),
    '|---|---|',
    ...options.flatMap(({ flags, description, choices, default: value, required }) =>
      row([`\`${flags}\``, `${extra(description, choices, value)}${required ? '; required' : ''}`]),
    ),
  ];
}

function extra(description: string, choices: readonly string[], value: string | undefined): string {
  return [
    description,
    ...(choices.length > 0 ? [`one of ${choices.map((choice) => `\`${choice}\``).join(', ')}`] : []),
    ...(value !== undefined ? [`default \`${value}\``] : []),
  ]
    .filter((part) => part !== '')
    .join('; ');
}

function topicPart(kind: (typeof KINDS)[number]): string[] {
  const topics = TOPICS.filter((topic) => topic.kind === kind);
  return [
    '',
    `## ${{ state: 'States of an object', 'exit code': 'Exit codes', rule: 'Residency rules', finding: 'Findings of a plan' }[kind]}`,
    '',
    ...row([kind, 'means', 'what to do']),
    '|---|---|---|',
    ...topics.flatMap(({ word, means, next }) => row([`\`${word}\``, means, next])),
  ];
}

function row(cells: readonly string[]): string[] {
  return [`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
