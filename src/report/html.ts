/** Markup that is safe to write as it is. Only `html`, `join` and `trusted` make it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template: text is escaped, markup is not, nothing is nothing. */
export type Part = Markup | string | number | undefined | readonly Part[];

/** A template whose parts are escaped, in text as in quoted attributes: `html`<td title="${any}">${any}</td>``. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.reduce((done, string, index) => `${done}${written(parts[index - 1])}${string}`));
}

/** Markup that this program made itself: no byte of an operator's or of a store is in it unescaped. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function written(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (Array.isArray(part)) return part.map(written).join('');
  return escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** As text and as the value of a quoted attribute (https://html.spec.whatwg.org/multipage/syntax.html). */
function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/**
 * What a reader could not see, or what would change how the rest reads: controls, format characters such as those that turn the direction
 * of text around, lines' ends, unassigned and private characters, halves of characters, spaces other than the plain one.
 */
const UNSEEN = /\p{Cc}|\p{Cf}|\p{Cs}|\p{Co}|\p{Cn}|\p{Zl}|\p{Zp}|(?! )\p{Zs}/gu;

/** Text of which every character can be seen: the others stand as `\u{…}`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A key, of which every character can be seen and that no other key is shown as. */
export function keyText(key: string): string {
  return visible(key.replaceAll('\\', '\\\\'));
}
