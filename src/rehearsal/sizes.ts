import type { Dice } from './dice.ts';

export const SIZE_MIXES = ['small', 'mixed', 'large'] as const;

export type SizeMix = (typeof SIZE_MIXES)[number];

/** Draws the size of one object, in bytes. */
export type SizeDraw = (dice: Dice) => number;

/** No stand-in is made larger, whatever the plan's real objects are: what is beyond this only takes longer. */
export const LARGEST_BYTES = 48 * 1024 * 1024;

const KIB = 1024;
const MIB = 1024 * KIB;

/** Shares of a hundred, and the range of sizes that each is drawn from; the last one has what is left. */
const MIXES: Readonly<Record<SizeMix, readonly (readonly [share: number, least: number, most: number])[]>> = {
  small: [
    [5, 0, 0],
    [95, 1, 16 * KIB],
  ],
  mixed: [
    [5, 0, 0],
    [92, 1, 16 * KIB],
    [3, 1, 6 * MIB],
  ],
  // Below 4 MiB in one request, to 32 MiB as a stream, above in parts: each way is taken.
  large: [
    [40, 1, 4 * MIB],
    [45, 4 * MIB, 12 * MIB],
    [15, 33 * MIB, LARGEST_BYTES],
  ],
};

export function mixOf(mix: SizeMix): SizeDraw {
  return (dice) => {
    let share = dice.below(100);
    for (const [width, least, most] of MIXES[mix]) {
      if (share < width) return between(dice, least, most);
      share -= width;
    }
    return 0;
  };
}

/** How many objects have sizes from `least` to `most` bytes. */
export interface SizeBucket {
  readonly least: number;
  readonly most: number;
  readonly objects: number;
}

/** Draws sizes as a real inventory has them; `mixed` where it is empty. */
export function histogramOf(buckets: readonly SizeBucket[]): SizeDraw {
  const total = buckets.reduce((sum, { objects }) => sum + objects, 0);
  if (total === 0) return mixOf('mixed');
  return (dice) => {
    let at = dice.share() * total;
    for (const { least, most, objects } of buckets) {
      if (at < objects) return between(dice, Math.min(least, LARGEST_BYTES), Math.min(most, LARGEST_BYTES));
      at -= objects;
    }
    return 0;
  };
}

/** Draws sizes of which only the mean is known: exponentially, as sizes of files roughly are. */
export function meanOf(bytes: number): SizeDraw {
  return (dice) => Math.min(LARGEST_BYTES, Math.floor(-Math.log(1 - dice.share()) * bytes));
}

function between(dice: Dice, least: number, most: number): number {
  return least + dice.below(most - least + 1);
}
