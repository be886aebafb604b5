/** Upper bounds in bytes, each included, of the buckets that sizes are counted in; what is larger than all has one more. */
export const SIZE_BOUNDS: readonly number[] = [0, 2 ** 10, 2 ** 14, 2 ** 18, 2 ** 22, 2 ** 26, 2 ** 30, 2 ** 34];

/** How many objects are in each bucket: as much memory for a million of them as for one. */
export type SizeCounts = number[];

export const noSizes = (): SizeCounts => Array.from({ length: SIZE_BOUNDS.length + 1 }, () => 0);

export function countSize(counts: SizeCounts, bytes: number): void {
  const found = SIZE_BOUNDS.findIndex((bound) => bytes <= bound);
  const bucket = found === -1 ? SIZE_BOUNDS.length : found;
  counts[bucket] = (counts[bucket] ?? 0) + 1;
}
