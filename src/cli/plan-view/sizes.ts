import { noSizes, SIZE_BOUNDS } from '../../migration/size-buckets.ts';
import type { PartitionSurvey } from '../../migration/survey.ts';
import { formatBytes } from '../../plan/units.ts';

const BAR = 30;

/** As `--json` has it: `upTo` in bytes, included, null for the last. */
export function sizesDocument(sizes: readonly number[]) {
  return sizes.map((objects, at) => ({ upTo: SIZE_BOUNDS[at] ?? null, objects }));
}

/** The sizes of all partitions together, a line with a bar for each bucket from the first to the last that holds any. */
export function sizeLines(partitions: readonly Pick<PartitionSurvey, 'sizes'>[]): string[] {
  const sums = noSizes().map((_, at) => partitions.reduce((sum, { sizes }) => sum + (sizes[at] ?? 0), 0));
  const most = Math.max(...sums);
  if (most === 0) return [];
  const [first, last] = [sums.findIndex((n) => n > 0), sums.findLastIndex((n) => n > 0)];
  const width = Math.max(...sums.map((n) => String(n).length));
  return sums.slice(first, last + 1).map((objects, at) => {
    // Whatever is there at all is seen.
    const bar = '#'.repeat(objects === 0 ? 0 : Math.max(1, Math.round((BAR * objects) / most)));
    return `  ${bucketName(first + at).padEnd(15)}  ${String(objects).padStart(width)}  ${bar}`.trimEnd();
  });
}

/** `empty`, `to 1 KiB`, …, `over 16 GiB` */
export function bucketName(at: number): string {
  const bound = SIZE_BOUNDS[at];
  if (bound === 0) return 'empty';
  return bound === undefined ? `over ${formatBytes(SIZE_BOUNDS.at(-1) ?? 0)}` : `to ${formatBytes(bound)}`;
}
