/** The largest character that is guessed in keys of ASCII, and in others. */
const HIGH = 0x7e;
const HIGHEST = 0x10_ffff;

const LOW = 0x20;

/**
 * A guess of a text about in the middle between two others, by code points; none may be there. It is made of characters that XML and URLs
 * carry.
 *
 * @param low excluded; every text after it in the order of UTF-8 is meant.
 * @param high excluded too; `undefined` for no end.
 * @returns `undefined` where nothing lies between, or none is to be guessed.
 */
export function between(low: string, high: string | undefined): string | undefined {
  const [from, to] = [[...low], high === undefined ? undefined : [...high]];
  let middle = '';
  for (let at = 0; at <= from.length; at += 1) {
    const least = from[at]?.codePointAt(0) ?? LOW - 1;
    // Beyond what both have in common the end is as far off as can be.
    const bound = to === undefined || !high?.startsWith(middle) ? undefined : to[at]?.codePointAt(0);
    if (to !== undefined && high?.startsWith(middle) === true && bound === undefined) return undefined;
    const most = bound ?? (least <= HIGH ? HIGH + 1 : HIGHEST);
    if (most - least > 1) {
      const guess = least + Math.floor((most - least) / 2);
      const character = usable(Math.max(LOW, guess));
      const candidate = middle + String.fromCodePoint(character);
      return character > least && character < most ? candidate : undefined;
    }
    if (from[at] === undefined) return undefined;
    middle += from[at];
  }
  return undefined;
}

/** No half of a pair, no control character, and none that XML lacks (https://www.w3.org/TR/xml/#charsets). */
function usable(code: number): number {
  if (code >= 0xd800 && code <= 0xdfff) return 0xd7ff;
  if (code >= 0x7f && code <= 0x9f) return 0xa1;
  return code === 0xfffe || code === 0xffff ? 0xfffd : code;
}
