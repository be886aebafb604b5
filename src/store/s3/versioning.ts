import { GetBucketVersioningCommand, GetObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { type CallOptions, type ObjectHead, type Store, StoreError, type WriteOptions } from '../store.ts';
import { readerBody } from './body.ts';
import { type Bucket, http, type Versioning } from './bucket.ts';
import { attributesIn } from './facts.ts';
import type { AnswerBody } from './hot/exchange.ts';
import { orDestroy } from './read.ts';
import { copyInParts } from './reinstate.ts';
import { historyOf } from './version-list.ts';
import { S3Versions } from './versions.ts';

/** Objects up to this many bytes are held in memory when a version is written again. */
const SMALL = 4 * 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html */
export async function versioningOf(bucket: Bucket, signal: AbortSignal | undefined): Promise<Versioning> {
  try {
    const command = new GetBucketVersioningCommand({ Bucket: bucket.name });
    const { Status } = await bucket.send('open', undefined, () => bucket.client.send(command, http({ signal })));
    if (Status === 'Enabled') return 'enabled';
    return Status === 'Suspended' ? 'suspended' : 'off';
  } catch (error) {
    if (error instanceof StoreError && !error.passing) return 'unknown';
    throw error;
  }
}

/**
 * Where versioning is suspended, a write takes the place of the version `null`, also of one that newer versions hide and that nobody
 * may have copied. Whoever writes over it has to know it.
 *
 * @throws StoreError `unsupported`.
 */
export async function spareNull(
  bucket: Bucket,
  op: string,
  key: string,
  options: Pick<WriteOptions, 'overNull' | 'signal'>,
): Promise<void> {
  if (bucket.versioning === 'unknown' && op === 'replace') return await refuseUnknown(bucket, op, key, options);
  if (bucket.versioning !== 'suspended') return;
  const history = await historyOf(bucket, key, options);
  const hidden = history.slice(0, -1).find(({ version, marker }) => version === 'null' && !marker);
  if (hidden === undefined || hidden.revision === options.overNull) return;
  const why =
    'versioning is suspended, so the write would destroy an older version of this object, null, which newer ones hide; ' +
    'enable versioning, or move the whole history with versions: all';
  throw bucket.error('unsupported', op, key, why);
}

/** An object with a version id tells that there is a history; what a write would do to it, only the bucket tells. */
async function refuseUnknown(bucket: Bucket, op: string, key: string, options: CallOptions): Promise<void> {
  const head = await bucket.ask(op, key, () =>
    bucket.client.send(new HeadObjectCommand(bucket.at(key)), http(options)),
  );
  if (head.VersionId === undefined || head.VersionId === 'null') return;
  const why =
    'it has versions, and the server does not say whether versioning is enabled or suspended; allow s3:GetBucketVersioning';
  throw bucket.error('unsupported', op, key, why);
}

/**
 * Undoes a `replace`. Where the server lets the marker's own version go, what was before it is the object again, and the history is as it
 * was; a lock may forbid that, and then the kept version is written again, as the newest.
 */
export async function reinstateVersion(
  store: Store,
  bucket: Bucket,
  key: string,
  what: { readonly revision: string | undefined; readonly kept: string },
  options: CallOptions,
): Promise<ObjectHead> {
  const back = await withoutMarker(bucket, key, what, options);
  return back ?? (await writtenAgain(store, bucket, key, what, options));
}

async function withoutMarker(
  bucket: Bucket,
  key: string,
  { revision, kept }: { readonly revision: string | undefined; readonly kept: string },
  options: CallOptions,
): Promise<ObjectHead | undefined> {
  if (revision === undefined || bucket.versioning !== 'enabled') return undefined;
  const [below, newest] = (await historyOf(bucket, key, options)).slice(-2);
  if (newest?.revision !== revision || below?.version !== kept) return undefined;
  const versions = new S3Versions(bucket, 'enabled');
  try {
    // By its own id: what anyone writes at this moment stays, and is the newest.
    await versions.remove(key, newest.version, options);
  } catch (error) {
    if (error instanceof StoreError && !error.passing) return undefined;
    throw error;
  }
  const now = (await historyOf(bucket, key, options)).at(-1);
  if (now?.version !== kept) throw bucket.error('precondition', 'reinstate', key, 'it was written again meanwhile');
  return await versions.head(key, kept, options);
}

async function writtenAgain(
  store: Store,
  bucket: Bucket,
  key: string,
  { revision, kept }: { readonly revision: string | undefined; readonly kept: string },
  options: CallOptions,
): Promise<ObjectHead> {
  const input = { ...bucket.at(key), VersionId: kept };
  const get = () => bucket.client.send(new GetObjectCommand(input), http(options));
  const old = await bucket.ask('reinstate', key, get, kept);
  const size = old.ContentLength ?? 0;
  const attributes = await orDestroy(
    old.Body as AnswerBody,
    attributesIn(bucket, key, { ...old, VersionId: kept }, options),
  );
  const at = { store: bucket.store, op: 'reinstate', key };
  if (size > SMALL && store.parts !== undefined) {
    (old.Body as AnswerBody).destroy();
    const from = { key, which: { VersionId: kept } };
    const work = { op: 'reinstate', from, to: key, size, attributes, over: revision };
    return await copyInParts(bucket, store.parts, work, options);
  }
  const { body } = readerBody(old.Body as AnswerBody, size, at, options.signal);
  // Read to its end before the write begins: see copyInParts.
  const bytes = Buffer.concat(await Array.fromAsync(body));
  const write = { ...options, size, attributes };
  return revision === undefined
    ? await store.create(key, bytes, write)
    : (await store.replace(key, revision, bytes, write)).head;
}
