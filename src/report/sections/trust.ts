import type { ReportData } from '../data.ts';
import { html, type Markup } from '../html.ts';
import { table } from '../table.ts';
import { count, counted, moment } from '../words.ts';

/** Who approved; what is signed; under which limits, and by whose calls. */
export function trust(data: ReportData): readonly Markup[] {
  return [approvals(data), evidence(data), limits(data), calls(data)];
}

function approvals({ approvals: given, plan }: ReportData): Markup {
  const asked =
    plan.approvalsAsked === 0
      ? 'The plan asks for none.'
      : `The plan asks for ${counted(plan.approvalsAsked, 'approval')} before the first tombstone.`;
  return html`<section aria-labelledby="approvals"><h2 id="approvals">Approvals</h2>
<p class="under">${asked} ${given.length === 0 ? 'None has counted.' : 'These have counted; each was checked when it did.'}</p>
${
  given.length === 0
    ? undefined
    : table(
        'Approvals that counted',
        [
          { name: 'approver' },
          { name: 'country' },
          { name: 'for' },
          { name: 'counted', look: 'nowrap' },
          { name: 'until', look: 'nowrap' },
          { name: 'key', look: 'key' },
          { name: 'sealed plan', look: 'key' },
        ],
        given.map(({ approver, jurisdiction, what, at, until, keyid, sealed }) => [
          approver,
          jurisdiction,
          what,
          moment(at),
          until,
          keyid,
          sealed,
        ]),
      )
}</section>
`;
}

function evidence({ evidence: { leaves, head } }: ReportData): Markup {
  const since = head === undefined ? 0 : leaves - head.size;
  return html`<section aria-labelledby="evidence"><h2 id="evidence">Evidence</h2>
${
  head === undefined
    ? html`<p>The log has ${counted(leaves, 'leaf', 'leaves')}, and no head of it was signed yet. <code>ferry evidence export</code> signs one.</p>`
    : html`<p class="under">The newest head that was signed. This page is not evidence itself: check the bundle with <code>ferry evidence verify</code>.</p>
<dl class="facts"><dt>root</dt><dd><code>${head.root}</code></dd>
<dt>size</dt><dd>${counted(head.size, 'leaf', 'leaves')}</dd>
<dt>signer</dt><dd><code>${head.keyid}</code></dd>
<dt>signed</dt><dd>${moment(head.at)}</dd>
<dt>since then</dt><dd>${since === 0 ? 'nothing was added' : `${counted(since, 'leaf', 'leaves')} that this head is not over`}</dd></dl>`
}</section>
`;
}

function limits({ limits: held }: ReportData): Markup {
  return html`<section aria-labelledby="limits"><h2 id="limits">Limits</h2>
${table(
  'Limits at this moment',
  [{ name: 'limit' }, { name: 'value' }, { name: 'from' }],
  held.map(({ name, value, from }) => [name, value, from]),
)}</section>
`;
}

function calls({ calls: made }: ReportData): Markup {
  return html`<section aria-labelledby="calls"><h2 id="calls">The last calls</h2>
${table(
  `The last ${count(made.length)} calls of ferry for this plan`,
  [
    { name: 'command', look: 'nowrap' },
    { name: 'by' },
    { name: 'on' },
    { name: 'began', look: 'nowrap' },
    { name: 'ended', look: 'nowrap' },
    { name: 'outcome' },
    { name: 'ferry' },
  ],
  made.map(({ command, operator, host, beganAt, endedAt, outcome, version }) => [
    command,
    operator,
    host,
    moment(beganAt),
    endedAt === undefined ? 'no end' : moment(endedAt),
    outcome ?? 'under way, or killed',
    version,
  ]),
)}</section>
`;
}
