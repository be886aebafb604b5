import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GetObjectCommand, NoSuchKey, S3Client } from '@aws-sdk/client-s3';

export const KINDS = ['file', 'minio', 'minio-versioned'] as const;

/** Of what kind the source of a round is, and its centre. */
export type Kind = (typeof KINDS)[number];

/** Where objects lie, for one who knows nothing of ferry. Credentials of a bucket are in the environment. */
export type Place =
  | { readonly type: 'file'; readonly dir: string }
  | { readonly type: 's3'; readonly endpoint: string; readonly bucket: string };

/** What a reader finds under a key. */
export interface Seen {
  readonly sha256: string;
  /** By its own words, as docs/tombstone.md has them. */
  readonly isTombstone: boolean;
  /** What a writer put beside the bytes, if anything. */
  readonly note: string | undefined;
}

export const KEY_ENV = 'FERRY_TEST_KEY';
export const SECRET_ENV = 'FERRY_TEST_SECRET';

export function keyOf(n: number): string {
  return `users/${n % 3 === 0 ? 'NO' : 'DE'}/u${n % 97}/o ${n}`;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that no other write has. */
export function bytesOf(key: string, counter: number, size: number): Uint8Array {
  return Buffer.from(`${JSON.stringify({ key, counter })}\n`.padEnd(size, `${counter}.`));
}

/** A plain client; who uses it destroys it. */
export function clientOf(endpoint: string, env: NodeJS.ProcessEnv | Readonly<Record<string, string>>): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: env[KEY_ENV] ?? '', secretAccessKey: env[SECRET_ENV] ?? '' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** The current object under a key, or `undefined` where there is none. */
export async function see(place: Place, client: S3Client | undefined, key: string): Promise<Seen | undefined> {
  const found = place.type === 'file' ? await fileAt(join(place.dir, key)) : await objectAt(place.bucket, client, key);
  return found && { sha256: sha256(found.bytes), isTombstone: saysTombstone(found.bytes), note: found.note };
}

export async function makeFolderOf(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
}

interface Found {
  readonly bytes: Uint8Array;
  readonly note?: string | undefined;
}

async function fileAt(file: string): Promise<Found | undefined> {
  try {
    return { bytes: await readFile(file) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function objectAt(Bucket: string, client: S3Client | undefined, Key: string): Promise<Found | undefined> {
  try {
    const answer = await client?.send(new GetObjectCommand({ Bucket, Key }));
    const bytes = await answer?.Body?.transformToByteArray();
    return bytes && { bytes, note: answer?.Metadata?.['note'] };
  } catch (error) {
    if (error instanceof NoSuchKey) return undefined;
    throw error;
  }
}

function saysTombstone(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x7b) return false;
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as { format?: unknown };
    return value.format === 'ferry/tombstone/v1';
  } catch {
    return false;
  }
}
