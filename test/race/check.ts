import type { S3Client } from '@aws-sdk/client-s3';
import type { Seen } from './places.ts';
import { keyOf, type Place, see } from './places.ts';
import type { Expected, Intended } from './write-log.ts';

export interface Checked {
  /** One line for each object whose last acknowledged write can be read neither at the source nor, under a tombstone, at the centre. */
  readonly lost: readonly string[];
  /** Keys under which the source has no tombstone. */
  readonly unmoved: ReadonlySet<string>;
}

const AT_ONCE = 32;

/**
 * Compares what anyone can read now with what a writer was told. The last acknowledged write of a key counts as there if it is the
 * object at the source, or if the source has a tombstone and the centre that object. Older bytes at the source, or none, are a loss,
 * whatever the centre has; and so is a newer write under a tombstone, however well its bytes are kept.
 */
export async function check(work: {
  readonly source: Place;
  readonly centre: Place;
  readonly client: S3Client | undefined;
  readonly objects: number;
  readonly last: ReadonlyMap<string, Expected>;
}): Promise<Checked> {
  const lost: string[] = [];
  const unmoved = new Set<string>();
  const one = async (key: string): Promise<void> => {
    const here = await see(work.source, work.client, key);
    const there = await see(work.centre, work.client, key);
    if (here?.isTombstone !== true) unmoved.add(key);
    const expected = work.last.get(key);
    if (expected === undefined) throw new Error(`nobody wrote ${key}`);
    const wanted = [expected.acknowledged, ...expected.unanswered];
    const found = here?.isTombstone === true ? there : here;
    if (found === undefined || !wanted.some((write) => isWrite(found, write))) {
      lost.push(`${JSON.stringify(key)}: ${tell(expected)}; source: ${say(here)}; centre: ${say(there)}`);
    }
  };
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < work.objects; n = next++) await one(keyOf(n));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return { lost, unmoved };
}

function isWrite(found: Seen, write: Intended): boolean {
  return found.sha256 === write.sha256 && found.note === write.note;
}

function tell({ acknowledged, unanswered }: Expected): string {
  const { n, how, sha256 } = acknowledged;
  const open = unanswered.length === 0 ? '' : ` (and ${unanswered.length} later without an answer)`;
  return `last acknowledged write ${n} (${how}) ${sha256.slice(0, 12)}${open}`;
}

function say(seen: Seen | undefined): string {
  if (seen === undefined) return 'nothing';
  return seen.isTombstone
    ? 'a tombstone'
    : `${seen.sha256.slice(0, 12)}${seen.note === undefined ? '' : ` (${seen.note})`}`;
}
