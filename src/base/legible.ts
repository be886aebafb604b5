import { safeLine } from './safe-text.ts';

/** Longer than any text that ferry or a store's server has reason to say, in UTF-16 code units. */
const LONGEST = 2_000;

/**
 * Text that others have a say in, as it can be shown and logged: on one line, its control characters as `\u001b`, and not without end
 * (https://owasp.org/www-community/attacks/Log_Injection).
 */
export function legible(text: string): string {
  return safeLine(text.length <= LONGEST ? text : `${text.slice(0, LONGEST).toWellFormed()}…`);
}
