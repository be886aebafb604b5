import type { Stats } from 'node:fs';
import { readlink, realpath } from 'node:fs/promises';
import { codeOf } from './errors.ts';
import { HELD, SCRATCH } from './own.ts';
import { attributesOf, revisionOf } from './revision.ts';
import { statsOf } from './swap.ts';
import type { Facts, Links } from './view.ts';

/** What Node puts in the place of bytes that are no UTF-8. */
const REPLACEMENT = '\uFFFD';

export type Unusable = { readonly unusable: string };

/** Where a link leads: a regular file inside the store's folder, or why that is none that may be read. */
export type Target = { readonly path: string; readonly stats: Stats } | Unusable;

const ASTRAY: Readonly<Record<string, string>> = {
  ENOENT: 'it is a symbolic link to nothing',
  ENOTDIR: 'it is a symbolic link to nothing',
  ELOOP: 'it is a symbolic link that leads round in a circle',
  EACCES: 'it is a symbolic link that leads where ferry may not look',
  ENAMETOOLONG: 'it is a symbolic link to a path longer than the system allows',
};

/**
 * Follows a link, over as many others as there are. Nothing is opened; names outside of the folder are resolved, as no other way tells
 * where a link leads, but nothing there is read.
 *
 * @param root real path of the store's folder.
 * @returns `undefined` where the link is gone by now.
 */
export async function targetOf(root: string, link: string): Promise<Target | undefined> {
  let path: string;
  try {
    path = await realpath(link);
  } catch (error) {
    const unusable = ASTRAY[codeOf(error) ?? ''];
    if (unusable === undefined) throw error;
    return (await statsOf(link)) === undefined ? undefined : { unusable };
  }
  const unusable = whyNotInside(root, path);
  if (unusable !== undefined) return { unusable };
  const stats = await statsOf(path);
  if (stats === undefined) return { unusable: 'it is a symbolic link to nothing' };
  if (stats.isDirectory()) return { unusable: 'it is a symbolic link to a folder, which ferry does not follow' };
  return stats.isFile() ? { path, stats } : { unusable: `it is a symbolic link to ${kindOf(stats)}, not to a file` };
}

function whyNotInside(root: string, path: string): string | undefined {
  const inside = root === '/' ? root : `${root}/`;
  if (!path.startsWith(inside)) return 'it is a symbolic link that leads out of the store';
  const [first] = path.slice(inside.length).split('/');
  if (first === SCRATCH || first === HELD) return `it is a symbolic link into ${first}, a folder of ferry's own`;
  return path.includes(REPLACEMENT) ? 'it is a symbolic link to a name that is no valid UTF-8' : undefined;
}

/** A followed link's state is the file's and its own: writing the one or re-pointing the other gives another. */
export function followedRevision(target: Stats, link: Stats): string {
  return `${revisionOf(target)}+${revisionOf(link)}`;
}

/** The text of a link, or `undefined` where it is no valid UTF-8. */
export async function textOf(link: string): Promise<string | undefined> {
  const bytes = await readlink(link, { encoding: 'buffer' });
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

/**
 * Facts of a link where links are followed or recorded.
 *
 * @param stats of the link itself.
 * @returns `undefined` where the link is gone by now, or something else is in its place.
 */
export async function linkFacts(
  root: string,
  link: string,
  stats: Stats,
  links: Exclude<Links, 'refuse'>,
): Promise<Facts | undefined> {
  if (links === 'record') return await recorded(link, stats);
  const target = await targetOf(root, link);
  if (target === undefined) return undefined;
  if ('unusable' in target) return noObject(target.unusable);
  const { size, mtimeMs } = target.stats;
  const revision = followedRevision(target.stats, stats);
  return { size, revision, modified: mtimeMs, attributes: attributesOf(target.stats) };
}

async function recorded(link: string, stats: Stats): Promise<Facts | undefined> {
  let text: string | undefined;
  try {
    text = await textOf(link);
  } catch (error) {
    // Gone, or no link any more.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EINVAL') return undefined;
    throw error;
  }
  return text === undefined
    ? noObject('it is a symbolic link whose text is no valid UTF-8')
    : recordedFacts(stats, text);
}

/** A recorded link has no bytes: its text is an attribute. Permission bits of a link mean nothing. */
export function recordedFacts(stats: Stats, link: string): Facts {
  const { mtimeMs } = stats;
  return { size: 0, revision: revisionOf(stats), modified: mtimeMs, attributes: { link, mtimeMs } };
}

function noObject(unusable: string): Facts {
  return { size: 0, revision: '', modified: 0, attributes: {}, unusable };
}

export function kindOf(stats: Stats): string {
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isSocket()) return 'a socket';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isDirectory() ? 'a folder' : 'a device';
}
