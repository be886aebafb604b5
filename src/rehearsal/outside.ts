import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';

/** An object as anyone sees it. */
export interface Found {
  readonly bytes: Uint8Array;
  /** What was put beside the bytes, where the store keeps such. */
  readonly note?: string | undefined;
}

/** Bytes that no reader sees and that are there all the same. */
export interface Hidden {
  /** `undefined` where only their owner knows. */
  readonly key: string | undefined;
  readonly what: string;
}

/** A store as someone sees it who does not use ferry: plain file calls, plain S3 requests. The check rests on it. */
export interface Outside {
  readonly kind: 'file' | 's3';
  put(key: string, bytes: Uint8Array, note?: string): Promise<void>;
  /** `undefined` where there is no such object. */
  get(key: string): Promise<Found | undefined>;
  /** False where there was none. */
  remove(key: string): Promise<boolean>;
  /** Of all that readers see; ferry's own names, which begin with `.ferry-`, are left out. */
  keys(): AsyncIterable<string>;
  hidden(): AsyncIterable<Hidden>;
  close(): Promise<void>;
}

const OWN = '.ferry-';
const HELD = '.ferry-held';

export class OutsideFolder implements Outside {
  readonly kind = 'file';
  readonly #dir: string;
  readonly #scratch: string;

  /** @param scratch a folder beside it, on the same disk, where objects are written before they get their names. */
  constructor(dir: string, scratch: string) {
    this.#dir = dir;
    this.#scratch = scratch;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.#dir, key);
    const fresh = join(this.#scratch, randomUUID());
    await writeFile(fresh, bytes);
    await mkdir(dirname(file), { recursive: true });
    await rename(fresh, file);
  }

  async get(key: string): Promise<Found | undefined> {
    try {
      return { bytes: await readFile(join(this.#dir, key)) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remove(key: string): Promise<boolean> {
    try {
      await unlink(join(this.#dir, key));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async *keys(): AsyncGenerator<string> {
    for await (const name of filesBelow(this.#dir, '')) if (!name.startsWith(OWN)) yield name;
  }

  async *hidden(): AsyncGenerator<Hidden> {
    for await (const name of filesBelow(join(this.#dir, HELD), '')) yield { key: undefined, what: `${HELD}/${name}` };
  }

  async close(): Promise<void> {}
}

async function* filesBelow(dir: string, prefix: string): AsyncGenerator<string> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const entry of entries) {
    if (entry.isDirectory()) yield* filesBelow(join(dir, entry.name), `${prefix}${entry.name}/`);
    else yield `${prefix}${entry.name}`;
  }
}

export class OutsideBucket implements Outside {
  readonly kind = 's3';
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor(client: S3Client, bucket: string, prefix: string) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async put(key: string, bytes: Uint8Array, note?: string): Promise<void> {
    const beside = note === undefined ? {} : { Metadata: { note }, ContentType: 'application/x-rehearsal' };
    await this.#client.send(new PutObjectCommand({ ...this.#at(key), Body: bytes, ...beside }));
  }

  async get(key: string): Promise<Found | undefined> {
    try {
      const { Body, Metadata } = await this.#client.send(new GetObjectCommand(this.#at(key)));
      return { bytes: (await Body?.transformToByteArray()) ?? new Uint8Array(), note: Metadata?.['note'] };
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async remove(key: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadObjectCommand(this.#at(key)));
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
    await this.#client.send(new DeleteObjectCommand(this.#at(key)));
    return true;
  }

  async *keys(): AsyncGenerator<string> {
    for await (const { Contents = [] } of paginateListObjectsV2({ client: this.#client }, this.#below())) {
      for (const { Key = '' } of Contents) {
        const key = this.#nameOf(Key);
        if (!key.startsWith(OWN)) yield key;
      }
    }
  }

  async *hidden(): AsyncGenerator<Hidden> {
    let from: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (;;) {
      const page: ListObjectVersionsCommandOutput = await this.#client.send(
        new ListObjectVersionsCommand({ ...this.#below(), ...from }),
      );
      for (const { Key = '', VersionId = '', IsLatest = true } of page.Versions ?? []) {
        const key = this.#nameOf(Key);
        if (!IsLatest) yield { key, what: `version ${VersionId}` };
        else if (key.startsWith(`${HELD}/`)) yield { key: undefined, what: key };
      }
      if (page.IsTruncated !== true) break;
      // The marker comes back encoded as the keys do, and is sent as it is meant.
      from = { KeyMarker: plain(page.NextKeyMarker ?? ''), VersionIdMarker: page.NextVersionIdMarker };
    }
    const { Uploads = [] } = await this.#client.send(new ListMultipartUploadsCommand(this.#below()));
    for (const { Key = '', UploadId = '' } of Uploads)
      yield { key: this.#nameOf(Key), what: `unfinished upload ${UploadId}` };
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${key}` };
  }

  #below() {
    return { Bucket: this.#bucket, Prefix: this.#prefix, EncodingType: 'url' as const };
  }

  #nameOf(encoded: string): string {
    return plain(encoded).slice(this.#prefix.length);
  }
}

/** Of a name as `EncodingType: url` gives it. */
function plain(encoded: string): string {
  return decodeURIComponent(encoded.replaceAll('+', ' '));
}
