/**
 * A key that not every store keeps apart from another one:
 * - `key-under-key`: `key` lies below `other`, which is an object too (`p/q/r` below `p/q`); some servers then hide it from every listing
 * - `leading-slash`: some servers take `key` for `other`, the same without its leading slashes
 */
export interface KeyHazard {
  readonly rule: HazardRule;
  readonly key: string;
  readonly other: string;
}

export type HazardRule = 'key-under-key' | 'leading-slash';

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
    const alias = aliasOf(key);
    if (alias !== undefined) found.push({ rule: 'leading-slash', key, other: alias });
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

/** What a server that drops leading slashes takes the key for; `undefined` where it has none. */
export function aliasOf(key: string): string | undefined {
  return key.startsWith('/') ? key.replace(/^\/+/, '') : undefined;
}
