/**
 * A key that not every store keeps apart from another one:
 * - `key-under-key`: `key` lies below `other`, which is an object too (`p/q/r` below `p/q`); some servers then hide it from every listing
 * - `leading-slash`, `empty-segment`, `dot-segment`: some servers take `key` for `other`, the same without its leading slashes, with
 *   one slash for several (`a//b`), or with its segments `.` and `..` resolved as in a path
 */
export interface KeyHazard {
  readonly rule: HazardRule;
  readonly key: string;
  readonly other: string;
}

export type HazardRule = 'key-under-key' | AliasRule;
export type AliasRule = 'leading-slash' | 'empty-segment' | 'dot-segment';

/** How plan documents call the rules. */
export const HAZARD_NAMES = {
  'key-under-key': 'keyUnderKey',
  'leading-slash': 'leadingSlash',
  'empty-segment': 'emptySegment',
  'dot-segment': 'dotSegment',
} as const satisfies Record<HazardRule, string>;

export const HAZARD_RULES = Object.keys(HAZARD_NAMES) as readonly HazardRule[];

/** Keys by hazard. */
export type ByHazard<T> = { [K in (typeof HAZARD_NAMES)[HazardRule]]: T };

/**
 * Finds hazards in keys that come in UTF-8 order. Held are only the keys that the current one begins with: `p/q-x` sorts between
 * `p/q` and `p/q/r`, and begins with `p/q` as they all do. At most one for each of the 1,024 bytes of a key.
 */
export class KeyHazards {
  readonly #begins: string[] = [];

  /** The hazards of the next key, none for most; a key that was given before is none to itself. */
  next(key: string): KeyHazard[] {
    const begins = this.#begins;
    for (let last = begins.at(-1); last !== undefined && !key.startsWith(last); last = begins.at(-1)) begins.pop();
    const found: KeyHazard[] = [];
    const ancestor = begins.findLast((begin) => isUnder(key, begin));
    if (ancestor !== undefined) found.push({ rule: 'key-under-key', key, other: ancestor });
    for (const alias of aliasesOf(key)) found.push({ ...alias, key });
    if (begins.at(-1) !== key) begins.push(key);
    return found;
  }
}

/** Whether `key` lies below `other`. `p/` does not lie below `p`, nor `p/q` below `p/`: every store keeps those that can hold them. */
export function isUnder(key: string, other: string): boolean {
  return other !== '' && !other.endsWith('/') && key.length > other.length + 1 && key.startsWith(`${other}/`);
}

/** All keys that `key` would lie below if they were objects, the longest last. */
export function ancestorsOf(key: string): string[] {
  const found: string[] = [];
  for (let at = key.indexOf('/'); at !== -1; at = key.indexOf('/', at + 1)) {
    const other = key.slice(0, at);
    if (isUnder(key, other)) found.push(other);
  }
  return found;
}

/** What servers that treat keys as paths take the key for; none for most keys. */
export function aliasesOf(key: string): { readonly rule: AliasRule; readonly other: string }[] {
  const found: { readonly rule: AliasRule; readonly other: string }[] = [];
  if (key.startsWith('/')) found.push({ rule: 'leading-slash', other: key.replace(/^\/+/, '') });
  if (/[^/]\/\//.test(key)) found.push({ rule: 'empty-segment', other: key.replace(/(?<=[^/])\/+/g, '/') });
  if (/(^|\/)\.\.?(\/|$)/.test(key)) found.push({ rule: 'dot-segment', other: resolved(key) });
  return found;
}

/** RFC 3986, section 5.2.4, and no slash at the end where a dot stood. */
function resolved(key: string): string {
  const segments: string[] = [];
  for (const segment of key.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  return segments.join('/');
}
