/**
 * Patterns that select keys. The whole key must match; keys are opaque text, so newlines and control characters are
 * characters like any other.
 *
 * - `{name}` one or more characters but `/`, kept under that name
 * - `*` any number of characters but `/`; `**` any number of any characters; `?` one character but `/`
 * - `\` before a character that is no letter or digit takes it as it is; everything else stands for itself
 *
 * A character is a Unicode code point. Where a key can be read in several ways, each wildcard from left to right takes as much
 * as it can, as greedy quantifiers of a regular expression do.
 */
export interface Pattern {
  /** Names of the captures, in the order in which they stand. */
  readonly captures: readonly string[];
  /**
   * The captures of a key, or `undefined` where it does not match.
   *
   * @param work counts what was done: at most (items of the pattern + 1) x (length of the key + 1) steps, whatever the key.
   */
  match(key: string, work?: Work): Record<string, string> | undefined;
}

export interface Work {
  steps: number;
}

/** A pattern that cannot be read. The message says what is wrong, and where, without repeating the whole. */
export class PatternSyntaxError extends Error {
  override readonly name = 'PatternSyntaxError';
}

/** `text` consumes itself; `one` a character; `many` any number, of which `least` must be there. */
type Item =
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'one' }
  | { readonly is: 'many'; readonly least: 0 | 1; readonly slash: boolean; readonly capture: string | undefined };

const MAX_LENGTH = 4_096;

/** @throws PatternSyntaxError */
export function compilePattern(source: string): Pattern {
  const items = parse(source);
  const captures = items.flatMap((item) => (item.is === 'many' && item.capture !== undefined ? [item.capture] : []));
  const head = items[0]?.is === 'text' ? items[0].text : '';
  return {
    captures,
    match(key, work) {
      if (!key.startsWith(head)) return undefined;
      const reach = reachable(items, key, work);
      return reach === undefined ? undefined : walk(items, key, reach);
    },
  };
}

function parse(source: string): readonly Item[] {
  // Keys are at most 1,024 bytes long; a longer pattern is a mistake, and the table below grows with it.
  if (source.length > MAX_LENGTH) throw new PatternSyntaxError(`the pattern is longer than ${MAX_LENGTH} characters`);
  const items: Item[] = [];
  const names = new Set<string>();
  let text = '';
  const flush = () => {
    if (text !== '') items.push({ is: 'text', text });
    text = '';
  };
  const push = (item: Item) => {
    flush();
    items.push(item);
  };
  for (let i = 0; i < source.length; i += 1) {
    const here = source.charAt(i);
    if (here === '\\') {
      i += 1;
      text += escaped(source, i);
    } else if (here === '}')
      throw new PatternSyntaxError(`"}" at character ${i + 1} closes nothing; write "\\}" for the character`);
    else if (here === '?') push({ is: 'one' });
    else if (here === '*') {
      const slash = source.charAt(i + 1) === '*';
      if (slash) i += 1;
      push({ is: 'many', least: 0, slash, capture: undefined });
    } else if (here === '{') {
      const name = captureName(source, i, names);
      push({ is: 'many', least: 1, slash: false, capture: name });
      i += name.length + 1;
    } else text += here;
  }
  flush();
  if (items.length === 0) throw new PatternSyntaxError('the pattern is empty and would match no key');
  return items;
}

function escaped(source: string, at: number): string {
  const next = source.charAt(at);
  if (next === '') throw new PatternSyntaxError('"\\" at the end escapes nothing; write "\\\\" for the character');
  // Patterns are no regular expressions: \d or \n would silently mean the letter.
  if (/[A-Za-z0-9]/.test(next)) {
    throw new PatternSyntaxError(`"\\" at character ${at} stands before a letter or digit, which needs no escape`);
  }
  return next;
}

function captureName(source: string, at: number, names: Set<string>): string {
  const end = source.indexOf('}', at);
  const where = `at character ${at + 1}`;
  if (end < 0) throw new PatternSyntaxError(`"{" ${where} is not closed; write "\\{" for the character`);
  const name = source.slice(at + 1, end);
  if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
    throw new PatternSyntaxError(
      `the capture ${where} needs a name of letters, digits and "_" that starts with a letter, as in {country}; alternatives go into "where"`,
    );
  }
  if (names.has(name)) throw new PatternSyntaxError(`the capture {${name}} stands twice; give each its own name`);
  names.add(name);
  return name;
}

/**
 * Row `i` tells at which places of the key the items from `i` on match the whole rest; the row after the last item allows only
 * the end. Filled from behind, each cell once, so that no key makes it slow. `undefined` where the key does not match.
 */
function reachable(items: readonly Item[], key: string, work: Work | undefined): readonly Uint8Array[] | undefined {
  const size = key.length + 1;
  let next = new Uint8Array(size);
  next[key.length] = 1;
  const rows = [next];
  for (let i = items.length - 1; i >= 0; i -= 1) {
    const item = items[i];
    if (item === undefined) break;
    const row = new Uint8Array(size);
    fill(item, key, row, next);
    if (work !== undefined) work.steps += size;
    rows.push(row);
    next = row;
  }
  return next[0] === 1 ? rows.reverse() : undefined;
}

function fill(item: Item, key: string, row: Uint8Array, next: Uint8Array): void {
  // Nearest place to the right where a `many` may end; it is lost at a slash that the item may not cross.
  let open = false;
  for (let at = key.length; at >= 0; at -= 1) {
    // A match never begins or ends within a surrogate pair.
    if (insidePair(key, at)) continue;
    if (item.is === 'text') row[at] = next[at + item.text.length] === 1 && key.startsWith(item.text, at) ? 1 : 0;
    else if (item.is === 'one')
      row[at] = at < key.length && key.charAt(at) !== '/' ? (next[at + step(key, at)] ?? 0) : 0;
    else {
      if (!item.slash && key.charAt(at) === '/') open = false;
      if (item.least === 1) row[at] = open ? 1 : 0;
      if (next[at] === 1) open = true;
      if (item.least === 0) row[at] = open ? 1 : 0;
    }
  }
}

/** Goes through the rows from the front; each item takes as much as still lets the rest match. */
function walk(items: readonly Item[], key: string, rows: readonly Uint8Array[]): Record<string, string> {
  const captures: Record<string, string> = Object.create(null);
  let at = 0;
  for (const [i, item] of items.entries()) {
    if (item.is === 'text') at += item.text.length;
    else if (item.is === 'one') at += step(key, at);
    else {
      const slash = item.slash ? -1 : key.indexOf('/', at);
      let end = slash < 0 ? key.length : slash;
      while (rows[i + 1]?.[end] !== 1) end -= 1;
      if (item.capture !== undefined) captures[item.capture] = key.slice(at, end);
      at = end;
    }
  }
  return captures;
}

function insidePair(key: string, at: number): boolean {
  return at > 0 && at < key.length && isLow(key.charCodeAt(at)) && isHigh(key.charCodeAt(at - 1));
}

function step(key: string, at: number): number {
  return at + 1 < key.length && isHigh(key.charCodeAt(at)) && isLow(key.charCodeAt(at + 1)) ? 2 : 1;
}

const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff;
