import { formatBytes, formatDuration } from '../../plan/units.ts';
import { classOf, sizeChart } from '../charts/sizes.ts';
import { byteChart, objectChart } from '../charts/throughput.ts';
import type { ReportData, Timeline } from '../data.ts';
import { html, type Markup } from '../html.ts';
import { table } from '../table.ts';
import { count, moment, percent } from '../words.ts';
import { mark } from './summary.ts';

export function throughput({ timeline }: ReportData): Markup {
  if (timeline === undefined)
    return html`<section aria-labelledby="throughput"><h2 id="throughput">Throughput</h2><p>Nothing was moved yet.</p></section>
`;
  const step = formatDuration(timeline.width);
  return html`<section aria-labelledby="throughput"><h2 id="throughput">Throughput</h2>
<p class="under">In steps of ${step}, by the times that the ledger has of each object. Times are UTC. Stretches in which nothing happened are shown.</p>
<figure><figcaption>Bytes a second, by when their copy was proven; of those that are only copied, by when that was</figcaption>
${legend(['verified', 'proven'], ...(has(timeline, 'copied') ? [['copied', 'copied, not proven yet'] as const] : []))}
${byteChart(timeline)}</figure>
<figure><figcaption>Objects in each step</figcaption>
${legend(
  ['verified', 'proven'],
  ...(['tombstoned', 'purged'] as const).flatMap((what) => (has(timeline, what) ? [[what, what] as const] : [])),
)}
${objectChart(timeline)}</figure>
<details><summary>The same as a table</summary>${table(
    `What happened in each ${step}`,
    [
      { name: 'from', look: 'nowrap' },
      ...['copied only', 'proven', 'bytes proven', 'tombstoned', 'purged'].map((name) => ({ name, number: true })),
    ],
    timeline.buckets
      .filter(({ from: _, ...sums }) => Object.values(sums).some(({ objects }) => objects > 0))
      .map(({ from, copied, verified, tombstoned, purged }) => [
        moment(from),
        count(copied.objects),
        count(verified.objects),
        formatBytes(verified.bytes),
        count(tombstoned.objects),
        count(purged.objects),
      ]),
  )}</details></section>
`;
}

function has({ buckets }: Timeline, what: 'copied' | 'tombstoned' | 'purged'): boolean {
  return buckets.some((bucket) => bucket[what].objects > 0);
}

function legend(...items: readonly (readonly [string, string])[]): Markup {
  return html`<ul class="legend">${items.map(([name, told]) => html`<li>${mark(name)}${told}</li>`)}</ul>`;
}

export function sizes(data: ReportData): Markup {
  const { totals } = data;
  return html`<section aria-labelledby="sizes"><h2 id="sizes">Sizes</h2>
<p class="under">All planned objects by size, as the source has them.</p>
${totals.objects > 0 ? html`<figure><figcaption>Objects in each class of size</figcaption>${sizeChart(data)}</figure>` : undefined}
<details><summary>The same as a table</summary>${table(
    'Objects by size',
    [{ name: 'size', look: 'nowrap' }, ...['objects', 'share', 'bytes'].map((name) => ({ name, number: true }))],
    data.sizes.map((one) => [
      classOf(one),
      count(one.objects),
      percent(one.objects, totals.objects),
      formatBytes(one.bytes),
    ]),
    ['all', count(totals.objects), percent(totals.objects, totals.objects), formatBytes(totals.bytes)],
  )}</details></section>
`;
}
