import { retry } from '../base/retry.ts';
import { together } from '../base/together.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import {
  type Attributes,
  type DigestedPart,
  type ObjectHead,
  type PartCopies,
  type PartStore,
  type Store,
  StoreError,
} from '../store/store.ts';
import type { StepContext } from './context.ts';
import { compositeOf, dropUpload } from './copy-parts.ts';
import { type PartRange, rangesOf } from './part-plan.ts';
import { digestsOfRanges, type RangeDigests } from './range-digests.ts';

/** What a copy by the server has shown. */
export interface ServedCopy {
  /** Of the source, as it was copied. */
  readonly head: ObjectHead;
  /** Of the copy. */
  readonly made: ObjectHead;
  readonly sha256: string;
  /** What the centre must attest; `null` where ferry cannot say it. */
  readonly composite: string | null;
  /** Bytes that the server copied in this call. */
  readonly sent: number;
}

export interface ServedWork {
  readonly context: StepContext;
  readonly row: ObjectRow;
  readonly source: Store;
  readonly centre: Store;
  readonly parts: PartStore;
  readonly copies: PartCopies;
  /** Of the source, as it is copied. */
  readonly head: ObjectHead;
  readonly partSize: number;
  /** What the copy is to carry. */
  readonly attributes: Attributes;
}

/** Requests for parts of one object at once. */
const IN_PARALLEL = 4;

/**
 * Makes one copy as an upload of parts, since only the completion of one can be told not to overwrite. Every part is bound to the one
 * revision of the source. The upload is in the ledger, so that a killed copy goes on at the part. The SHA-256 is the one that the
 * source's store keeps of the whole object; where there is none, the source is read for it, bound to the same revision.
 *
 * @param digests whether the server is asked for the SHA-256 of each part. Each that ferry knows too must then be the same.
 * @throws StoreError `exists` where the centre holds something under the key; `precondition` when the source changed meanwhile.
 */
export async function servedCopy(work: ServedWork, digests: boolean): Promise<ServedCopy> {
  const { context, row, head } = work;
  const ranges = [...rangesOf(head.size, work.partSize)];
  const { upload, done } = await openUpload(work, ranges, digests);
  // All copiers take from this one iterator.
  const left = ranges.filter(({ number }) => !done.has(number)).values();
  let sent = 0;
  const copier = async (signal: AbortSignal): Promise<void> => {
    for (const range of left) {
      done.set(range.number, await copyPart(work, upload, range, { digests, signal }));
      sent += range.end - range.start;
    }
  };
  const copiers = Array.from({ length: IN_PARALLEL }, () => copier);
  const shown = await together(context.signal, shows(work, ranges), copiers);
  const parts = ranges.map(({ number }) => agreed(work, done.get(number), shown.parts?.[number - 1]));
  const made = await work.parts.complete(row.key, upload, parts, { signal: context.signal });
  await context.uploads.drop(row.id);
  if (made.size !== head.size) throw failure(work, 'cut', 'the parts do not add up');
  const composite =
    digests && shown.parts !== undefined ? compositeOf(shown.parts.map((one) => ({ sha256: one }))) : null;
  return { head, made, sha256: shown.sha256, composite, sent };
}

/** How the digests become known. Those of several parts are needed only for what the centre is to attest. */
function shows(work: ServedWork, ranges: readonly PartRange[]): (signal: AbortSignal) => Promise<RangeDigests> {
  const { context, source, head } = work;
  const { sha256 } = head;
  if (sha256 !== undefined && ranges.length === 1) return async () => ({ sha256, parts: [sha256] });
  if (sha256 !== undefined && context.plan.verify === 'readback') return async () => ({ sha256, parts: undefined });
  return (signal) => digestsOfRanges({ source, head, ranges, signal, retry: context.retry });
}

async function copyPart(
  { context, row, source, copies, head }: ServedWork,
  upload: string,
  { number, start, end }: PartRange,
  options: { readonly digests: boolean; readonly signal: AbortSignal },
): Promise<DigestedPart> {
  const size = end - start;
  const bytes = { store: source, key: row.key, revision: head.revision, size };
  // A range that is the whole object is left out: not every server takes one of a small object.
  const from = size === head.size ? bytes : { ...bytes, range: { start, end } };
  const policy = { ...context.retry, signal: options.signal };
  return await retry(() => copies.put(row.key, upload, number, from, options), policy);
}

/** A part that is there, and of which the server says nothing else than what ferry knows. */
function agreed(work: ServedWork, part: DigestedPart | undefined, sha256: string | undefined): DigestedPart {
  if (part === undefined) throw new Error('a part was not copied');
  if (part.sha256 === undefined || sha256 === undefined || part.sha256 === sha256) return part;
  const why = `the server says that part ${part.number} has SHA-256 ${part.sha256}, where the source has ${sha256}`;
  throw failure(work, 'other', why);
}

function failure({ centre, row }: ServedWork, kind: 'cut' | 'other', why: string): StoreError {
  return new StoreError({ kind, store: centre.name, op: 'copy on the server', key: row.key, why });
}

/** What the ledger has as an upload's revision. A copy that sends its parts does not go on with one of these, nor the other way round. */
export function uploadState({ revision }: ObjectHead, digests: boolean): string {
  return `${digests ? 'served sha256' : 'served'} ${revision}`;
}

/** The upload to go on with, and its parts that are there. */
async function openUpload(
  work: ServedWork,
  ranges: readonly PartRange[],
  digests: boolean,
): Promise<{ upload: string; done: Map<number, DigestedPart> }> {
  const { context, row, parts, head, partSize, attributes } = work;
  const { signal } = context;
  const state = uploadState(head, digests);
  const known = context.uploads.find(row.id);
  if (known?.upload !== undefined && known.revision === state && known.partSize === partSize) {
    const listed = await parts.list(row.key, known.upload, { signal });
    if (listed !== undefined) return { upload: known.upload, done: usable(listed, ranges, digests) };
  }
  if (known !== undefined) await dropUpload(context, row.key, row.id, work.centre, known);
  await context.uploads.intend(row.id, state, partSize);
  const upload = await parts.begin(row.key, { attributes, digests, signal });
  await context.uploads.begun(row.id, upload);
  return { upload, done: new Map() };
}

/** Whatever is in this upload was copied of this revision, range by range: an answer that was lost is no loss. */
function usable(
  listed: readonly DigestedPart[],
  ranges: readonly PartRange[],
  digests: boolean,
): Map<number, DigestedPart> {
  const sizes = new Map(ranges.map(({ number, start, end }) => [number, end - start]));
  const whole = listed.filter((part) => sizes.get(part.number) === part.size);
  return new Map(whole.filter((part) => !digests || part.sha256 !== undefined).map((part) => [part.number, part]));
}
