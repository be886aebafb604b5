import { createHash } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import { sha256Hex } from '../base/digest.ts';
import type { Shown } from '../store/probes.ts';
import { type ObjectHead, type PartStore, type Store, StoreError, type StoreErrorKind } from '../store/store.ts';
import { collect, digestOfObject } from './bytes.ts';
import type { StoreUse } from './capabilities.ts';
import { differing } from './fidelity.ts';
import { probe } from './probe.ts';
import { probeKeys } from './probe-keys.ts';

/** What a trial works with: a store that is open, and a key of ferry's own, which is cleared after it. */
export interface TrialContext {
  readonly store: Store;
  readonly key: string;
  readonly use: StoreUse;
  readonly signal: AbortSignal;
}

export type PortTrial = (context: TrialContext) => Promise<Shown>;

/** Trials over the port alone, by capability. A store's own `probes` have the others. */
export const TRIALS: ReadonlyMap<string, PortTrial> = new Map<string, PortTrial>([
  ['list', orNo(list)],
  ['write', orNo(write)],
  ['read', orNo(read)],
  ['create-if-absent', createIfAbsent],
  ['create-if-absent-races', createRace],
  ['replace-if-unchanged', replaceIfUnchanged],
  ['complete-if-absent', (context) => complete(context, 'absent')],
  ['complete-if-unchanged', (context) => complete(context, 'unchanged')],
  ['list-uploads-by-prefix', orNo(listUploadsByPrefix)],
  ['chunked-trailer', orNo(chunkedTrailer)],
  ['checksum-sha256', orNo(checksum)],
  ['checksum-composite', orNo(composite)],
  ['metadata', orNo(metadata)],
  ['tags', orNo(tags)],
  ['encryption', orNo(encryption)],
  ['lists-key-under-key', ({ store, signal }) => keys(store, 'lists-key-under-key', signal)],
  ['keeps-leading-slash', ({ store, signal }) => keys(store, 'keeps-leading-slash', signal)],
]);

/** Errors that say that the store does not do it, or may not be made to. Others only say that it could not be tried. */
const REFUSALS: readonly StoreErrorKind[] = ['denied', 'unsupported', 'other', 'key', 'full', 'missing', 'digest'];

function orNo(trial: PortTrial): PortTrial {
  return async (context) => {
    try {
      return await trial(context);
    } catch (error) {
      if (!(error instanceof StoreError && REFUSALS.includes(error.kind))) throw error;
      return no(error.why);
    }
  };
}

const yes = (detail: string): Shown => ({ result: 'yes', detail });
const no = (detail: string): Shown => ({ result: 'no', detail });

async function list({ store, signal }: TrialContext): Promise<Shown> {
  for await (const _page of store.list({ signal })) break;
  return yes('allowed');
}

async function write({ store, key, signal }: TrialContext): Promise<Shown> {
  await store.create(key, bytes('probe'), { size: 5, signal });
  return yes('allowed');
}

/** Of what `write` has left; where nothing may be written, of the first object that is listed. */
async function read({ store, key, signal }: TrialContext): Promise<Shown> {
  if ((await store.head(key, { signal })) !== undefined) {
    const { body } = await store.read(key, { signal });
    return Buffer.from(await collect(body)).equals(bytes('probe'))
      ? yes('what was written is read')
      : no('other bytes are read than were written');
  }
  for await (const page of store.list({ signal })) {
    const entry = page.find(({ unusable }) => unusable === undefined);
    if (entry === undefined) continue;
    await (await store.read(entry.key, { signal })).discard();
    return yes('the first object that is listed can be read');
  }
  return { result: 'unknown', detail: 'there is no object to read, and none may be written' };
}

async function createIfAbsent({ store, key, signal }: TrialContext): Promise<Shown> {
  return (await probe(store, 'create-if-absent', signal, key))
    ? yes('a second write is refused')
    : no('a second write that must not overwrite does');
}

async function replaceIfUnchanged({ store, key, signal }: TrialContext): Promise<Shown> {
  return (await probe(store, 'replace-if-unchanged', signal, key))
    ? yes('a write with a stale revision is refused')
    : no('a write with a stale revision overwrites all the same');
}

const RACERS = 8;

async function createRace({ store, key, signal }: TrialContext): Promise<Shown> {
  const tries = Array.from({ length: RACERS }, (_, n) => store.create(key, bytes(`${n}`), { size: 1, signal }));
  const ended = await Promise.allSettled(tries);
  const won = ended.filter(({ status }) => status === 'fulfilled').length;
  if (won > 1) return no(`${won} of ${RACERS} writes at once succeeded, each over the other`);
  const odd = ended.find((one) => one.status === 'rejected' && !isRefusal(one.reason));
  if (won === 0 && odd?.status === 'rejected') throw odd.reason;
  return won === 1
    ? yes(`one of ${RACERS} writes at once succeeded`)
    : { result: 'unknown', detail: 'of writes at once none succeeded' };
}

/** An upload is ended over an object that it must not replace. */
async function complete({ store, key, signal }: TrialContext, condition: 'absent' | 'unchanged'): Promise<Shown> {
  const parts = partsOf(store);
  const first = await store.create(key, bytes('first'), { size: 5, signal });
  if (condition === 'unchanged') await store.replace(key, first.revision, bytes('second'), { size: 6, signal });
  const over = condition === 'unchanged' ? { over: first.revision } : {};
  try {
    await inOnePart(parts, key, bytes('parts'), signal, over);
  } catch (error) {
    if (isRefusal(error)) return yes('the end of an upload is refused');
    throw error;
  }
  return no('the end of an upload overwrites all the same');
}

/** The upload is aborted where its end fails, also when the trial is cut off. */
async function inOnePart(
  parts: PartStore,
  key: string,
  body: Uint8Array,
  signal: AbortSignal,
  options: { readonly over?: string } = {},
): Promise<ObjectHead> {
  const upload = await parts.begin(key, { signal });
  try {
    const sha256 = sha256Hex(body);
    const part = await parts.put(key, upload, 1, body, { sha256, signal });
    return await parts.complete(key, upload, [{ ...part, sha256 }], { ...options, signal });
  } catch (error) {
    await parts.abort(key, upload, { signal: AbortSignal.timeout(10_000) });
    throw error;
  }
}

/** By a prefix that is no key of its own: that is what MinIO takes for one. */
async function listUploadsByPrefix({ store, key, signal }: TrialContext): Promise<Shown> {
  const parts = partsOf(store);
  if (parts.all === undefined) return no('uploads cannot be listed');
  const upload = await parts.begin(key, { signal });
  try {
    for await (const page of parts.all({ prefix: key.slice(0, -4), signal })) {
      if (page.some(({ id }) => id === upload)) return yes('an upload is listed by the beginning of its key');
    }
    return no('an upload is not listed by the beginning of its key');
  } finally {
    await parts.abort(key, upload, { signal: AbortSignal.timeout(10_000) });
  }
}

/** Larger than what ferry sends whole. Bytes. */
const STREAMED = 4 * 1024 ** 2 + 1;

async function chunkedTrailer({ store, key, signal }: TrialContext): Promise<Shown> {
  const chunk = Buffer.alloc(64 * 1024, 'ferry');
  const hash = createHash('sha256');
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let left = STREAMED; left > 0; left -= chunk.byteLength) {
      const next = chunk.subarray(0, Math.min(left, chunk.byteLength));
      hash.update(next);
      yield next;
    }
  }
  await store.create(key, body(), { size: STREAMED, signal });
  const { sha256 } = await digestOfObject(store, key, { signal });
  return sha256 === hash.digest('hex')
    ? yes('an object of 4 MiB and a byte was streamed')
    : no('what was streamed is read as other bytes');
}

async function checksum({ store, key, signal }: TrialContext): Promise<Shown> {
  const body = bytes('checksum');
  const right = sha256Hex(body);
  const wrong = await store.create(key, body, { size: body.byteLength, sha256: sha256Hex('other'), signal }).then(
    () => 'taken',
    (error: unknown) => {
      if (error instanceof StoreError && ['digest', 'other'].includes(error.kind)) return 'refused';
      throw error;
    },
  );
  if (wrong === 'taken') return no('a body with a wrong SHA-256 is taken');
  await store.create(key, body, { size: body.byteLength, sha256: right, signal });
  const told = (await store.head(key, { signal }))?.sha256;
  if (told === undefined) return no('a wrong SHA-256 is refused, but the right one is not given back');
  return told === right ? yes('a wrong one is refused, the right one given back') : no('another SHA-256 is given back');
}

async function composite({ store, key, signal }: TrialContext): Promise<Shown> {
  const body = bytes('composite');
  const head = await inOnePart(partsOf(store), key, body, signal);
  const expected = `${sha256Hex(Buffer.from(sha256Hex(body), 'hex'))}-1`;
  return head.composite === expected
    ? yes('given back')
    : no(head.composite === undefined ? 'not given back' : 'another one is given back');
}

async function metadata(context: TrialContext): Promise<Shown> {
  const metadata = { 'ferry-plain': 'as it stands', 'ferry-word': 'Ærø 漢字 😀' };
  return await keepsAttributes(context, { contentType: 'text/x-ferry', contentLanguage: 'nb', metadata });
}

async function tags(context: TrialContext): Promise<Shown> {
  return await keepsAttributes(context, { tags: { ferry: 'probe', 'a b': 'c+d' } });
}

async function keepsAttributes(
  { store, key, signal }: TrialContext,
  attributes: NonNullable<Parameters<Store['create']>[2]['attributes']>,
): Promise<Shown> {
  await store.create(key, bytes('probe'), { size: 5, attributes, signal });
  const head = await store.head(key, { signal });
  const lost = differing(attributes, head?.attributes ?? {}, systemClock.now());
  return lost.length === 0 ? yes('kept') : no(`not kept: ${lost.join(', ')}`);
}

async function encryption({ store, key, signal, use }: TrialContext): Promise<Shown> {
  await store.create(key, bytes('probe'), { size: 5, signal });
  const found = (await store.head(key, { signal }))?.encrypted;
  const wanted = use.encryption;
  if (found === undefined) return no(wanted === undefined ? 'not encrypted, nor asked for' : 'not encrypted');
  return wanted === undefined || wanted === 'any' || wanted === found
    ? yes(found)
    : no(`${found} instead of ${wanted}`);
}

async function keys(
  store: Store,
  capability: 'lists-key-under-key' | 'keeps-leading-slash',
  signal: AbortSignal,
): Promise<Shown> {
  if (await probeKeys(store, capability, signal)) return yes('kept apart');
  return no(
    capability === 'lists-key-under-key' ? 'hidden from listings, or refused' : 'the slash is lost, or refused',
  );
}

function partsOf(store: Store): PartStore {
  if (store.parts !== undefined) return store.parts;
  throw new StoreError({ kind: 'unsupported', store: store.name, op: 'try', why: 'it takes no uploads in parts' });
}

function isRefusal(error: unknown): boolean {
  return error instanceof StoreError && (error.kind === 'exists' || error.kind === 'precondition');
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
