import { valueAt } from '../path.ts';
import type { Report } from '../report.ts';

/** What a bucket is asked at the least is no more than it is asked at the most. */
export function checkLimits(root: unknown, report: Report): void {
  const [least, most = 16] = ['minConcurrency', 'concurrency'].map((name) => valueAt(root, ['limits', name]));
  if (typeof least !== 'number' || typeof most !== 'number' || least <= most) return;
  const path = ['limits', 'minConcurrency'];
  report.add(path, `${least} is above limits.concurrency, which is ${most}; expected at most that`);
}
