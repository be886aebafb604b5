import { createHash, hash } from 'node:crypto';

/*
 * How an audit draws its sample. docs/audit.md specifies it byte for byte: one seed has one sample for ever, so nothing here may change
 * but under another prefix.
 */

/** Begins what is hashed for a draw; a byte 0 follows. */
const PREFIX = 'ferry/audit/sample/v1';

/** Draws are of 48 bits: every one is exact as a number. */
const DRAWS = 2 ** 48;

/** A sample is drawn in memory; this is as much as a `Set` can hold. */
export const LARGEST_DRAWN = 2 ** 24;

/**
 * Draws distinct indices from 0 up to and without `population`, sorted: every sample of this size is as likely as any other, and the same
 * seed gives the same one. It is Floyd's algorithm (J. Bentley, R. Floyd, "A sample of brilliance", Communications of the ACM 30, 9, 1987,
 * doi 10.1145/30401.315746); memory is in the size of the sample.
 *
 * @param size at most `population`, and at most `LARGEST_DRAWN` where it is less than that.
 * @throws RangeError for other numbers; TypeError for a seed that is no well-formed Unicode.
 */
export function drawSample(seed: string, population: number, size: number): readonly number[] {
  if (!seed.isWellFormed()) throw new TypeError('a seed is well-formed Unicode');
  if (!Number.isInteger(population) || population < 0 || population > DRAWS) throw new RangeError('no such population');
  if (!Number.isInteger(size) || size < 0 || size > population) throw new RangeError('no such sample');
  if (size === population) return Array.from({ length: size }, (_, index) => index);
  if (size > LARGEST_DRAWN) throw new RangeError(`at most ${LARGEST_DRAWN} are drawn`);
  const draws = drawsOf(seed);
  const drawn = new Set<number>();
  for (let last = population - size; last < population; last += 1) {
    const index = below(last + 1, draws);
    drawn.add(drawn.has(index) ? last : index);
  }
  return [...drawn].sort((a, b) => a - b);
}

/** SHA-256 over indices in ascending order, each as eight bytes, the highest first: 64 hex digits. */
export function indicesDigest(indices: Iterable<number>): string {
  const all = createHash('sha256');
  const bytes = Buffer.alloc(8);
  for (const index of indices) {
    bytes.writeBigUInt64BE(BigInt(index));
    all.update(bytes);
  }
  return all.digest('hex');
}

/** A number from 0 up to and without `bound`, all as likely: what would make some likelier is drawn again. */
function below(bound: number, draws: Iterator<number, never>): number {
  const fair = DRAWS - (DRAWS % bound);
  let draw: number;
  do draw = draws.next().value;
  while (draw >= fair);
  return draw % bound;
}

/** The first 48 bits of SHA-256 over prefix, 0, seed and a counter of eight bytes, from 0 on. */
function* drawsOf(seed: string): Generator<number, never> {
  const head = Buffer.from(`${PREFIX}\0${seed}`, 'utf8');
  const message = Buffer.concat([head, Buffer.alloc(8)]);
  for (let counter = 0n; ; counter += 1n) {
    message.writeBigUInt64BE(counter, head.byteLength);
    yield hash('sha256', message, 'buffer').readUIntBE(0, 6);
  }
}
