import { StoreError } from '../store.ts';
import { codeOf } from './errors.ts';
import { linkFacts } from './links.ts';
import { look, openObject, rePointed } from './open.ts';
import { attributesOf, revisionOf } from './revision.ts';
import { statsOf } from './swap.ts';
import type { At, Facts, View } from './view.ts';

/** Everything but the key that `head` tells of what lies at a path; `undefined` where there is nothing, or a folder. */
export async function factsOf(view: View, at: At, path: string): Promise<Facts | undefined> {
  const stats = await statsOf(path);
  if (stats === undefined || stats.isDirectory()) return undefined;
  if (stats.isSymbolicLink() && view.links !== 'refuse') {
    const facts = await linkFacts(view.root, path, stats, view.links);
    if (facts === undefined) return await factsOf(view, at, path);
    if (facts.unusable !== undefined) return facts;
    const after = await statsOf(path);
    if (after === undefined || revisionOf(after) !== revisionOf(stats)) throw rePointed(at);
    return view.links === 'record' || view.xattrs === undefined ? facts : await openedFacts(view, at, path);
  }
  if (stats.isFile() && view.xattrs !== undefined) return await openedFacts(view, at, path);
  const facts = {
    size: stats.size,
    revision: revisionOf(stats),
    modified: stats.mtimeMs,
    attributes: attributesOf(stats),
  };
  return stats.isFile() ? facts : { ...facts, unusable: 'it is not a file' };
}

/** Extended attributes are read of an open file, so that they are those of the very file that the rest tells of. */
async function openedFacts(view: View, at: At, path: string): Promise<Facts | undefined> {
  let opened: Awaited<ReturnType<typeof openObject>>;
  try {
    opened = await openObject(view, at, path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || (error instanceof StoreError && error.kind === 'absent')) return undefined;
    throw error;
  }
  try {
    const { stats, revision } = await look(at, opened);
    const xattrs = await view.xattrs?.read(at, opened.handle.fd);
    if (!stats.isFile() || (await look(at, opened)).revision !== revision) {
      throw new StoreError({ ...at, kind: 'changed', why: 'the file was written while it was looked at' });
    }
    return { size: stats.size, revision, modified: stats.mtimeMs, attributes: attributesOf(stats, xattrs) };
  } finally {
    await opened.handle.close();
  }
}
