import type { Stats } from 'node:fs';
import type { Attributes } from '../store.ts';

/** The parts of a file's state that stay as they are when the file is only renamed. */
export interface FileState {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/**
 * A file's revision: inode, size, time of last write and of last change. Any write gives another: in place it moves both times, by
 * renaming another file over it the inode. It differs after a chmod too; the next run finds the bytes unchanged.
 */
export function revisionOf(stats: Stats): string {
  return `${stats.ino}-${stats.size}-${stats.mtimeMs}-${stats.ctimeMs}`;
}

export function stateOfRevision(revision: string): FileState {
  const [, ino, size, mtimeMs] = PARTS.exec(revision) ?? [];
  return { ino: Number(ino), size: Number(size), mtimeMs: Number(mtimeMs) };
}

/** A time may be negative: files can be older than 1970. */
const PARTS = /^(\d+)-(\d+)-(-?[\d.]+)-/;

/** Whether it is the same file, unwritten, though perhaps under another name. */
export function sameState(a: FileState, b: FileState): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

/** What a file has beside its bytes. */
export function attributesOf(stats: Stats, xattrs?: Attributes['xattrs']): Attributes {
  const attributes = { mode: stats.mode & 0o777, mtimeMs: stats.mtimeMs };
  return xattrs === undefined ? attributes : { ...attributes, xattrs };
}
