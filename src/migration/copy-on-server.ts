import type { ObjectRow } from '../ledger/rows.ts';
import { StoreError, type StoreErrorKind } from '../store/store.ts';
import { endsOf, type StepContext } from './context.ts';
import { dropUpload } from './copy-parts.ts';
import { carried, refusedCopy } from './fidelity.ts';
import { copiedPartSizeFor, SMALL } from './part-plan.ts';
import { type ServedCopy, type ServedWork, servedCopy, uploadState } from './served-copy.ts';

/**
 * Has the server copy an object between two of its own buckets, so that its bytes are not sent by ferry.
 * Small objects are not worth it.
 *
 * @returns `undefined` where the object has to go the ordinary way: the plan says `never`, the server cannot or will not, the centre has
 * something under the key already, or the source was written meanwhile. Nothing is left of a try then.
 */
export async function copyOnServer(context: StepContext, row: ObjectRow): Promise<ServedCopy | undefined> {
  const work = row.size > SMALL ? await workFor(context, row) : undefined;
  if (work === undefined) return undefined;
  try {
    return await withDigestsOrNot(work);
  } catch (error) {
    if (!isAnswer(error)) throw error;
    const known = context.uploads.find(row.id);
    if (known !== undefined) await dropUpload(context, row.key, row.id, work.centre, known);
    return undefined;
  }
}

async function workFor(context: StepContext, row: ObjectRow): Promise<ServedWork | undefined> {
  const { source, centre } = endsOf(context, row);
  const { signal } = context;
  const { parts } = centre;
  const copies = parts?.copies;
  if (context.plan.serverSideCopy === 'never' || parts === undefined || copies?.able(source) !== true) return undefined;
  if (isAttested(context) && !copies.digests) return undefined;
  const head = await source.head(row.key, { signal });
  if (head === undefined || head.size <= SMALL) return undefined;
  if (refusedCopy(context, row, head.attributes) !== undefined) return undefined;
  const partSize = copiedPartSizeFor(head.size, parts.limits);
  if (partSize === undefined || (await centre.head(row.key, { signal })) !== undefined) return undefined;
  const attributes = carried(context, row, head.attributes);
  return { context, row, source, centre, parts, copies, head, partSize, attributes };
}

/** Without digests of the parts the centre attests nothing later on, so that such a plan's objects go the ordinary way. */
function isAttested(context: StepContext): boolean {
  return context.plan.verify === 'attested';
}

async function withDigestsOrNot(work: ServedWork): Promise<ServedCopy> {
  const { context, row, copies, head } = work;
  if (isAttested(context)) return await servedCopy(work, true);
  // A run that was killed may have found out already.
  const begun = context.uploads.find(row.id)?.revision;
  const without = !copies.digests || begun === uploadState(head, false);
  if (without) return await servedCopy(work, false);
  try {
    return await servedCopy(work, true);
  } catch (error) {
    if (!isAnswer(error) || copies.digests) throw error;
    return await servedCopy(work, false);
  }
}

/** What the server would say again, however often it is asked. */
const ANSWERS: ReadonlySet<StoreErrorKind> = new Set([
  'denied',
  'unsupported',
  'other',
  'key',
  'missing',
  'exists',
  'absent',
  'precondition',
]);

function isAnswer(error: unknown): boolean {
  return error instanceof StoreError && ANSWERS.has(error.kind);
}
