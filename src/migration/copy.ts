import { createHash } from 'node:crypto';
import { sha256Hex } from '../base/digest.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import { type ObjectHead, type ObjectReader, type Store, StoreError } from '../store/store.ts';
import { collect, digestOfObject, hashing, type ReadDigest } from './bytes.ts';
import { disagrees, endsOf, type Outcome, type StepContext, unresolved } from './context.ts';
import { copyHistory } from './copy-history.ts';
import { copyOnServer } from './copy-on-server.ts';
import { copyInParts, dropUpload } from './copy-parts.ts';
import { earlierAttempt } from './earlier-marker.ts';
import { carried, refusedCopy } from './fidelity.ts';
import { movesHistory } from './history.ts';
import { looksLikeMarker } from './marker.ts';
import { IN_PARTS_FROM, partSizeFor, SMALL } from './part-plan.ts';

/**
 * Copies one object to its centre in one pass: each byte is read once and hashed as it goes by. What the centre already holds
 * under the key is never overwritten: equal bytes count as the copy, other bytes are a conflict. May be taken again after any stop.
 */
export async function copy(context: StepContext, row: ObjectRow): Promise<Outcome> {
  if (movesHistory(context, row)) return await copyHistory(context, row);
  const { source, centre } = endsOf(context, row);
  const barred = await context.keyGuard?.(row);
  if (barred !== undefined) return unresolved('failed', barred);
  const served = await copyOnServer(context, row);
  if (served !== undefined) {
    const { head, made, sha256, composite, sent } = served;
    const outcome = copied({ head, sha256, size: head.size }, made, sent);
    return { ...outcome, change: { ...outcome.change, composite } };
  }
  let reader: ObjectReader;
  try {
    reader = await source.read(row.key, { signal: context.signal });
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
    return unresolved('gone', 'the source vanished before its copy');
  }
  const refused = refusedCopy(context, row, reader.head.attributes);
  if (refused !== undefined && reader.head.size > SMALL) {
    await reader.discard();
    return refused;
  }
  return reader.head.size <= SMALL
    ? await copySmall(context, row, reader, centre)
    : await copyLarge(context, row, reader, source, centre);
}

async function copySmall(context: StepContext, row: ObjectRow, reader: ObjectReader, centre: Store): Promise<Outcome> {
  const bytes = await collect(reader.body);
  if (looksLikeMarker(bytes)) {
    const attempt = earlierAttempt(context, row, bytes);
    // The step that put it there finds it when the copy is verified once more.
    if (attempt !== undefined) return { to: 'copied', change: { intent: attempt, reason: null, integrity: false } };
    return unresolved(
      'failed',
      'the source holds a tombstone that this ledger does not know; use the state directory of the run that put it there',
    );
  }
  const refused = refusedCopy(context, row, reader.head.attributes);
  if (refused !== undefined) return refused;
  const read: ReadDigest = { head: reader.head, sha256: sha256Hex(bytes), size: bytes.byteLength };
  try {
    const attributes = carried(context, row, reader.head.attributes);
    const head = await centre.create(row.key, bytes, {
      size: read.size,
      sha256: read.sha256,
      attributes,
      signal: context.signal,
    });
    return copied(read, head, read.size);
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === 'exists')) throw error;
    return await compare(context, row, read, centre);
  }
}

async function copyLarge(
  context: StepContext,
  row: ObjectRow,
  reader: ObjectReader,
  source: Store,
  centre: Store,
): Promise<Outcome> {
  const { signal } = context;
  // Asked first, so that a copy that is there already is not sent again in full only to be refused.
  const there = await headOrDiscard(centre, row.key, reader, signal);
  const { parts } = centre;
  if (there === undefined && parts !== undefined && reader.head.size >= IN_PARTS_FROM) {
    await reader.discard();
    return await copyHuge({ context, row, source, centre, parts, head: reader.head });
  }
  if (there === undefined) {
    const hash = createHash('sha256');
    try {
      const head = await centre.create(row.key, hashing(reader.body, hash), {
        size: reader.head.size,
        attributes: carried(context, row, reader.head.attributes),
        signal,
      });
      return copied({ head: reader.head, sha256: hash.digest('hex'), size: reader.head.size }, head, reader.head.size);
    } catch (error) {
      await reader.discard();
      if (!(error instanceof StoreError && error.kind === 'exists')) throw error;
    }
  }
  await reader.discard();
  return await compareLarge(context, row, source, centre);
}

/** Both sides are read; an upload that an earlier run left is of no use any more. */
async function compareLarge(context: StepContext, row: ObjectRow, source: Store, centre: Store): Promise<Outcome> {
  const read = await digestOfObject(source, row.key, { signal: context.signal });
  const outcome = await compare(context, row, read, centre);
  const left = context.uploads.find(row.id);
  if (left !== undefined) await dropUpload(context, row.key, row.id, centre, left);
  return outcome;
}

async function copyHuge(work: Parameters<typeof copyInParts>[0]): Promise<Outcome> {
  const { context, row, source, centre, parts, head } = work;
  const partSize = partSizeFor(head.size, parts.limits);
  if (partSize === undefined) return unresolved('failed', `${centre.name} takes no object of ${head.size} bytes`);
  try {
    const asked = { ...head, attributes: carried(context, row, head.attributes) };
    const { sent, composite, sha256, ...made } = await copyInParts({ ...work, head: asked }, partSize);
    const outcome = copied({ head, sha256, size: head.size }, made.head, sent);
    return { ...outcome, change: { ...outcome.change, composite } };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // Someone wrote the source while it was read: the next attempt takes what is there then.
    if (error.kind === 'precondition')
      throw new StoreError({ kind: 'changed', store: source.name, op: 'read', key: row.key, why: error.why });
    if (error.kind !== 'exists') throw error;
    return await compareLarge(context, row, source, centre);
  }
}

async function headOrDiscard(
  centre: Store,
  key: string,
  reader: ObjectReader,
  signal: AbortSignal,
): Promise<ObjectHead | undefined> {
  try {
    return await centre.head(key, { signal });
  } catch (error) {
    await reader.discard();
    throw error;
  }
}

/** The centre has something under the key: is it these bytes? */
async function compare(context: StepContext, row: ObjectRow, read: ReadDigest, centre: Store): Promise<Outcome> {
  const there = await digestOfObject(centre, row.key, { signal: context.signal });
  if (there.sha256 === read.sha256 && there.size === read.size) return copied(read, there.head);
  const facts = `the centre holds ${there.size} bytes with SHA-256 ${there.sha256}, the source ${read.size} with ${read.sha256}`;
  if (row.centreRevision !== undefined && row.sha256 === read.sha256) {
    return disagrees(`the copy at the centre no longer agrees with its source: ${facts}`);
  }
  return unresolved('conflict', `the centre already holds other bytes under this key: ${facts}`);
}

function copied(read: ReadDigest, at: ObjectHead, moved?: number): Outcome {
  return {
    to: 'copied',
    ...(moved === undefined ? {} : { moved }),
    change: {
      size: read.size,
      revision: read.head.revision,
      sha256: read.sha256,
      composite: null,
      centreRevision: at.revision,
      attributes: read.head.attributes,
      intent: null,
      reason: null,
      integrity: false,
    },
  };
}
