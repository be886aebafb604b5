import { createHash } from 'node:crypto';
import { FerryError } from '../base/errors.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { ObjectHead, Store } from '../store/store.ts';
import type { StepContext } from './context.ts';
import { copyInParts } from './copy-parts.ts';
import { IN_PARTS_FROM, partSizeFor } from './part-plan.ts';

/**
 * Brings the verified copy back over the marker. The last chunk is held back until the digest of all of them agrees, so that
 * wrong bytes are never completed at the source.
 */
export async function returnCopy(
  context: StepContext,
  row: ObjectRow,
  source: Store,
  centre: Store,
  markerRevision: string,
): Promise<ObjectHead> {
  const { signal } = context;
  const reader = await centre.read(row.key, { signal });
  if (reader.head.size !== row.size) {
    await reader.discard();
    throw copyDiffers(centre, row);
  }
  const { parts } = source;
  const partSize = parts && partSizeFor(row.size, parts.limits);
  if (parts !== undefined && partSize !== undefined && row.size >= IN_PARTS_FROM) {
    await reader.discard();
    // The upload carries what the object carried at its source, not what the centre could hold of it.
    const head = { ...reader.head, attributes: row.attributes };
    const way = { context, row, source: centre, centre: source, parts, head, over: markerRevision };
    return (await copyInParts(row.sha256 === undefined ? way : { ...way, sha256: row.sha256 }, partSize)).head;
  }
  const replaced = await source.replace(row.key, markerRevision, checked(reader.body, centre, row), {
    size: row.size,
    attributes: row.attributes,
    signal,
  });
  return replaced.head;
}

async function* checked(body: AsyncIterable<Uint8Array>, centre: Store, row: ObjectRow): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let last: Uint8Array | undefined;
  for await (const chunk of body) {
    hash.update(chunk);
    if (last !== undefined) yield last;
    last = chunk;
  }
  if (hash.digest('hex') !== row.sha256) throw copyDiffers(centre, row);
  if (last !== undefined) yield last;
}

function copyDiffers(centre: Store, row: ObjectRow): FerryError {
  return new FerryError({
    fault: 'integrity',
    op: 'restore the object',
    subject: `${centre.name}: ${JSON.stringify(row.key)}`,
    why: 'the copy at the centre is not the one that was verified',
    hint: 'find out who changed the centre; the tombstone was left as it is',
  });
}
