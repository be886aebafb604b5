import { formatBytes } from '../../plan/units.ts';
import { flowChart } from '../charts/flow.ts';
import type { ReportData, ReportStore } from '../data.ts';
import { html, type Markup } from '../html.ts';
import { table } from '../table.ts';
import { count } from '../words.ts';
import { mark } from './summary.ts';

/** From which stores to which centres, and where both are. */
export function flow(data: ReportData): Markup {
  const { plan, stores, flows, totals } = data;
  const runner =
    plan.runner === undefined
      ? 'The plan does not say where ferry runs; bytes pass through there.'
      : `ferry ran in ${plan.runner}, as the plan says; bytes pass through there.`;
  return html`<section aria-labelledby="flow"><h2 id="flow">From where to where</h2>
<p class="under">The residency zone is ${plan.zone.join(', ')}. ${runner}</p>
${
  totals.objects > 0
    ? html`<figure><figcaption>Bands are as wide as the bytes that the plan moves. Legacy stores are on the left, centres on the right.</figcaption>
<ul class="legend"><li>${mark('inside')}inside the zone</li><li>${mark('outside')}outside the zone</li></ul>
${flowChart(data)}</figure>`
    : undefined
}
${table(
  'Stores of the plan',
  [{ name: 'store' }, { name: 'is' }, { name: 'kind' }, { name: 'country' }, { name: 'residency zone' }],
  stores.map((store) => [store.name, role(store), store.type, store.jurisdiction, store.inZone ? 'inside' : 'outside']),
)}
${table(
  'What moves between stores',
  [{ name: 'from' }, { name: 'to' }, { name: 'objects', number: true }, { name: 'bytes', number: true }],
  flows.map(({ from, to, objects, bytes }) => [from, to, count(objects), formatBytes(bytes)]),
)}
${table(
  'What was listed at the sources',
  [
    { name: 'source' },
    { name: 'listing' },
    { name: 'listed', number: true },
    { name: 'excluded', number: true },
    { name: 'unassigned', number: true },
  ],
  data.sources.map(({ name, complete, listed, excluded, unassigned }) => [
    name,
    complete ? 'complete' : 'not complete',
    ...[listed, excluded, unassigned].map((sum) => `${count(sum.objects)} (${formatBytes(sum.bytes)})`),
  ]),
)}</section>
`;
}

function role({ isSource, isCentre }: ReportStore): string {
  if (isSource && isCentre) return 'legacy store and centre';
  if (isSource) return 'legacy store';
  return isCentre ? 'centre' : 'not used by a partition';
}
