import { HELD, SCRATCH } from './own.ts';

/** How keys become paths below a root, and back. */
export interface Naming {
  /** The path of a key, relative to the root. */
  path(key: string): string;
  /**
   * What an entry of a folder adds to the keys in it: a file the end of a key, a folder what all keys below it begin with. `undefined`
   * for a name that no key has.
   */
  part(name: string, isFolder: boolean, atRoot: boolean): string | undefined;
  /** Whether a part is of a folder. */
  isFolder(part: string): boolean;
  /** The name of a part in its folder. */
  name(part: string, atRoot: boolean): string;
}

/** Keys as they are: `a/b` is the file ROOT/a/b. */
export const PLAIN: Naming = {
  path: (key) => key,
  part: (name, isFolder) => (isFolder ? `${name}/` : name),
  isFolder: (part) => part.endsWith('/'),
  name: (part) => (part.endsWith('/') ? part.slice(0, -1) : part),
};

/** A name that is this long, in bytes as written, goes on in a folder: room for one more character of 4 bytes and `%+` stays below 255. */
const LONG = 250;

const MORE = '%+';
const EMPTY = '%-';

/**
 * `keys: escape`, as docs/stores.md specifies it: every key has one path and every path at most one key, whatever the key holds but
 * that it is empty. Within one folder, parts sort as the keys below them do.
 */
export const ESCAPED: Naming = {
  path(key) {
    const names: string[] = [];
    for (const segment of key.split('/')) {
      const pieces = piecesOf(segment);
      const last = pieces.pop() ?? '';
      for (const piece of pieces) names.push(escaped(piece) + MORE);
      names.push(wholeName(last, names.length === 0));
    }
    return names.join('/');
  },
  part(name, isFolder, atRoot) {
    const goesOn = name.endsWith(MORE);
    const text = unescaped(goesOn ? name.slice(0, -MORE.length) : name);
    if (text === undefined || (goesOn && !isFolder) || (text === '' && atRoot && !isFolder)) return undefined;
    const pieces = piecesOf(text);
    const isCutThere = goesOn ? pieces.length === 2 && pieces[1] === '' : pieces.length === 1;
    const part = isFolder && !goesOn ? `${text}/` : text;
    // What does not give the same name again was not written by this rule.
    return isCutThere && ESCAPED.name(part, atRoot) === name ? part : undefined;
  },
  isFolder: (part) => part.endsWith('/') || isLong(part),
  name(part, atRoot) {
    if (isLong(part)) return escaped(part) + MORE;
    return wholeName(part.endsWith('/') ? part.slice(0, -1) : part, atRoot);
  },
};

function wholeName(text: string, atRoot: boolean): string {
  if (text === '') return EMPTY;
  if (text === '.' || text === '..') return text.replaceAll('.', '%2E');
  if (atRoot && (text === SCRATCH || text === HELD)) return `%2E${text.slice(1)}`;
  return escaped(text);
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\0', '%00');
}

const KNOWN: Readonly<Record<string, string>> = { '%25': '%', '%00': '\0', '%2E': '.' };

/** `undefined` for a name with a `%` that is no escape. Whether the escape was needed is the caller's to see. */
function unescaped(name: string): string | undefined {
  if (name === EMPTY) return '';
  let bad = false;
  const text = name.replace(/%.{0,2}/gsu, (code) => {
    const character = KNOWN[code];
    if (character === undefined) bad = true;
    return character ?? '';
  });
  return bad ? undefined : text;
}

/**
 * A segment cut where the name of a piece becomes long; the last piece is never long, and empty where a cut falls on the end. So all
 * keys that begin with a long piece are in one folder, and none beside it sorts between them.
 */
function piecesOf(segment: string): string[] {
  if (segment.length * 3 < LONG) return [segment];
  const pieces: string[] = [];
  let piece = '';
  let length = 0;
  for (const character of segment) {
    piece += character;
    length += Buffer.byteLength(escaped(character));
    if (length < LONG) continue;
    pieces.push(piece);
    piece = '';
    length = 0;
  }
  return [...pieces, piece];
}

/** Whether a name must go on after this text; of a part that ends in a slash it is known not to. */
function isLong(text: string): boolean {
  return text.length * 3 >= LONG && !text.endsWith('/') && Buffer.byteLength(escaped(text)) >= LONG;
}
