import { formatBytes } from '../../plan/units.ts';
import type { ReportData } from '../data.ts';
import type { Markup } from '../html.ts';
import { count, counted } from '../words.ts';
import { columnChart } from './columns.ts';

type SizeClass = ReportData['sizes'][number];

export function sizeChart({ sizes, totals }: Pick<ReportData, 'sizes' | 'totals'>): Markup {
  const told = sizes
    .filter(({ objects }) => objects > 0)
    .map((one) => `${classOf(one)}: ${counted(one.objects, 'object')}`)
    .join('; ');
  return columnChart({
    label: `Objects by size, ${count(totals.objects)} in all. ${told}`,
    names: sizes.map(({ below }, index) => nameOf(below, index)),
    series: [{ color: 'var(--verified)', values: sizes.map(({ objects }) => objects) }],
    format: count,
    everyNarrow: 2,
  });
}

/** In few letters, since it stands under a column. */
function nameOf(below: number | undefined, index: number): string {
  if (index === 0) return '0 B';
  return below === undefined ? 'more' : `< ${formatBytes(below)}`;
}

/** In words. */
export function classOf({ from, below }: Pick<SizeClass, 'from' | 'below'>): string {
  if (from === 0) return 'empty';
  if (below === undefined) return `${formatBytes(from)} and more`;
  return `${formatBytes(from)} to below ${formatBytes(below)}`;
}
