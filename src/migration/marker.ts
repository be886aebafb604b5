import { z } from 'zod';
import { canonicalJson } from '../base/canonical.ts';
import { sha256Hex } from '../base/digest.ts';
import type { ObjectRow, TombstoneIntent, TombstoneRecord } from '../ledger/rows.ts';
import { type Attributes, type ObjectHead, type Store, StoreError } from '../store/store.ts';
import { collect } from './bytes.ts';
import type { StepContext } from './context.ts';

/** The format that docs/tombstone.md specifies. A reader refuses one that it does not know. */
export const MARKER_FORMAT = 'ferry/tombstone/v1';

/** No marker is smaller: the names of its members, the notice and the digests alone take more. */
export const SMALLEST_MARKER = 400;

/** No marker is larger: a key has at most 1,024 bytes, six characters each when escaped. */
export const LARGEST_MARKER = 16_384;

const NOTICE = 'The object that was here has been moved to another data centre. This is not its content.';

export interface Marker {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly attributes: Attributes;
}

/** The marker that stands for an object. The same row and intent give the same bytes, also after a crash. */
export function markerFor(
  context: Pick<StepContext, 'plan' | 'ledger'>,
  row: ObjectRow,
  intent: TombstoneIntent,
  centre: Store,
): Marker {
  const { plan } = context;
  const text = canonicalJson({
    format: MARKER_FORMAT,
    notice: NOTICE,
    plan: plan.name,
    ledger: context.ledger,
    partition: row.partition,
    key: row.key,
    size: row.size,
    sha256: row.sha256,
    centre: {
      store: centre.name,
      jurisdiction: plan.stores[centre.name]?.jurisdiction,
      location: centre.location,
    },
    tombstonedAt: new Date(intent.at).toISOString(),
    holdUntil: new Date(intent.holdUntil).toISOString(),
  });
  const bytes = new TextEncoder().encode(`${text}\n`);
  return {
    bytes,
    sha256: sha256Hex(bytes),
    attributes: {
      contentType: 'application/vnd.ferry.tombstone+json',
      metadata: { 'ferry-tombstone': 'v1' },
    },
  };
}

/** Whether bytes are a tombstone, of this plan or another. */
export function looksLikeMarker(bytes: Uint8Array): boolean {
  if (bytes.byteLength === 0 || bytes.byteLength > LARGEST_MARKER || bytes[0] !== 0x7b) return false;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return (
      typeof value === 'object' &&
      value !== null &&
      'format' in value &&
      typeof value.format === 'string' &&
      value.format.startsWith('ferry/tombstone/')
    );
  } catch {
    return false;
  }
}

const Whole = z.strictObject({
  format: z.literal(MARKER_FORMAT),
  notice: z.literal(NOTICE),
  plan: z.string(),
  ledger: z.string(),
  partition: z.string(),
  key: z.string(),
  size: z.number(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  centre: z.strictObject({ store: z.string(), jurisdiction: z.string(), location: z.string() }),
  tombstonedAt: z.iso.datetime(),
  holdUntil: z.iso.datetime(),
});

/**
 * Whether bytes are the tombstone of this key and nothing else, whichever ledger knows it: byte for byte what the format says. One
 * that something was added to, or of another format, holds what this ferry does not know.
 */
export function isWholeMarker(bytes: Uint8Array, key: string): boolean {
  return wholeMarker(bytes, key) !== undefined;
}

/** What a tombstone says. */
export type MarkerText = z.output<typeof Whole>;

/** What such a tombstone says; `undefined` for any other bytes. */
export function wholeMarker(bytes: Uint8Array, key: string): MarkerText | undefined {
  if (!looksLikeMarker(bytes)) return undefined;
  const text = new TextDecoder().decode(bytes);
  const read = Whole.safeParse(JSON.parse(text));
  if (!read.success || read.data.key !== key) return undefined;
  try {
    return `${canonicalJson(read.data)}\n` === text ? read.data : undefined;
  } catch {
    // It holds half of a surrogate pair, which ferry never writes.
    return undefined;
  }
}

/** Whether the object under the key is this very marker. */
export async function isMarker(source: Store, key: string, marker: Marker, signal: AbortSignal): Promise<boolean> {
  const bytes = await bytesOfMarker(source, key, signal);
  return bytes !== undefined && Buffer.compare(bytes, marker.bytes) === 0;
}

/** The bytes of the object under the key; `undefined` where there is none, or it is too large for a marker. */
export async function bytesOfMarker(source: Store, key: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    const { head, body, discard } = await source.read(key, { signal });
    if (head.size > LARGEST_MARKER) {
      await discard();
      return undefined;
    }
    return await collect(body);
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'absent') return undefined;
    throw error;
  }
}

/** A marker whose mode or another hard link was touched has another revision and the same bytes. */
export async function isTombstone(
  context: Pick<StepContext, 'plan' | 'ledger' | 'signal'>,
  row: ObjectRow,
  { revision, at, holdUntil }: TombstoneRecord,
  here: Pick<ObjectHead, 'size' | 'revision'>,
  source: Store,
  centre: Store,
): Promise<boolean> {
  // Where a file can be written in place, twice within one tick of the clock, only the bytes are sure.
  if (here.revision === revision && source.writtenSince === undefined) return true;
  const marker = markerFor(context, row, { step: 'tombstone', at, holdUntil, revision: row.revision }, centre);
  return here.size === marker.bytes.byteLength && (await isMarker(source, row.key, marker, context.signal));
}
