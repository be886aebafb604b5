/** Where something stands in a document: names of fields and numbers of list items. */
export type Path = readonly (string | number)[];

/** `partitions[1].select.where`; names that are no plain words stand as `["a b"]`. The whole document is `""`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** The path that `formatPath` made this text of; what it cannot read it leaves out. */
export function parsePath(text: string): Path {
  const parts: (string | number)[] = [];
  for (const [, item, quoted, name] of text.matchAll(/\[(\d+)\]|\[("(?:\\.|[^"\\])*")\]|\.?([A-Za-z0-9_-]+)/g)) {
    if (item !== undefined) parts.push(Number(item));
    else parts.push(quoted === undefined ? (name ?? '') : String(JSON.parse(quoted)));
  }
  return parts;
}

/** What stands at a path of plain data, or `undefined`. Own members only: a store may be called `constructor`. */
export function valueAt(root: unknown, path: Path): unknown {
  let here = root;
  for (const part of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}

/** The members of a mapping; none for anything else. */
export function entriesOf(value: unknown): [string, unknown][] {
  return isMapping(value) ? Object.entries(value) : [];
}

/** The items of a list; none for anything else. */
export function itemsOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
