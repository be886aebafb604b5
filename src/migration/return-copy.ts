import { createHash } from 'node:crypto';
import { FerryError } from '../base/errors.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { ObjectHead, Store } from '../store/store.ts';
import type { StepContext } from './context.ts';

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
