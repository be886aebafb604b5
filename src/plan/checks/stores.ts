import { isIPv4 } from 'node:net';
import { entriesOf, itemsOf, type Path, valueAt } from '../path.ts';
import type { Places, Report } from '../report.ts';
import { NAME, NAME_RULE } from '../schema/parts.ts';
import { quote } from '../show.ts';
import { type Ground, groundOf, relationOf } from './ground.ts';

/**
 * Names of stores and buckets, and stores that share objects: whoever empties one of them would empty the other.
 *
 * @param folder that relative paths start from.
 */
export function checkStores(root: unknown, folder: string, places: Places, report: Report): void {
  const stores = entriesOf(valueAt(root, ['stores']));
  if (stores.length === 0 && typeof valueAt(root, ['stores']) === 'object' && valueAt(root, ['stores']) !== null) {
    if (itemsOf(valueAt(root, ['stores'])).length === 0)
      report.add(['stores'], 'there is no store; expected at least a legacy store and a centre');
  }
  const grounds: { name: string; path: Path; ground: Ground }[] = [];
  for (const [name, store] of stores) {
    const path = ['stores', name];
    if (!NAME.test(name)) report.add(path, `${quote(name)} is no name for a store; expected ${NAME_RULE}`, 'key');
    checkBucket(store, path, report);
    const ground = groundOf(store, folder);
    const place = [...path, valueAt(store, ['type']) === 'file' ? 'path' : 'bucket'];
    if (ground === undefined || report.silenced(place) || report.silenced([...path, 'prefix'])) continue;
    for (const other of grounds) {
      const relation = relationOf(ground, other.ground);
      if (relation === undefined) continue;
      const line = places.at(other.path).line;
      report.add(
        place,
        `the store ${quote(name)} ${relation} the store ${quote(other.name)} of line ${line}; stores must not share objects`,
      );
    }
    grounds.push({ name, path: place, ground });
  }
}

/**
 * Amazon's rules for bucket names, which the other services keep too. Buckets of us-east-1 from before March 2018 may be up to
 * 255 characters long and hold upper-case letters and `_`.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
function checkBucket(store: unknown, path: Path, report: Report): void {
  const bucket = valueAt(store, ['bucket']);
  if (valueAt(store, ['type']) !== 's3' || typeof bucket !== 'string' || bucket === '') return;
  const old = valueAt(store, ['region']) === 'us-east-1' && valueAt(store, ['endpoint']) === undefined;
  const form = old ? /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/ : /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
  if (form.test(bucket) && !bucket.includes('..') && !isIPv4(bucket)) return;
  const at = [...path, 'bucket'];
  if (/^s3:\/\/|^arn:|\//.test(bucket))
    report.add(at, 'the bucket is a name alone, without "s3://" or "/"; put a folder in it into "prefix"');
  else
    report.add(
      at,
      'this is no name of a bucket; expected 3 to 63 of a-z, 0-9, "." and "-", beginning and ending with a letter or digit',
    );
}
