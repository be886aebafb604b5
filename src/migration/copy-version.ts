import { createHash } from 'node:crypto';
import { sha256Hex } from '../base/digest.ts';
import type { Attributes, Body, ObjectHead, ObjectReader, Store, WriteOptions } from '../store/store.ts';
import type { Version } from '../store/versions.ts';
import { atVersion } from '../store/wrap/at-version.ts';
import { collect, hashing } from './bytes.ts';
import { type Outcome, unresolved } from './context.ts';
import type { HistoryWork } from './copy-history.ts';
import { copyInParts } from './copy-parts.ts';
import { carried, refusedCopy } from './fidelity.ts';
import { looksLikeMarker } from './marker.ts';
import { IN_PARTS_FROM, partSizeFor, SMALL } from './part-plan.ts';

export interface CopiedVersion {
  readonly sha256: string;
  readonly composite: string | undefined;
  /** As read at the source. */
  readonly attributes: Attributes;
  readonly head: ObjectHead;
  /** Bytes. */
  readonly sent: number;
}

/**
 * Copies the bytes of one version, each read once and hashed as it goes by, over the state that the centre has on top.
 *
 * @param over revision of that state; `undefined` where nothing is to be seen there.
 * @throws StoreError `exists` or `precondition` where another state is on top.
 */
export async function copyVersion(
  work: HistoryWork,
  state: Version,
  over: string | undefined,
  isLatest: boolean,
): Promise<CopiedVersion | Outcome> {
  const { context, row, source, centre } = work;
  const { signal } = context;
  const view = atVersion(source, state.version);
  const reader = await view.read(row.key, { revision: state.revision, signal });
  const { head } = reader;
  const refused = refusedCopy(context, row, head.attributes);
  if (refused !== undefined) {
    await reader.discard();
    return refused;
  }
  const attributes = carried(context, row, head.attributes);
  const inParts = centre.parts !== undefined && head.size >= IN_PARTS_FROM;
  if (inParts) {
    await reader.discard();
    return await huge(work, view, { ...head, attributes }, over, head.attributes);
  }
  const made =
    head.size <= SMALL
      ? await small(work, reader, over, attributes, isLatest)
      : await streamed(work, reader, over, attributes);
  return 'to' in made ? made : { ...made, composite: undefined, attributes: head.attributes, sent: head.size };
}

async function small(
  { context, row, centre }: HistoryWork,
  { head, body }: ObjectReader,
  over: string | undefined,
  attributes: Attributes,
  isLatest: boolean,
): Promise<{ head: ObjectHead; sha256: string } | Outcome> {
  const bytes = await collect(body);
  if (isLatest && looksLikeMarker(bytes)) {
    return unresolved(
      'failed',
      'the source holds a tombstone that this ledger does not know; use the state directory of the run that put it there',
    );
  }
  const sha256 = sha256Hex(bytes);
  const write = { size: head.size, sha256, attributes, signal: context.signal };
  return { head: await put(centre, row.key, over, bytes, write), sha256 };
}

async function streamed(
  { context, row, centre }: HistoryWork,
  { head, body, discard }: ObjectReader,
  over: string | undefined,
  attributes: Attributes,
): Promise<{ head: ObjectHead; sha256: string }> {
  const hash = createHash('sha256');
  try {
    const write = { size: head.size, attributes, signal: context.signal };
    const made = await put(centre, row.key, over, hashing(body, hash), write);
    return { head: made, sha256: hash.digest('hex') };
  } catch (error) {
    await discard();
    throw error;
  }
}

async function huge(
  work: HistoryWork,
  view: Store,
  head: ObjectHead,
  over: string | undefined,
  attributes: Attributes,
): Promise<CopiedVersion | Outcome> {
  const { context, row, centre } = work;
  const { parts } = centre;
  const partSize = parts && partSizeFor(head.size, parts.limits);
  if (parts === undefined || partSize === undefined) {
    return unresolved('failed', `${centre.name} takes no object of ${head.size} bytes`);
  }
  const way = { context, row, source: view, centre, parts, head };
  const made = await copyInParts(over === undefined ? way : { ...way, over }, partSize);
  return { sha256: made.sha256, composite: made.composite, attributes, head: made.head, sent: made.sent };
}

async function put(
  centre: Store,
  key: string,
  over: string | undefined,
  body: Body,
  options: WriteOptions,
): Promise<ObjectHead> {
  return over === undefined
    ? await centre.create(key, body, options)
    : (await centre.replace(key, over, body, options)).head;
}
