import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { judgeSkew, type ProbeStore, type Shown, type Trial } from '../probes.ts';
import { type CallOptions, type PartStore, StoreError, type StoreErrorKind } from '../store.ts';
import { type Bucket, http } from './bucket.ts';
import { etag, revisionOf } from './facts.ts';
import { historyOf } from './version-list.ts';

/** Raw requests that show what a server does and what the credentials may (https://docs.aws.amazon.com/AmazonS3/latest/API/). */
export class S3Probes implements ProbeStore {
  readonly trials: ReadonlyMap<string, Trial>;
  readonly #in: Bucket;
  readonly #parts: PartStore;

  constructor(bucket: Bucket, parts: PartStore) {
    this.#in = bucket;
    this.#parts = parts;
    this.trials = new Map<string, Trial>([
      ['clock', (_key, options) => this.#clock(options)],
      ['versioning', (_key, options) => this.#versioning(options)],
      ['object-lock', (_key, options) => this.#objectLock(options)],
      ['list-versions', (key, options) => this.#listVersions(key, options)],
      ['list-uploads', (key, options) => this.#listUploads(key, options)],
      ['replace-if-unchanged', (key, options) => this.#replaceIfUnchanged(key, options)],
      ['delete-if-unchanged', (key, options) => this.#deleteIfUnchanged(key, options)],
    ]);
  }

  async tidy(key: string, options: CallOptions = {}): Promise<void> {
    for (const { id } of await this.#uploads(key, options)) await this.#parts.abort(key, id, options);
    const versions = await unlessRefused(() => historyOf(this.#in, key, options));
    for (const { version } of versions ?? []) await this.#delete(key, { VersionId: version }, options);
    // Not every server lists as a version what was written without versioning.
    await this.#removePlain(key, versions !== undefined, options);
  }

  async keepsWhatIsWritten(options: CallOptions = {}): Promise<string | undefined> {
    const rule = await unlessRefused(() => this.#retention(options));
    return rule?.retention === undefined
      ? undefined
      : `a default retention of ${rule.retention} would keep a probe object`;
  }

  /** Whoever may not list uploads has seen none of his own fail to end: each trial aborts what it began. */
  async #uploads(key: string, options: CallOptions) {
    return (await unlessRefused(() => this.#parts.uploads(key, options))) ?? [];
  }

  /** Where versions could not be listed: enough in a bucket without versions, and seen to be too little in any other. */
  async #removePlain(key: string, listed: boolean, options: CallOptions): Promise<void> {
    const head = await unlessAbsent(() =>
      this.#in.send('remove', key, () => this.#in.client.send(new HeadObjectCommand(this.#in.at(key)), http(options))),
    );
    if (head === undefined) return;
    // Where versioning is suspended, a DELETE that names no version would leave a marker, and MinIO names none.
    const VersionId = head.VersionId ?? (this.#in.versioning === 'suspended' ? 'null' : undefined);
    await this.#delete(key, VersionId === undefined ? {} : { VersionId }, options);
    if (listed || VersionId === undefined || VersionId === 'null') return;
    throw this.#in.error('denied', 'remove', key, 'older versions may stay, since versions cannot be listed');
  }

  async #delete(key: string, more: { readonly VersionId?: string; readonly IfMatch?: string }, options: CallOptions) {
    const command = new DeleteObjectCommand({ ...this.#in.named(key), ...more });
    return await this.#in.send('remove', key, () => this.#in.client.send(command, http(options)));
  }

  /** The Date of an answer has whole seconds (RFC 9110, 5.6.7), so its middle is compared with the middle of the request. */
  async #clock(options: CallOptions): Promise<Shown> {
    const command = new HeadBucketCommand({ Bucket: this.#in.name });
    let date: string | undefined;
    command.middlewareStack.add(
      (next) => async (args) => {
        const given = await next(args);
        const { headers } = given.response as { readonly headers: Readonly<Record<string, string>> };
        date = headers['date'];
        return given;
      },
      { step: 'deserialize', priority: 'low', name: 'ferryDate' },
    );
    const before = Date.now();
    try {
      await this.#in.send('ask the time', undefined, () => this.#in.client.send(command, http(options)));
    } catch (error) {
      // Whoever is refused is told the time all the same.
      if (date === undefined) throw error;
    }
    const middle = (before + Date.now()) / 2;
    const told = Date.parse(date ?? '');
    if (Number.isNaN(told)) return { result: 'unknown', detail: 'the server does not tell its time' };
    return judgeSkew("the server's clock", told + 500 - middle);
  }

  async #versioning(options: CallOptions): Promise<Shown> {
    const command = new GetBucketVersioningCommand({ Bucket: this.#in.name });
    const { Status } = await this.#in.send('ask for versioning', undefined, () =>
      this.#in.client.send(command, http(options)),
    );
    if (Status === 'Enabled') return { result: 'yes', detail: 'enabled' };
    return { result: 'no', detail: Status === 'Suspended' ? 'suspended' : 'off' };
  }

  async #objectLock(options: CallOptions): Promise<Shown> {
    const lock = await this.#retention(options);
    if (lock === undefined) return { result: 'no', detail: 'off' };
    if (lock.retention === undefined) return { result: 'yes', detail: 'on, without a default retention' };
    return { result: 'yes', detail: `on, with a default retention of ${lock.retention}`, warning: true };
  }

  /** `undefined` where the bucket has no object lock. */
  async #retention(options: CallOptions): Promise<{ readonly retention: string | undefined } | undefined> {
    const command = new GetObjectLockConfigurationCommand({ Bucket: this.#in.name });
    const answer = await unlessAbsent(() =>
      this.#in.send('ask for object lock', undefined, () => this.#in.client.send(command, http(options))),
    );
    if (answer?.ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled') return undefined;
    const { Mode, Days, Years } = answer.ObjectLockConfiguration.Rule?.DefaultRetention ?? {};
    if (Mode === undefined) return { retention: undefined };
    return { retention: `${Days === undefined ? `${Years} y` : `${Days} d`} (${Mode})` };
  }

  async #listVersions(key: string, options: CallOptions): Promise<Shown> {
    const { Bucket: name, Key: Prefix } = this.#in.named(key);
    const command = new ListObjectVersionsCommand({ Bucket: name, Prefix, MaxKeys: 1 });
    return await allowed(() =>
      this.#in.send('list versions', undefined, () => this.#in.client.send(command, http(options))),
    );
  }

  async #listUploads(key: string, options: CallOptions): Promise<Shown> {
    const { Bucket: name, Key: Prefix } = this.#in.named(key);
    const command = new ListMultipartUploadsCommand({ Bucket: name, Prefix, MaxUploads: 1 });
    return await allowed(() =>
      this.#in.send('list uploads', undefined, () => this.#in.client.send(command, http(options))),
    );
  }

  /** Over bytes that have been replaced since. Raw, because the adapter looks by itself first where it keeps versions. */
  async #replaceIfUnchanged(key: string, options: CallOptions): Promise<Shown> {
    const IfMatch = etag(await this.#staleTag(key, options));
    return await refused('a PUT with a stale ETag', 'overwrites', () => this.#put(key, 'third', { IfMatch }, options));
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html */
  async #deleteIfUnchanged(key: string, options: CallOptions): Promise<Shown> {
    const IfMatch = etag(await this.#staleTag(key, options));
    return await refused('a DELETE with a stale ETag', 'deletes', () => this.#delete(key, { IfMatch }, options));
  }

  /** Writes twice. @returns the ETag of what was there in between. */
  async #staleTag(key: string, options: CallOptions): Promise<string> {
    const stale = await this.#put(key, 'first', {}, options);
    await this.#put(key, 'second', {}, options);
    return stale;
  }

  async #put(key: string, Body: string, condition: { readonly IfMatch?: string }, options: CallOptions) {
    const input = { ...this.#in.named(key), ...this.#in.encryption.write, ...condition, Body };
    const { ETag } = await this.#in.send('write', key, () =>
      this.#in.client.send(new PutObjectCommand(input), http(options)),
    );
    return revisionOf(ETag);
  }
}

/** Whether a conditional request is refused for its condition. Any other refusal tells nothing and is thrown. */
async function refused(what: string, does: string, request: () => Promise<unknown>): Promise<Shown> {
  try {
    await request();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.kind === 'precondition') return { result: 'yes', detail: `${what} is refused` };
    if (error.kind === 'unsupported') return { result: 'no', detail: error.why };
    throw error;
  }
  return { result: 'no', detail: `${what} ${does} all the same` };
}

const REFUSALS: readonly StoreErrorKind[] = ['denied', 'unsupported', 'other'];

async function allowed(request: () => Promise<unknown>): Promise<Shown> {
  try {
    await request();
    return { result: 'yes', detail: 'allowed' };
  } catch (error) {
    if (error instanceof StoreError && REFUSALS.includes(error.kind)) return { result: 'no', detail: error.why };
    throw error;
  }
}

/** `undefined` where the server refuses or does not know the request. */
async function unlessRefused<T>(request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof StoreError && REFUSALS.includes(error.kind)) return undefined;
    throw error;
  }
}

async function unlessAbsent<T>(request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'absent') return undefined;
    throw error;
  }
}
