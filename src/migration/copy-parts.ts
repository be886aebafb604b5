import { createHash } from 'node:crypto';
import { sha256Hex } from '../base/digest.ts';
import { retry } from '../base/retry.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { PartRecord, UploadRecord } from '../ledger/upload-book.ts';
import { type ObjectHead, type Part, type PartStore, type Store, StoreError } from '../store/store.ts';
import { fill } from './bytes.ts';
import type { StepContext } from './context.ts';
import { type PartRange, rangesOf } from './part-plan.ts';

/** What a copy in parts has shown. */
export interface CopiedInParts {
  readonly head: ObjectHead;
  /** Of the whole, in order. */
  readonly sha256: string;
  readonly composite: string;
  /** Bytes that were sent in this call; less than the size when an earlier one had got some way. */
  readonly sent: number;
}

interface Work {
  readonly context: StepContext;
  readonly row: ObjectRow;
  readonly source: Store;
  readonly centre: Store;
  readonly parts: PartStore;
  /** Of the source, as it is read. */
  readonly head: ObjectHead;
  /** The revision of the object that the whole is to replace; left out where nothing may be there. */
  readonly over?: string;
  /** The digest that the whole must have, where it is known before. */
  readonly sha256?: string;
}

/** The server's clock may be behind ours by this much when an upload is looked for by its time. */
const SKEW_MS = 15 * 60_000;

/**
 * Copies a large object part by part. Parts are read by range and sent in parallel, while the whole is hashed in order. What arrived
 * is in the ledger, so that a killed copy goes on at the part: parts that the centre has are read again for the digest, not sent.
 * Every range is bound to the one revision of the source, and a part that was sent before must read the same now.
 *
 * @throws StoreError `exists` where the centre holds something under the key; `precondition` when the source changed meanwhile.
 */
export async function copyInParts(work: Work, partSize: number): Promise<CopiedInParts> {
  const { context, row, centre, parts, head } = work;
  const { upload, there } = await openUpload(work, partSize);
  const whole = createHash('sha256');
  const done: (Part & { sha256: string })[] = [];
  const sending: Promise<void>[] = [];
  let failure: unknown;
  let sent = 0;
  let hashed: Promise<void> = Promise.resolve();
  for (const range of rangesOf(head.size, partSize)) {
    const { buffer, giveBack } = await context.partMemory.take(range.end - range.start);
    if (failure !== undefined) {
      giveBack();
      break;
    }
    const before = hashed;
    const read = retry(() => readRange(work, range, buffer), context.retry);
    hashed = Promise.all([read, before]).then(([bytes]) => {
      whole.update(bytes);
    });
    // Its failure is that of the part; only the order is waited for here.
    hashed.catch(() => undefined);
    const turn = hashed;
    sending.push(
      (async () => {
        try {
          const bytes = await read;
          const sha256 = sha256Hex(bytes);
          const known = there.get(range.number);
          if (known?.sha256 === sha256) done.push({ ...known });
          else {
            done.push(await send(work, upload, range, bytes, sha256));
            sent += bytes.byteLength;
          }
          await turn;
        } catch (error) {
          failure ??= error;
        } finally {
          giveBack();
        }
      })(),
    );
  }
  await Promise.all(sending);
  if (failure !== undefined) throw failure;
  done.sort((a, b) => a.number - b.number);
  const sha256 = whole.digest('hex');
  if (work.sha256 !== undefined && work.sha256 !== sha256) {
    const why = `what was read has SHA-256 ${sha256} where ${work.sha256} was expected`;
    throw new StoreError({ kind: 'other', store: work.source.name, op: 'read', key: row.key, why });
  }
  const over = work.over === undefined ? {} : { over: work.over };
  const made = await parts.complete(row.key, upload, done, { signal: context.signal, ...over });
  await context.uploads.drop(row.id);
  if (made.size !== head.size)
    throw new StoreError({ kind: 'cut', store: centre.name, op: 'copy', key: row.key, why: 'the parts do not add up' });
  return { head: made, sha256, composite: compositeOf(done), sent };
}

async function readRange(
  { context, row, source, head }: Work,
  range: PartRange,
  into: Uint8Array,
): Promise<Uint8Array> {
  const { start, end } = range;
  const { body } = await source.read(row.key, {
    range: { start, end },
    revision: head.revision,
    signal: context.signal,
  });
  if (await fill(into, body)) return into;
  const why = `other than the ${end - start} bytes came that were asked for`;
  throw new StoreError({ kind: 'cut', store: source.name, op: 'read', key: row.key, why });
}

async function send(
  work: Work,
  upload: string,
  range: PartRange,
  bytes: Uint8Array,
  sha256: string,
): Promise<Part & { sha256: string }> {
  const { context, row, parts } = work;
  const { signal } = context;
  const part = await retry(() => parts.put(row.key, upload, range.number, bytes, { sha256, signal }), context.retry);
  await context.uploads.arrived(row.id, { ...part, sha256 });
  return { ...part, sha256 };
}

/** The upload to go on with, and which of its parts are surely there: those that ledger and server agree on. */
async function openUpload(
  work: Work,
  partSize: number,
): Promise<{ upload: string; there: ReadonlyMap<number, PartRecord> }> {
  const { context, row, parts, head } = work;
  const known = context.uploads.find(row.id);
  if (known?.upload !== undefined && known.revision === head.revision && known.partSize === partSize) {
    const listed = await parts.list(row.key, known.upload, { signal: context.signal });
    if (listed !== undefined) return { upload: known.upload, there: agreed(known, listed) };
  }
  if (known !== undefined) await dropUpload(context, row.key, row.id, work.centre, known);
  await context.uploads.intend(row.id, head.revision, partSize);
  const upload = await parts.begin(row.key, { attributes: head.attributes, signal: context.signal });
  await context.uploads.begun(row.id, upload);
  return { upload, there: new Map() };
}

function agreed(known: UploadRecord, listed: readonly Part[]): ReadonlyMap<number, PartRecord> {
  const there = new Map<number, PartRecord>();
  for (const { number, size, tag } of listed) {
    const record = known.parts.get(number);
    if (record?.tag === tag && record.size === size) there.set(number, record);
  }
  return there;
}

/** Aborts an upload of ferry's own, also one whose id the server had no time to tell. */
export async function dropUpload(
  context: Pick<StepContext, 'signal' | 'uploads'>,
  key: string,
  object: number,
  centre: Store,
  known: UploadRecord,
): Promise<void> {
  const { signal } = context;
  const { parts } = centre;
  if (parts !== undefined) {
    const ids =
      known.upload === undefined
        ? (await parts.uploads(key, { signal }))
            .filter(({ begun }) => begun >= known.begunAt - SKEW_MS)
            .map(({ id }) => id)
        : [known.upload];
    for (const id of ids) await parts.abort(key, id, { signal });
  }
  await context.uploads.drop(object);
}

/** What S3 calls a composite checksum: SHA-256 over the parts' digests, and how many they are. */
export function compositeOf(parts: readonly { readonly sha256: string }[]): string {
  const hash = createHash('sha256');
  for (const { sha256 } of parts) hash.update(Buffer.from(sha256, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}
