import type { Path } from './path.ts';
import type { Places } from './report.ts';

const LONGEST = 24;

/** Whether text looks like a credential: an AWS access key id, or a long mix of letters and digits as generated secrets are. */
export function looksSecret(text: string): boolean {
  if (/^(AKIA|ASIA)[A-Z0-9]{12,}$/.test(text)) return true;
  return text.length >= 30 && /[a-z]/.test(text) && /[A-Z]/.test(text) && /[0-9]/.test(text) && !/[\s_]/.test(text);
}

/** A word for a message: in quotes where it is short and plain, described where it could be a secret. */
export function quote(text: string): string {
  const plain = /^[a-z0-9-]{1,63}$/.test(text) || (text.length <= LONGEST && /^[\x20-\x7e]*$/.test(text));
  return plain && !looksSecret(text) ? `"${text}"` : `this text of ${text.length} characters`;
}

/** A value of the plan for a message; what came out of the environment is not repeated. */
export function show(value: unknown, path: Path, places: Places): string {
  if (places.expanded(path)) return `the value that "\${…}" expands to`;
  return typeof value === 'string' ? quote(value) : typeof value === 'number' ? String(value) : kindOf(value);
}

/** What kind of thing a value is, in a plan's words and with its article. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'boolean') return 'true or false';
  return typeof value === 'string' ? 'text' : 'a number';
}
