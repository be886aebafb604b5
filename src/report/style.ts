import { STATES, type State } from '../ledger/lifecycle.ts';

interface Pair {
  readonly light: string;
  readonly dark: string;
}

/**
 * One blue that grows stronger with what is done, and warm colours for what needs a person: they differ in lightness too, so that nobody
 * has to tell red from green. Each has a contrast of 3:1 or more with the surface (WCAG 2.2, 1.4.11).
 */
const STATE_COLORS: Readonly<Record<State, Pair>> = {
  planned: { light: '#8792a2', dark: '#6b7686' },
  copied: { light: '#3d97cb', dark: '#3779a8' },
  verified: { light: '#1f6fae', dark: '#5aa9e0' },
  tombstoned: { light: '#124a7c', dark: '#9ccbf0' },
  purged: { light: '#0a2540', dark: '#dcecfa' },
  restored: { light: '#8465ad', dark: '#b79fdc' },
  conflict: { light: '#d1590a', dark: '#f08a3c' },
  gone: { light: '#8a5a3c', dark: '#c29878' },
  held: { light: '#a67c00', dark: '#e8c547' },
  unverifiable: { light: '#c2578f', dark: '#e796c0' },
  failed: { light: '#9b1c31', dark: '#ff6b7a' },
};

const COLORS: Readonly<Record<string, Pair>> = {
  page: { light: '#f5f6f8', dark: '#11151b' },
  surface: { light: '#ffffff', dark: '#1a2029' },
  ink: { light: '#1b2430', dark: '#e7ebf0' },
  faint: { light: '#566170', dark: '#a3aebc' },
  line: { light: '#dde2e8', dark: '#313a46' },
  accent: { light: '#1f6fae', dark: '#7dbdf0' },
  inside: { light: '#1f6fae', dark: '#5aa9e0' },
  outside: { light: '#d1590a', dark: '#f08a3c' },
  band: { light: '#d5dfe9', dark: '#38475a' },
  notice: { light: '#fdf3e7', dark: '#33281a' },
  ...STATE_COLORS,
};

function variables(of: keyof Pair): string {
  return Object.entries(COLORS)
    .map(([name, pair]) => `--${name}:${pair[of]}`)
    .join(';');
}

/** The page's one style sheet. Colours for light and for paper, others for a dark screen. */
export function styleSheet(): string {
  const marks = STATES.map((state) => `.mark.${state}{background:var(--${state})}`).join('');
  return `:root{color-scheme:light dark;${variables('light')}}
@media screen and (prefers-color-scheme:dark){:root{${variables('dark')}}}
${RULES}
${marks}`;
}

const RULES = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans",sans-serif}
main,header,footer{max-width:64rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:2.5rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 .35rem}
h3{font-size:1rem;margin:1.6rem 0 .3rem}
p{margin:.35rem 0 .8rem;max-width:44rem}
.faint,figcaption,.under{color:var(--faint)}
.under{margin:0;font-size:.95rem;max-width:none}
section{background:var(--surface);border:1px solid var(--line);border-radius:.6rem;padding:1.4rem 1.5rem;margin:1.25rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem;margin:1.25rem 0 0;padding:0}
.tiles div{background:var(--surface);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1.1rem}
.tiles dt{color:var(--faint);font-size:.875rem}
.tiles dd{margin:0;font-size:1.6rem;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums}
.tiles dd small{display:block;font-size:.875rem;font-weight:400;color:var(--faint)}
.notice{background:var(--notice);border-left:4px solid var(--outside);border-radius:.3rem;padding:.6rem .9rem;max-width:none}
.equation{font-variant-numeric:tabular-nums;max-width:none}
figure{margin:1rem 0}
figcaption{font-size:.9rem;margin-bottom:.5rem}
svg{display:block;max-width:100%;height:auto;font-family:inherit}
svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans",sans-serif}
.chart{margin:.4rem 0 1rem}
.chart.narrow{display:none}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:.5rem 0 .8rem;padding:0;font-size:.9rem}
.mark{display:inline-block;width:.8em;height:.8em;border-radius:.15em;margin-right:.45em;vertical-align:-.03em;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.mark.inside{background:var(--inside)}.mark.outside{background:var(--outside)}
.scroll{overflow-x:auto;margin:.6rem 0}
.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--faint);padding-bottom:.4rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600}
thead th,thead .key{color:var(--faint);white-space:nowrap;font-family:inherit;font-size:1em}
tfoot th,tfoot td{border-bottom:0;border-top:2px solid var(--line);font-weight:600}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.nowrap,th.nowrap{white-space:nowrap}
code,.key{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.86em;overflow-wrap:anywhere}
.key{white-space:pre-wrap;min-width:12rem;unicode-bidi:isolate}
.wide-text{min-width:14rem;overflow-wrap:anywhere}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent);font-size:.95rem}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;margin:.6rem 0;font-size:.95rem}
.facts dt{color:var(--faint)}
.facts dd{margin:0;overflow-wrap:anywhere}
footer{color:var(--faint);font-size:.875rem;padding-bottom:3rem}
a{color:var(--accent)}
@media (max-width:52rem){
main,header,footer{padding:0 1rem}
header{padding-top:1.5rem}
section{padding:1.1rem 1rem}
h1{font-size:1.5rem}
.tiles{grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.7rem}
.tiles dd{font-size:1.3rem}
.chart.wide{display:none}
.chart.narrow{display:block}
.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.5rem}
}
@media print{
@page{margin:16mm}
body{background:#fff;font-size:10.5pt}
main,header,footer{max-width:none;padding:0}
section{border:0;border-top:1px solid var(--line);border-radius:0;padding:1rem 0;margin:0}
.tiles div{border-radius:0}
.chart.wide{display:block}
.chart.narrow{display:none}
figure,.chart,tr,.tiles{break-inside:avoid}
h2,h3,figcaption{break-after:avoid}
.scroll{overflow:visible}
svg,.mark,.notice{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}`;
