import { createHash, type Hash } from 'node:crypto';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { type ObjectHead, type Store, StoreError } from '../store/store.ts';
import type { PartRange } from './part-plan.ts';

export interface RangeDigests {
  /** Of the whole object. */
  readonly sha256: string;
  /** Of each range, in order; `undefined` where they are not known. */
  readonly parts: readonly string[] | undefined;
}

interface Reading {
  readonly source: Store;
  readonly head: ObjectHead;
  readonly ranges: readonly PartRange[];
  readonly signal: AbortSignal;
  readonly retry: RetryPolicy;
}

/**
 * Reads one revision of an object once, range after range, and hashes the whole and each range. A range that breaks off is read again.
 *
 * @throws StoreError `precondition` when the object is of another revision by now.
 */
export async function digestsOfRanges(reading: Reading): Promise<RangeDigests> {
  const { ranges, signal } = reading;
  let whole = createHash('sha256');
  const parts: string[] = [];
  for (const range of ranges) {
    const read = await retry(() => hashRange(reading, range, whole.copy()), { ...reading.retry, signal });
    whole = read.whole;
    parts.push(read.sha256);
  }
  return { sha256: whole.digest('hex'), parts };
}

async function hashRange(
  { source, head, ranges, signal }: Reading,
  { start, end }: PartRange,
  whole: Hash,
): Promise<{ whole: Hash; sha256: string }> {
  const { key, revision } = head;
  const { body } = await source.read(key, { range: { start, end }, revision, signal });
  // Of a single range there is only one digest to be had.
  const own = ranges.length > 1 ? createHash('sha256') : undefined;
  let size = 0;
  for await (const chunk of body) {
    whole.update(chunk);
    own?.update(chunk);
    size += chunk.byteLength;
  }
  if (size === end - start) return { whole, sha256: (own ?? whole.copy()).digest('hex') };
  const why = `${size} bytes came where ${end - start} were asked for`;
  throw new StoreError({ kind: 'cut', store: source.name, op: 'read', key, why });
}
