import { STATES } from '../../ledger/lifecycle.ts';
import { formatBytes, formatDuration } from '../../plan/units.ts';
import type { ReportData } from '../data.ts';
import { html, type Markup } from '../html.ts';
import { count, counted, MEANING, moment, percent } from '../words.ts';

const DONE = ['tombstoned', 'purged'] as const;
const PROVEN = ['verified', 'tombstoned', 'purged', 'restored'] as const;

/** Who it is about, when and by what it was made, and what it comes to. */
export function heading(data: ReportData): Markup {
  const { plan, totals, unresolved, madeAt, version, atWork } = data;
  const [proven, emptied] = [PROVEN, DONE].map((states) =>
    states.reduce((sum, state) => sum + totals.states[state], 0),
  );
  return html`<header>
<h1>Migration report: ${plan.name}</h1>
<p class="under">As the ledger had it at ${moment(madeAt)}; made by ferry ${version}</p>
${atWork && html`<p class="notice"><strong>Work was under way when this page was made</strong> (<code>ferry ${atWork.command}</code>): the figures are of that moment.</p>`}
<dl class="tiles">
${tile('planned', count(totals.objects), `${totals.objects === 1 ? 'object' : 'objects'}, ${formatBytes(totals.bytes)}`)}
${tile('proven at the centre', percent(proven ?? 0, totals.objects), counted(proven ?? 0, 'object'))}
${tile('tombstoned or purged', percent(emptied ?? 0, totals.objects), counted(emptied ?? 0, 'object'))}
${tile('need a person', count(unresolved.objects), needOf(unresolved))}
</dl>
</header>
`;
}

function needOf({ objects, damaged }: ReportData['unresolved']): string {
  if (damaged > 0) return `${count(damaged)} damaged: see below`;
  return objects === 0 ? 'nothing is unresolved' : 'nothing of them was lost';
}

function tile(name: string, value: string, more: string): Markup {
  return html`<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`;
}

/** Planned is the sum of all outcomes; and what the plan says of the end. */
export function outcomes({ totals, plan, unresolved }: ReportData): Markup {
  const there = STATES.filter((state) => totals.states[state] > 0);
  const sum = there.map((state) => `${count(totals.states[state])} ${state}`).join(' + ');
  return html`<section aria-labelledby="outcomes"><h2 id="outcomes">Outcomes</h2>
<p class="equation"><strong>${count(totals.objects)} planned</strong> = ${sum || '0'}</p>
${unresolved.damaged > 0 ? html`<p class="notice"><strong>${counted(unresolved.damaged, 'object')} whose bytes or digests do not agree.</strong> Find out who changed the centre or the ledger before anything else.</p>` : undefined}
<ul class="legend">${there.map((state) => html`<li>${mark(state)}${state}: ${MEANING[state]}</li>`)}</ul>
<dl class="facts">
<dt>finish</dt><dd>${plan.finish}</dd>
<dt>proof</dt><dd>${plan.verify === 'readback' ? 'readback: every byte was read again at the centre' : "attested: the store's own stored checksum"}</dd>
<dt>hold</dt><dd>${formatDuration(plan.holdMs)}, in which a tombstone can be undone</dd>
<dt>digest</dt><dd><code>${plan.digest}</code></dd>
</dl></section>
`;
}

/** A square in the colour of a state, or of a place. What it means stands beside it. */
export function mark(name: string): Markup {
  return html`<span class="mark ${name}" aria-hidden="true"></span>`;
}
