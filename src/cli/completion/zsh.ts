import type { CommandModel, OptionModel } from '../reference/model.ts';

/** A completion script for zsh, as `_ferry` in a folder of `$fpath`, or sourced after `compinit`. */
export function zshScript(commands: readonly CommandModel[]): string {
  return `#compdef ferry
# zsh completion for ferry; made by \`ferry completion zsh\`.
${commands.map(functionOf).join('\n')}
# Loaded from a folder of $fpath it is the function itself; sourced, it has to say so.
if [ "$funcstack[1]" = "_ferry" ]; then _ferry "$@"; else compdef _ferry ferry; fi
`;
}

function functionOf(command: CommandModel): string {
  const { path, options, commands, arguments: given } = command;
  const specs = [...options.map(optionSpec), "'--help[help]'"];
  if (commands.length === 0) {
    const positional = given.map(({ name, required, choices }) => {
      return `'${required ? '' : ':'}:${name}:${actionOf(name, choices)}'`;
    });
    return `${nameOf(path)}() {\n  _arguments ${[...specs, ...positional].join(' \\\n    ')}\n}`;
  }
  return `${nameOf(path)}() {
  local line state
  _arguments -C ${specs.join(' \\\n    ')} \\
    '1:command:(${commands.join(' ')})' '*::argument:->arguments'
  case "$state:$line[1]" in
${commands.map((name) => `    arguments:${name}) ${nameOf([...path, name])} ;;`).join('\n')}
  esac
}`;
}

function optionSpec({ long, description, value, choices }: OptionModel): string {
  const says = `[${plain(description)}]`;
  return value === undefined ? `'${long}${says}'` : `'*${long}${says}:${value}:${actionOf(value, choices)}'`;
}

function actionOf(value: string, choices: readonly string[]): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  if (value === 'plan') return '_files -g "*.(yaml|yml|json)"';
  if (value === 'dir') return '_files -/';
  return ['file', 'base', 'path', 'sealed'].includes(value) ? '_files' : ' ';
}

function nameOf(path: readonly string[]): string {
  return ['_ferry', ...path].join('_').replaceAll('-', '_');
}

/** Within single quotes, in brackets. */
function plain(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, (character) => `\\${character}`).replaceAll("'", "'\\''");
}
