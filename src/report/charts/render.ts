import { BarChart, type BarSeriesOption, SankeyChart, type SankeySeriesOption } from 'echarts/charts';
import { GridComponent, type GridComponentOption } from 'echarts/components';
import { type ComposeOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { html, type Markup, trusted, visible } from '../html.ts';

use([BarChart, SankeyChart, GridComponent, SVGRenderer]);

export type ChartOption = ComposeOption<BarSeriesOption | SankeySeriesOption | GridComponentOption>;

/** What draws a chart in a given width; both in CSS pixels. */
export interface Drawing {
  readonly height: number;
  readonly option: ChartOption;
}

/** A page has each chart in two widths, and shows the one that fits: letters stay as large as they are. */
const WIDE = 920;
const NARROW = 340;

/** A chart as an image with a name. What it shows has to be told in words or in a table, too. */
export function chart(label: string, draw: (narrow: boolean) => Drawing): Markup {
  return html`<div class="chart wide">${rendered(label, WIDE, draw(false))}</div>
<div class="chart narrow">${rendered(label, NARROW, draw(true))}</div>`;
}

function rendered(label: string, width: number, { height, option }: Drawing): Markup {
  const drawn = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    drawn.setOption({ animation: false, ...option });
    const inner = tidied(drawn.renderToSVGString());
    return html`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${trusted(inner)}</svg>`;
  } finally {
    drawn.dispose();
  }
}

const TAG = /<[^>]*>/g;
const ALLOWED = /^<\/?(g|path|rect|circle|line|polyline|polygon|text)(?: [a-z-]+="[^"<>]*")* ?>$/;

/**
 * What is inside of the image, without what only a page with scripts needs. Strings reach it only as text, which the library escapes;
 * that nothing else came in is checked here, since it does not escape attributes.
 *
 * @throws Error for markup that a chart does not consist of: a bug.
 */
function tidied(svg: string): string {
  const inner = svg
    .replace(/^<svg [^>]*>/, '')
    .replace(/<\/svg>\s*$/, '')
    .replace(/<style\b[\s\S]*?<\/style>/g, '')
    .replace(/ (?:ecmeta_[a-z_]+|class|pointer-events|xml:space)="[^"]*"/g, '')
    .replace(/ style="font-size:(\d+)px;font-family:[^";]*;(?:font-weight:(\w+);)?"/g, fontOf)
    .replace(/\n+/g, '');
  for (const [tag] of inner.matchAll(TAG)) if (!ALLOWED.test(tag)) throw new Error(`a chart holds ${tag}`);
  return inner;
}

function fontOf(_all: string, size: string, weight: string | undefined): string {
  return ` font-size="${size}"${weight === undefined ? '' : ` font-weight="${weight}"`}`;
}

/** Text of a label, cut to so many characters, on one line. */
export function short(text: string, most: number): string {
  const characters = [...visible(text)];
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`;
}

/** Colours are the page's, which has them for light, for dark and for paper. */
export const INK = 'var(--ink)';
export const FAINT = 'var(--faint)';
export const LINE = 'var(--line)';
export const SURFACE = 'var(--surface)';

/** What every series has: nothing moves and nothing answers to a pointer. */
export const STILL = { silent: true, emphasis: { disabled: true }, animation: false } as const;
