/** Longer than any text that ferry or a store's server has reason to say, in UTF-16 code units. */
const LONGEST = 2_000;

/** What moves the cursor, hides or turns text around on a terminal, and breaks of lines that could pass for ferry's own. */
const UNSHOWN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Text that others have a say in, as it can be shown and logged: on one line, its control characters as `\u001b`, and not without end
 * (https://owasp.org/www-community/attacks/Log_Injection).
 */
export function legible(text: string): string {
  const short = text.length <= LONGEST ? text : `${text.slice(0, LONGEST).toWellFormed()}…`;
  return short.replace(UNSHOWN, escaped);
}

/** As `legible`, of several lines. */
export function legibleLines(text: string): string {
  return text.replace(UNSHOWN, (c) => (c === '\n' || c === '\t' ? c : escaped(c)));
}

function escaped(c: string): string {
  return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
