import { createHash } from 'node:crypto';
import type { Shard } from './types.ts';

/** No plan needs finer shares, and it keeps all arithmetic below far from the limits of a number. */
const MAX_MODULUS = 65_536;

export const SHARD_PATTERN = '^hash\\([A-Za-z][A-Za-z0-9_]*\\) *% *[0-9]+ +in +[0-9]+\\.\\.[0-9]+$';

/**
 * The number that a capture's value falls on: the first 8 bytes of the SHA-256 (FIPS 180-4) of its UTF-8, read as an unsigned
 * big-endian integer, modulo `modulus`. Anyone can compute it again: `printf %s VALUE | sha256sum | cut -c1-16`.
 *
 * @param modulus 1 to 65,536.
 */
export function shardOf(value: string, modulus: number): number {
  const digest = createHash('sha256').update(value, 'utf8').digest();
  // Horner's scheme byte by byte: no step exceeds 65,536 * 256, so a number holds it exactly.
  let rest = 0;
  for (let i = 0; i < 8; i += 1) rest = (rest * 256 + (digest[i] ?? 0)) % modulus;
  return rest;
}

/** Whether a capture's value is in the shard; both ends count. */
export function inShard(value: string, shard: Shard): boolean {
  const number = shardOf(value, shard.modulus);
  return number >= shard.from && number <= shard.to;
}

/**
 * Reads `hash(user) % 64 in 0..31`.
 *
 * @returns the shard, or as a string what is wrong with the text, without repeating it.
 */
export function parseShard(text: string): Shard | string {
  const parts = /^hash\(([A-Za-z][A-Za-z0-9_]*)\) *% *(\d+) +in +(\d+)\.\.(\d+)$/.exec(text);
  if (parts === null) return 'expected the form "hash(user) % 64 in 0..31"';
  const shard = { capture: parts[1] ?? '', modulus: Number(parts[2]), from: Number(parts[3]), to: Number(parts[4]) };
  if (shard.modulus < 1 || shard.modulus > MAX_MODULUS) return `the number after % must be from 1 to ${MAX_MODULUS}`;
  const last = shard.modulus - 1;
  if (shard.to > last) return `the shards of % ${shard.modulus} are 0..${last}, so the range cannot end above ${last}`;
  if (shard.from > shard.to) return 'the range runs backwards; the lower number comes first';
  return shard;
}
