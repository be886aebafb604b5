import type { Contender } from './contenders.ts';
import type { Measured } from './measure.ts';

export interface Result {
  readonly name: string;
  readonly kind: Contender['kind'];
  readonly runs: readonly Measured[];
}

export interface Line {
  readonly name: string;
  readonly kind: Contender['kind'];
  readonly rounds: number;
  /** Seconds. */
  readonly wall: Spread;
  readonly cpu: Spread;
  /** MiB. */
  readonly peak: Spread;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function linesOf(results: readonly Result[]): Line[] {
  return results.map(({ name, kind, runs }) => ({
    name,
    kind,
    rounds: runs.length,
    wall: spread(runs.map(({ wall }) => wall)),
    cpu: spread(runs.map(({ cpu }) => cpu)),
    peak: spread(runs.map(({ peak }) => peak)),
  }));
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? at(Math.floor(middle)) : (at(middle - 1) + at(middle)) / 2;
  return { median, least: at(0), most: at(sorted.length - 1) };
}

/** A table in Markdown, which is legible on a terminal too. Ratios are to `base`, where it ran. */
export function table(lines: readonly Line[], base: string): string {
  const against = lines.find(({ name }) => name === base);
  const ratio = (of: (line: Line) => Spread, line: Line): string =>
    against === undefined ? '' : (of(line).median / of(against).median).toFixed(2);
  const told = ({ median, least, most }: Spread, digits: number): string =>
    `${median.toFixed(digits)} (${least.toFixed(digits)}-${most.toFixed(digits)})`;
  const rows = lines.map((line) => [
    line.name,
    told(line.wall, 2),
    ratio(({ wall }) => wall, line),
    told(line.cpu, 2),
    ratio(({ cpu }) => cpu, line),
    told(line.peak, 0),
  ]);
  const head = ['', 'wall s', 'ratio', 'client CPU s', 'ratio', 'peak MiB'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const written = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [written(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(written)].join(
    '\n',
  );
}

const ROW = 46;
const LEFT = 230;
const WIDE = 430;

/** Wall time and client CPU of each as bars, by their medians. */
export function chart(lines: readonly Line[], title: string): string {
  const longest = Math.max(...lines.map(({ wall, cpu }) => Math.max(wall.median, cpu.median)));
  const bar = (value: number, y: number, kind: string): string => {
    const width = ((value / longest) * WIDE).toFixed(1);
    const end = LEFT + Number(width) + 6;
    return `<rect class="${kind}" x="${LEFT}" y="${y}" width="${width}" height="15"/><text x="${end}" y="${y + 12}">${value.toFixed(1)} s</text>`;
  };
  const body = lines.map(({ name, wall, cpu }, index) => {
    const y = 58 + index * ROW;
    return `<text class="name" x="${LEFT - 10}" y="${y + 21}">${escaped(name)}</text>${bar(wall.median, y, 'wall')}${bar(cpu.median, y + 17, 'cpu')}`;
  });
  const height = 70 + lines.length * ROW;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 ${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #222 }
.name { text-anchor: end }
.title { font-size: 15px; font-weight: 600 }
.wall { fill: #2563a8 }
.cpu { fill: #d08a1d }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .wall { fill: #6ba6e6 } .cpu { fill: #e6b566 } }
</style>
<text class="title" x="10" y="20">${escaped(title)}</text>
<rect class="wall" x="10" y="32" width="12" height="12"/><text x="27" y="43">wall time</text>
<rect class="cpu" x="110" y="32" width="12" height="12"/><text x="127" y="43">client CPU</text>
${body.join('\n')}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
