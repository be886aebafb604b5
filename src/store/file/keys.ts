import { join } from 'node:path';
import { StoreError } from '../store.ts';
import { type Naming, PLAIN } from './names.ts';
import { HELD, SCRATCH } from './own.ts';

/** What Linux allows for one name and for a whole path (limits.h: NAME_MAX, PATH_MAX with its closing NUL). */
const LONGEST_NAME = 255;
const LONGEST_PATH = 4_095;

/**
 * The file of a key: `a/b/c` is ROOT/a/b/c, unless the naming escapes.
 *
 * @throws StoreError `key` for a key that a file system cannot hold, with the reason.
 */
export function fileOf(store: string, root: string, key: string, naming: Naming): string {
  const reason = whyNever(key) ?? (naming === PLAIN ? whyNot(key) : undefined);
  if (reason !== undefined) throw badKey(store, key, reason);
  const file = join(root, naming.path(key));
  if (Buffer.byteLength(file) > LONGEST_PATH)
    throw badKey(store, key, 'the path would be longer than the system allows');
  return file;
}

function whyNever(key: string): string | undefined {
  if (key === '') return 'a file needs a name';
  return key.isWellFormed() ? undefined : 'it is no valid Unicode';
}

/** Why a file system cannot hold a key as it is; `undefined` when it can. */
function whyNot(key: string): string | undefined {
  if (key.includes('\0')) return 'a file name cannot hold a NUL';
  if (key.startsWith('/')) return 'a file system cannot keep a leading slash';
  if (key.endsWith('/')) return 'a file system cannot keep a trailing slash: that is a folder';
  const segments = key.split('/');
  if (segments[0] === SCRATCH || segments[0] === HELD) return `${segments[0]} is a folder of ferry's own`;
  for (const segment of segments) {
    if (segment === '') return 'a file system cannot keep two slashes in a row';
    if (segment === '.' || segment === '..') return `"${segment}" is not a name in a file system`;
    if (Buffer.byteLength(segment) > LONGEST_NAME) return `a name in it is longer than ${LONGEST_NAME} bytes`;
  }
  return undefined;
}

export function badKey(store: string, key: string, why: string): StoreError {
  return new StoreError({ kind: 'key', store, op: 'use the key', key, why });
}
