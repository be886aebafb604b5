import { formatBytes } from '../../plan/units.ts';
import { adviceFor } from '../advice.ts';
import type { ReportData } from '../data.ts';
import { html, keyText, type Markup } from '../html.ts';
import { table } from '../table.ts';
import { count, counted } from '../words.ts';
import { mark } from './summary.ts';

/** A digest in a reason is told by its beginning; `--json` of `status` has all of it. */
const DIGEST = /\b([0-9a-f]{12})[0-9a-f]{20,}\b/g;

/** What needs a person, why, and what to do. */
export function unresolved({ unresolved: found }: ReportData): Markup {
  if (found.objects === 0)
    return html`<section aria-labelledby="unresolved"><h2 id="unresolved">Objects that need a person</h2><p>None.</p></section>
`;
  const told = found.reasons.reduce((sum, { objects }) => sum + objects, 0);
  return html`<section aria-labelledby="unresolved"><h2 id="unresolved">Objects that need a person</h2>
<p class="under">${counted(found.objects, 'object')}${found.damaged > 0 ? '.' : '; nothing of them was lost.'} Resolve the cause, then run again: <code>ferry run</code> takes each from the copy on.</p>
${table(
  'By reason',
  [
    { name: 'state', look: 'nowrap' },
    { name: 'objects', number: true },
    { name: 'bytes', number: true },
    { name: 'reason', look: 'wide-text' },
    { name: 'what to do', look: 'wide-text' },
  ],
  found.reasons.map(({ state, reason, objects, bytes }) => [
    [mark(state), state],
    count(objects),
    formatBytes(bytes),
    reason,
    adviceFor(state, reason),
  ]),
)}
${told < found.objects ? html`<p>${counted(found.objects - told, 'object')} more, with ${counted(found.different - found.reasons.length, 'other reason')}.</p>` : undefined}
${found.withKeys ? named(found) : html`<p>The keys of objects were left out of this page.</p>`}</section>
`;
}

function named({ objects, sample }: ReportData['unresolved']): Markup {
  const all = sample.length === objects;
  const rest = all
    ? undefined
    : html` ${count(objects - sample.length)} more are in the output of <code>ferry status PLAN --json</code>.`;
  return html`<details${sample.length <= 20 ? html` open` : undefined}><summary>${all ? 'Each of them' : `The first ${sample.length}`}</summary>
<p>Keys can be personal data. Characters that cannot be seen stand as <code>\\u{…}</code>.${rest}</p>
${table(
  all ? 'Each of them' : 'The first ones of each state',
  [
    { name: 'key', look: 'key' },
    { name: 'partition', look: 'nowrap' },
    { name: 'state', look: 'nowrap' },
    { name: 'bytes', number: true },
    { name: 'reason', look: 'wide-text' },
  ],
  sample.map(({ key, partition, state, size, reason }) => [
    keyText(key),
    partition,
    [mark(state), state],
    formatBytes(size),
    reason.replace(DIGEST, '$1…'),
  ]),
)}</details>`;
}
