import type { ArgumentModel, CommandModel, OptionModel } from '../reference/model.ts';

/** A completion script for bash 4 or newer. It needs nothing else, not even bash-completion. */
export function bashScript(commands: readonly CommandModel[]): string {
  return `# bash completion for ferry; made by \`ferry completion bash\`. Use it by: source <(ferry completion bash)
_ferry() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="" path="" word takes i
  COMPREPLY=()
  [ "$COMP_CWORD" -gt 0 ] && prev="\${COMP_WORDS[COMP_CWORD-1]}"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$path/$word" in
${commands
  .filter(({ path }) => path.length > 0)
  .map(
    ({ path }) => `      ${quote(`${path.slice(0, -1).join(' ')}/${path.at(-1)}`)}) path=${quote(path.join(' '))} ;;`,
  )
  .join('\n')}
    esac
  done
  case "$path/$prev" in
${commands.flatMap(({ path, options }) => options.flatMap((option) => valueCase(path.join(' '), option))).join('\n')}
  esac
  if [[ "$cur" == -* ]]; then
    case "$path" in
${commands.map(({ path, options }) => `      ${quote(path.join(' '))}) COMPREPLY=($(compgen -W ${quote([...options.map(({ long }) => long), '--help'].join(' '))} -- "$cur")) ;;`).join('\n')}
    esac
    return
  fi
  case "$path" in
${commands.map((command) => `    ${quote(command.path.join(' '))}) ${positional(command)} ;;`).join('\n')}
  esac
}
_ferry_files() {
  local cur="$1"
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(IFS=$'\\n'; compgen -f -- "$cur"))
}
_ferry_plans() {
  local cur="$1" IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -X '!*.@(yaml|yml|json)' -- "$cur") $(compgen -d -- "$cur"))
}
_ferry_folders() {
  local cur="$1" IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -d -- "$cur"))
}
# compgen -X takes @(...) only with this.
shopt -s extglob
complete -F _ferry ferry
`;
}

function valueCase(path: string, { long, value, choices }: OptionModel): string[] {
  if (value === undefined) return [];
  const at = `    ${quote(`${path}/${long}`)})`;
  if (choices.length > 0) return [`${at} ${words(choices)}; return ;;`];
  if (value === 'dir') return [`${at} _ferry_folders "$cur"; return ;;`];
  if (value === 'file' || value === 'base') return [`${at} _ferry_files "$cur"; return ;;`];
  // Whatever it is, it is no command and no file.
  return [`${at} return ;;`];
}

function positional({ commands, arguments: given }: CommandModel): string {
  if (commands.length > 0) return words(commands);
  return given[0] === undefined ? ':' : argument(given[0]);
}

function argument({ name, choices }: ArgumentModel): string {
  if (choices.length > 0) return words(choices);
  if (name === 'plan') return '_ferry_plans "$cur"';
  return name === 'dir' ? '_ferry_folders "$cur"' : '_ferry_files "$cur"';
}

function words(list: readonly string[]): string {
  return `COMPREPLY=($(compgen -W ${quote(list.join(' '))} -- "$cur"))`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
