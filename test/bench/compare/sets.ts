import { randomFillSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Dice } from '../../../src/rehearsal/dice.ts';

const KIB = 1024;
const MIB = 1024 ** 2;

/** Objects of a data set: how many, and the size of each in bytes. */
export interface DataSet {
  readonly objects: number;
  readonly what: string;
  readonly size: (n: number) => number;
}

/** Of the mixed set: half of all objects are smaller. A share of very large ones has most of the bytes, as in stores of photos and clips. */
const MEDIAN = 24 * KIB;
const SPREAD = 1.8;
const LARGEST = 64 * MIB;

export const SETS: Readonly<Record<string, DataSet>> = {
  small: { objects: 10_000, what: '4 KiB each', size: () => 4 * KIB },
  medium: { objects: 1_000, what: '1 MiB each', size: () => MIB },
  large: { objects: 6, what: '256 MiB each', size: () => 256 * MIB },
  mixed: { objects: 4_000, what: 'log-normal, median 24 KiB, sigma 1.8, at most 64 MiB', size: mixed },
};

/** By the object's number alone, so that every run has the same sizes. */
function mixed(n: number): number {
  const dice = new Dice(`bench/${n}`);
  const [u, v] = [(dice.below(1_000_000) + 1) / 1_000_001, dice.below(1_000_000) / 1_000_000];
  const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  return Math.min(LARGEST, Math.max(1, Math.round(MEDIAN * Math.exp(SPREAD * normal))));
}

export function keyOf(n: number): string {
  return `users/u${String(n % 500).padStart(3, '0')}/o${String(n).padStart(7, '0')}`;
}

export function bytesIn({ size }: DataSet, objects: number): number {
  let sum = 0;
  for (let n = 0; n < objects; n += 1) sum += size(n);
  return sum;
}

/** Random bytes, so that nothing can be compressed. */
export async function fillBucket(client: S3Client, bucket: string, set: DataSet, objects: number): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < objects; n = next++) {
      const Body = randomFillSync(Buffer.allocUnsafe(set.size(n)));
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: keyOf(n), Body }));
    }
  };
  await Promise.all(Array.from({ length: set.size(0) > 32 * MIB ? 2 : 16 }, lane));
}

export function fillFolder(dir: string, set: DataSet, objects: number): void {
  for (let n = 0; n < objects; n += 1) {
    const file = join(dir, keyOf(n));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, randomFillSync(Buffer.allocUnsafe(set.size(n))));
  }
}
