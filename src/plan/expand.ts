export type Environment = Readonly<Record<string, string | undefined>>;

export interface Expansion {
  readonly text: string;
  /** Whether anything was taken from the environment or from a default. */
  readonly expanded: boolean;
  /** What is wrong; names variables, never values. */
  readonly problems: readonly string[];
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Expands `${VAR}` and `${VAR:-default}`; the default also stands in for an empty variable, as in POSIX shells. `$${` is a
 * literal `${`; any other `$` stands for itself. What was expanded is not expanded again.
 */
export function expand(source: string, env: Environment): Expansion {
  const problems: string[] = [];
  let text = '';
  let expanded = false;
  let at = 0;
  while (at < source.length) {
    if (source.startsWith('$${', at)) {
      text += '${';
      at += 3;
    } else if (source.startsWith('${', at)) {
      const end = source.indexOf('}', at);
      if (end < 0) {
        problems.push(`"\${" is not closed by "}"; write "$\${" for the characters themselves`);
        break;
      }
      const value = lookUp(source.slice(at + 2, end), env);
      if ('problem' in value) problems.push(value.problem);
      else text += value.text;
      expanded = true;
      at = end + 1;
    } else {
      text += source.charAt(at);
      at += 1;
    }
  }
  return { text, expanded, problems };
}

function lookUp(inside: string, env: Environment): { text: string } | { problem: string } {
  const colon = inside.indexOf(':-');
  const name = colon < 0 ? inside : inside.slice(0, colon);
  const fallback = colon < 0 ? undefined : inside.slice(colon + 2);
  if (!NAME.test(name)) {
    // Not repeated: whoever misreads the form may have put the secret itself here.
    return { problem: `expected \${VAR} or \${VAR:-default}, where VAR is the name of an environment variable` };
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value !== undefined && (value !== '' || fallback === undefined)) return { text: value };
  if (fallback !== undefined) return { text: fallback };
  return {
    problem: `the environment variable ${name} is not set; set it, or give a default with \${${name}:-default}`,
  };
}
