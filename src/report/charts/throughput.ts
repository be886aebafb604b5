import { formatBytes, formatDuration } from '../../plan/units.ts';
import type { Timeline } from '../data.ts';
import type { Markup } from '../html.ts';
import { count } from '../words.ts';
import { columnChart } from './columns.ts';

const DAY = 86_400_000;

/** Bytes that came to centres, for each second of a stretch. */
export function byteChart(timeline: Timeline): Markup {
  const perSecond = (bytes: number): number => bytes / (timeline.width / 1_000);
  const rates = timeline.buckets.map(({ copied, verified }) => [perSecond(verified.bytes), perSecond(copied.bytes)]);
  const most = Math.max(...rates.map(([proven = 0, copied = 0]) => proven + copied));
  return columnChart({
    label: `Bytes a second over time, in steps of ${formatDuration(timeline.width)}; at most ${formatBytes(most)}/s`,
    names: timeline.buckets.map(({ from }) => nameOf(from, timeline)),
    series: [
      { color: 'var(--verified)', values: rates.map(([proven = 0]) => proven) },
      { color: 'var(--copied)', values: rates.map(([, copied = 0]) => copied) },
    ],
    format: (value) => `${formatBytes(value)}/s`,
    stacked: true,
    bytes: true,
    ...names(timeline),
  });
}

/** Objects in each stretch. */
export function objectChart(timeline: Timeline): Markup {
  const shown = (['verified', 'tombstoned', 'purged'] as const).filter(
    (what, index) => index === 0 || timeline.buckets.some((bucket) => bucket[what].objects > 0),
  );
  return columnChart({
    label: `Objects over time, in steps of ${formatDuration(timeline.width)}: ${shown.join(', ')}`,
    names: timeline.buckets.map(({ from }) => nameOf(from, timeline)),
    series: shown.map((what) => ({
      color: `var(--${what})`,
      values: timeline.buckets.map((bucket) => bucket[what].objects),
    })),
    format: count,
    ...names(timeline),
  });
}

function names({ buckets }: Timeline) {
  return {
    everyWide: Math.max(1, Math.ceil(buckets.length / 8)),
    everyNarrow: Math.max(1, Math.ceil(buckets.length / 3)),
  };
}

/** As much of a time as tells it from its neighbours. UTC. */
function nameOf(from: number, { width, buckets }: Timeline): string {
  const text = new Date(from).toISOString();
  if (width >= DAY) return text.slice(0, 10);
  const [first, last] = [buckets[0]?.from ?? 0, buckets[buckets.length - 1]?.from ?? 0];
  const clock = text.slice(11, width < 60_000 ? 19 : 16);
  return new Date(first).toISOString().slice(0, 10) === new Date(last).toISOString().slice(0, 10)
    ? clock
    : `${text.slice(5, 10)} ${clock}`;
}
