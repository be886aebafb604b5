/** What a terminal could take as an order, or what turns text around: controls (C0, DEL, C1), formats, halves of surrogate pairs, private use. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** The same, but for the end of a line and the tabulator. */
const UNSAFE_IN_TEXT = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * Text of several lines for a terminal: whatever could move its cursor, change its colours, or show other than what stands there is
 * written as JSON writes it (`\u001b`). Keys are opaque bytes, and people choose them.
 */
export function safeText(text: string): string {
  return text.replace(UNSAFE_IN_TEXT, escaped);
}

/** The same for text that must stay on its line. */
export function safeLine(text: string): string {
  return text.replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  let units = '';
  for (let at = 0; at < character.length; at += 1) {
    units += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return units;
}
