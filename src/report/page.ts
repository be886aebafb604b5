import { createHash } from 'node:crypto';
import type { ReportData } from './data.ts';
import { html, trusted } from './html.ts';
import { flow } from './sections/flow.ts';
import { sizes, throughput } from './sections/history.ts';
import { partitions } from './sections/partitions.ts';
import { heading, outcomes } from './sections/summary.ts';
import { trust } from './sections/trust.ts';
import { unresolved } from './sections/unresolved.ts';
import { styleSheet } from './style.ts';

/** How every page of this kind begins: by it a later call knows what it may put another one in the place of. */
export const BEGINNING = '<!doctype html>\n<!-- ferry report v1 -->\n';

/**
 * One page that needs nothing else: no script, no font and no image from anywhere, which its content security policy
 * (https://www.w3.org/TR/CSP3/) holds any reader to. The style sheet is allowed by its digest.
 */
export function renderPage(data: ReportData): string {
  const style = styleSheet();
  const digest = createHash('sha256').update(style).digest('base64');
  const page = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(`default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="ferry ${data.version}">
<title>Migration report: ${data.plan.name}</title>
<style>${trusted(style)}</style>
</head>
<body>
${heading(data)}<main>
${outcomes(data)}${flow(data)}${throughput(data)}${partitions(data)}${unresolved(data)}${sizes(data)}${trust(data)}</main>
<footer><p>Every figure is from the ledger. What the page says of a copy is what ferry saw and did; <code>ferry verify</code> and <code>ferry audit</code> look again.</p></footer>
</body>
</html>
`;
  return `${BEGINNING}${page.text}`;
}
