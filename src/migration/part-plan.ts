import type { PartLimits } from '../store/store.ts';

const MIB = 1024 ** 2;

/** Large enough that requests cost little, small enough that little is sent again after a kill. */
const USUAL = 16 * MIB;

/** Objects up to this many bytes are held in memory once, so that the store can check their SHA-256 on arrival. */
export const SMALL = 4 * MIB;

/** From this size on an object goes in parts, where the centre takes parts. */
export const IN_PARTS_FROM = 32 * MIB;

/** Bytes of parts that are held in memory at once, over all objects: four parts of the usual size. */
export const PARTS_IN_MEMORY = 4 * USUAL;

/**
 * The size of an object's parts: the usual one, or as much larger, in whole MiB, as the centre's limit on their number asks for.
 *
 * @returns `undefined` for an object that the centre cannot hold.
 */
export function partSizeFor(size: number, limits: PartLimits): number | undefined {
  const needed = Math.ceil(size / limits.most / MIB) * MIB;
  const chosen = Math.max(USUAL, limits.smallest, needed);
  return chosen > limits.largest ? undefined : chosen;
}

/** A request that copies a part is silent until it is done: at this size it ends well before a client takes it for dead. */
const COPIED = 128 * MIB;

/** The size of parts that a server copies itself: as large as one request may take, so that most objects are one part. */
export function copiedPartSizeFor(size: number, limits: PartLimits): number | undefined {
  const needed = Math.ceil(size / limits.most / MIB) * MIB;
  const chosen = Math.max(Math.min(COPIED, limits.largest), limits.smallest, needed);
  return chosen > limits.largest ? undefined : chosen;
}

export interface PartRange {
  /** From 1. */
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

export function* rangesOf(size: number, partSize: number): Generator<PartRange> {
  for (let number = 1, start = 0; start < size; number += 1, start += partSize) {
    yield { number, start, end: Math.min(size, start + partSize) };
  }
}
