import {
  DeleteObjectCommand,
  GetBucketLocationCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { ATTRIBUTE_NAMES, type AttributeName } from '../../base/attribute-names.ts';
import type { S3StoreSpec } from '../../plan/types.ts';
import type { ProbeStore } from '../probes.ts';
import type { PurgeStore } from '../purge.ts';
import {
  type Body,
  type CallOptions,
  type KeptBytes,
  type KeptReader,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type Observed,
  type ReadOptions,
  type ReinstateOptions,
  type Replaced,
  type StagingStore,
  type Store,
  StoreError,
  type WriteOptions,
} from '../store.ts';
import type { StateListOptions, StatePage, VersionStore } from '../versions.ts';
import { Bucket, http } from './bucket.ts';
import type { Encryption } from './encryption.ts';
import { etag, headOf, revisionOf } from './facts.ts';
import { tooLarge } from './file-attributes.ts';
import { keptObjects } from './kept-list.ts';
import { listBucket } from './list.ts';
import { hasObjectLock } from './object-lock.ts';
import { S3Parts } from './parts.ts';
import { S3Probes } from './probes.ts';
import { S3Purge } from './purge.ts';
import { putObject } from './put.ts';
import { readObject } from './read.ts';
import type { Sighting } from './sighting.ts';
import { headStaged, reinstateStaged, S3Staging } from './staged.ts';
import { isStaged, isStagedKey, keyOfToken, tokenNamed } from './staged-key.ts';
import { historyOf, listStates } from './version-list.ts';
import { reinstateVersion, spareNull, versioningOf } from './versioning.ts';
import { S3Versions } from './versions.ts';

/** A bucket, or a prefix in one, over the S3 API (https://docs.aws.amazon.com/AmazonS3/latest/API/). A revision is an ETag. */
export class S3Store implements Store {
  readonly name: string;
  readonly kind = 's3';
  readonly location: string;
  readonly parts: S3Parts;
  readonly staging: StagingStore;
  readonly probes: ProbeStore;
  readonly purge: PurgeStore;
  readonly copySource: Bucket;
  readonly holds = new Set<AttributeName>(ATTRIBUTE_NAMES.filter((name) => name !== 'objectLock'));
  readonly mayHold = new Set<AttributeName>();
  readonly tooLarge = tooLarge;
  readonly #in: Bucket;
  readonly #sighting: Sighting | undefined;
  #versions: S3Versions | undefined;

  /** @param sighting the client's own; without one, nothing is observed and `expect.region` means nothing. */
  constructor(spec: S3StoreSpec, client: S3Client, encryption: Encryption, sighting?: Sighting) {
    this.#sighting = sighting;
    this.name = spec.name;
    const host = spec.endpoint === undefined ? `${spec.region}.amazonaws.com` : new URL(spec.endpoint).host;
    this.location = `s3://${host}/${spec.bucket}/${spec.prefix}`;
    this.#in = new Bucket(spec, client, encryption);
    this.parts = new S3Parts(this.#in);
    this.copySource = this.#in;
    this.purge = new S3Purge(this.#in);
    this.staging = new S3Staging(this, this.#in, this.parts);
    this.probes = new S3Probes(this.#in, this.parts);
  }

  get observed(): Observed | undefined {
    return this.#sighting?.observed;
  }

  get versions(): VersionStore | undefined {
    return this.#versions;
  }

  /** A bucket that does not tell may have histories all the same. */
  get states(): ((options: StateListOptions) => AsyncIterable<StatePage>) | undefined {
    return this.#in.versioning === 'off' ? undefined : (options) => listStates(this.#in, options);
  }

  keptBytes(options: CallOptions = {}): AsyncGenerator<KeptBytes> {
    return keptObjects(this.#in, options);
  }

  async openKept(name: string, options: CallOptions = {}): Promise<KeptReader | undefined> {
    const kept = tokenNamed(name);
    try {
      const reader = await readObject(this.#in, 'read kept', keyOfToken(kept), options, {});
      return { ...reader, kept, likely: reader.head.revision };
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  /** Never makes a bucket: where it would lie is for an operator to decide. */
  async open({ signal }: { readonly create: boolean; readonly signal?: AbortSignal }): Promise<void> {
    try {
      await this.#in.send('open', undefined, () =>
        this.#in.client.send(new HeadBucketCommand({ Bucket: this.#in.name }), http({ signal })),
      );
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
      throw this.#in.error('missing', 'open', undefined, `there is no bucket ${this.#in.name}`, error);
    }
    await this.#seeRegion(signal);
    this.#in.versioning = await versioningOf(this.#in, signal);
    const { versioning } = this.#in;
    if (versioning === 'enabled' || versioning === 'suspended') this.#versions = new S3Versions(this.#in, versioning);
    // A bucket can have object lock only where versioning is enabled.
    const may = versioning === 'enabled' || versioning === 'unknown';
    const locks = may && (await hasObjectLock(this.#in, signal === undefined ? {} : { signal }));
    if (locks === true) this.holds.add('objectLock');
    if (locks === undefined) this.mayHold.add('objectLock');
  }

  /** The answer to HeadBucket names the region at AWS and others; else GetBucketLocation does. @throws FerryError `refused`. */
  async #seeRegion(signal: AbortSignal | undefined): Promise<void> {
    const sighting = this.#sighting;
    if (sighting === undefined) return;
    if (sighting.region === undefined) {
      try {
        const location = await this.#in.send('open', undefined, () =>
          this.#in.client.send(new GetBucketLocationCommand({ Bucket: this.#in.name }), http({ signal })),
        );
        sighting.sawLocation(location.LocationConstraint);
      } catch (error) {
        // Without the right to ask it stays unknown, which only matters where something is expected.
        if (!(error instanceof StoreError) || error.passing) throw error;
      }
    }
    sighting.checkRegion();
  }

  async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    for await (const page of listBucket(this.#in, options)) yield page.filter(({ key }) => !isStagedKey(key));
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    const input = { ...this.#in.at(key), ChecksumMode: 'ENABLED' as const };
    try {
      const output = await this.#in.ask('head', key, () =>
        this.#in.client.send(new HeadObjectCommand(input), http(options)),
      );
      return await headOf(this.#in, key, output, options);
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'absent') return undefined;
      throw error;
    }
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectReader> {
    const { revision } = options;
    return await readObject(this.#in, 'read', key, options, revision === undefined ? {} : { IfMatch: etag(revision) });
  }

  async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    await spareNull(this.#in, 'create', key, options);
    try {
      return await putObject(this.#in, 'create', key, body, options, { IfNoneMatch: '*' });
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'precondition')) throw error;
      throw this.#in.error('exists', 'create', key, 'there is an object already', error);
    }
  }

  async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    try {
      const condition = options.unconditional === true ? {} : { IfMatch: etag(revision) };
      const looks = this.#in.versioning === 'enabled' && options.serverChecks !== true;
      const kept = looks ? await this.#versionOf(key, revision, options) : undefined;
      await spareNull(this.#in, 'replace', key, options);
      const head = await putObject(this.#in, 'replace', key, body, options, condition);
      return kept === undefined ? { head } : { head, kept };
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'absent')) throw error;
      throw this.#in.error('precondition', 'replace', key, 'there is no object any more', error);
    }
  }

  /** Only the server knows the id of a version before it is hidden. */
  keptToken(): undefined {
    return undefined;
  }

  async headKept(key: string, kept: string, options: CallOptions = {}): Promise<ObjectHead | undefined> {
    if (!isStaged(kept)) return await new S3Versions(this.#in, 'enabled').head(key, kept, options);
    const head = await headStaged(this.#in, keyOfToken(kept), options);
    return head && { ...head, key };
  }

  async reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options: ReinstateOptions = {},
  ): Promise<ObjectHead> {
    if (isStaged(kept)) {
      return await reinstateStaged(this, this.#in, this.parts, key, { revision, kept }, options);
    }
    return await reinstateVersion(this, this.#in, key, { revision, kept }, options);
  }

  /**
   * For probe objects alone: MinIO ignores `If-Match` on DELETE, so nothing that anyone else may write can be removed this way. In a
   * versioned bucket every version of the key goes: a version that stayed would be the object again, and a marker would stay too. But
   * where the bucket locks what is put into it, versions stay until their retention ends, and a delete marker hides them.
   */
  async remove(key: string, revision: string, options: CallOptions = {}): Promise<void> {
    const head = await this.#in.ask('remove', key, () =>
      this.#in.client.send(new HeadObjectCommand(this.#in.at(key)), http(options)),
    );
    if (revisionOf(head.ETag) !== revision)
      throw this.#in.error('precondition', 'remove', key, 'it is another object by now');
    // Where versioning is suspended, a DELETE that names no version would leave a marker.
    const only = this.#in.versioning === 'suspended' ? 'null' : undefined;
    const versions = head.VersionId === undefined ? [only] : await this.#versionIds(key, options);
    try {
      for (const version of versions) await this.#delete(key, version, options);
    } catch (error) {
      const locks = this.holds.has('objectLock') || this.mayHold.has('objectLock');
      if (!locks || !(error instanceof StoreError) || error.passing) throw error;
      await this.#delete(key, undefined, options);
    }
  }

  async #delete(key: string, version: string | undefined, options: CallOptions): Promise<void> {
    const input = { ...this.#in.named(key), ...(version === undefined ? {} : { VersionId: version }) };
    await this.#in.send('remove', key, () => this.#in.client.send(new DeleteObjectCommand(input), http(options)));
  }

  async sweep(): Promise<void> {}

  async close(): Promise<void> {
    this.#in.client.destroy();
  }

  async #versionOf(key: string, revision: string, options: CallOptions): Promise<string | undefined> {
    const input = this.#in.at(key);
    const head = await this.#in.ask('replace', key, () =>
      this.#in.client.send(new HeadObjectCommand(input), http(options)),
    );
    if (revisionOf(head.ETag) !== revision)
      throw this.#in.error('precondition', 'replace', key, 'it is another object by now');
    return head.VersionId;
  }

  /** Oldest first: cut off between two, the newest is still the object. */
  async #versionIds(key: string, options: CallOptions): Promise<string[]> {
    return (await historyOf(this.#in, key, options)).map(({ version }) => version);
  }
}
