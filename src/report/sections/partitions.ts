import { STATES } from '../../ledger/lifecycle.ts';
import { formatBytes } from '../../plan/units.ts';
import { partitionCharts } from '../charts/partitions.ts';
import type { ReportData } from '../data.ts';
import { html, type Markup } from '../html.ts';
import { table } from '../table.ts';
import { count } from '../words.ts';
import { mark } from './summary.ts';

/** With more partitions than this, their table is shown only to who asks for it. */
const MANY = 25;

export function partitions({ partitions: all, totals }: ReportData): Markup {
  const there = STATES.filter((state) => totals.states[state] > 0);
  const counts = table(
    'Objects of each partition',
    [
      { name: 'partition' },
      { name: 'from' },
      { name: 'to' },
      ...['objects', 'bytes', ...there].map((name) => ({ name, number: true })),
    ],
    all.map(({ name, from, to, objects, bytes, states }) => [
      name,
      from,
      to,
      count(objects),
      formatBytes(bytes),
      ...there.map((state) => count(states[state])),
    ]),
    [
      'all',
      '',
      '',
      count(totals.objects),
      formatBytes(totals.bytes),
      ...there.map((state) => count(totals.states[state])),
    ],
  );
  return html`<section aria-labelledby="partitions"><h2 id="partitions">Partitions</h2>
<p class="under">${all.length === 1 ? '1 partition' : `${count(all.length)} partitions`}. Each bar is the whole of a partition; its number of objects is on the right.</p>
<ul class="legend">${there.map((state) => html`<li>${mark(state)}${state}</li>`)}</ul>
<figure>${partitionCharts(all)}</figure>
${all.length > MANY ? html`<details><summary>All ${count(all.length)} partitions as a table</summary>${counts}</details>` : counts}</section>
`;
}
