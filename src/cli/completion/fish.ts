import type { CommandModel, OptionModel } from '../reference/model.ts';

/** A completion script for fish 3 or newer. */
export function fishScript(commands: readonly CommandModel[]): string {
  const lines = commands.flatMap((command) => [...commandLines(command, commands), ...optionLines(command)]);
  return `# fish completion for ferry; made by \`ferry completion fish\`.
function __ferry_at
    # The words of the command so far, without options, are exactly these.
    set -l words (commandline -opc)
    set -e words[1]
    set -l path
    for word in $words
        if contains -- (string join -- ' ' $path $word) ${commands
          .filter(({ path }) => path.length > 0)
          .map(({ path }) => quote(path.join(' ')))
          .join(' ')}
            set path $path $word
        end
    end
    set -l at (string join -- ' ' $path)
    test "$at" = "$argv[1]"
end
complete -c ferry -f
${lines.join('\n')}
`;
}

function commandLines({ path, commands, arguments: given }: CommandModel, all: readonly CommandModel[]): string[] {
  const at = `complete -c ferry -n ${quote(`__ferry_at ${quote(path.join(' '))}`)}`;
  const mine = commands.map((name) => {
    const its = all.find((one) => one.path.join(' ') === [...path, name].join(' '));
    return `${at} -a ${quote(name)} -d ${quote(its?.description ?? '')}`;
  });
  const first = given[0];
  if (first === undefined) return mine;
  return [...mine, first.choices.length > 0 ? `${at} -a ${quote(first.choices.join(' '))}` : `${at} -F`];
}

function optionLines({ path, options }: CommandModel): string[] {
  return options.map(({ long, description, value, choices }: OptionModel) => {
    const start = `complete -c ferry -n ${quote(`__ferry_at ${quote(path.join(' '))}`)} -l ${long.slice(2)}`;
    const takes = value === undefined ? '' : choices.length > 0 ? ` -x -a ${quote(choices.join(' '))}` : ' -r -F';
    return `${start}${takes} -d ${quote(description)}`;
  });
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
