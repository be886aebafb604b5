import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { valueAt } from '../path.ts';

/** What a store covers: everything whose `at` begins with its own, within one `realm` (all folders; one bucket of one service). */
export interface Ground {
  readonly realm: string;
  readonly at: string;
}

/** The ground of a store of the document, or `undefined` where it cannot be told because the store is faulty. */
export function groundOf(store: unknown, folder: string): Ground | undefined {
  const field = (name: string) => valueAt(store, [name]);
  if (field('type') === 'file') {
    const path = field('path');
    if (typeof path !== 'string' || path === '' || path.includes('\0')) return undefined;
    const real = realPath(resolve(folder, path));
    return { realm: 'file', at: real.endsWith(sep) ? real : real + sep };
  }
  const bucket = field('bucket');
  const prefix = field('prefix') ?? '';
  const host = hostOf(field('endpoint'));
  if (field('type') !== 's3' || typeof bucket !== 'string' || typeof prefix !== 'string' || host === undefined)
    return undefined;
  return { realm: `s3 ${host} ${bucket}`, at: prefix };
}

/** How `one` lies to `other`, as a verb for a message; `undefined` where they share nothing. */
export function relationOf(one: Ground, other: Ground): string | undefined {
  if (one.realm !== other.realm) return undefined;
  if (one.at === other.at) return 'is the same place as';
  if (one.at.startsWith(other.at)) return 'lies inside';
  return other.at.startsWith(one.at) ? 'contains' : undefined;
}

/**
 * The service behind an endpoint. Scheme and default port do not tell two services apart, nor do the regional names of AWS,
 * where the name of a bucket is unique over all regions.
 */
function hostOf(endpoint: unknown): string | undefined {
  if (endpoint === undefined) return 'aws';
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint)) return undefined;
  const url = new URL(endpoint);
  const host = url.hostname.replace(/\.$/, '');
  if (url.port === '' && /^s3([.-][a-z0-9-]+)*\.amazonaws\.com$/.test(host)) return 'aws';
  return url.port === '' ? host : `${host}:${url.port}`;
}

/**
 * The path with all symbolic links followed, also of a path that is not there yet: then of its nearest existing ancestor, and
 * through links whose target is missing.
 */
function realPath(path: string, hops = 40): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    if (parent === path || hops === 0) return path;
    const link = linkTarget(path);
    const base = realPath(parent, hops - 1);
    return link === undefined ? join(base, basename(path)) : realPath(resolve(base, link), hops - 1);
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    // Not there, or not to be looked at: then it leads nowhere else as far as anyone can tell.
    return undefined;
  }
}
