import type { Markup } from '../html.ts';
import { chart, FAINT, LINE, STILL, SURFACE } from './render.ts';

export interface Columns {
  /** What the image is called. */
  readonly label: string;
  /** Under each column, or empty. */
  readonly names: readonly string[];
  readonly series: readonly { readonly color: string; readonly values: readonly number[] }[];
  readonly format: (value: number) => string;
  /** One upon another, or one beside another. */
  readonly stacked?: boolean;
  /** Names where a chart is narrow: each so-manyth. */
  readonly everyNarrow?: number;
  readonly everyWide?: number;
  /** Numbers of bytes: steps of the axis are powers of 1,024. */
  readonly bytes?: boolean;
}

const HEIGHT = 230;

export function columnChart({ label, names, series, format, stacked, everyNarrow, everyWide, bytes }: Columns): Markup {
  const top = Math.max(...names.map((_, at) => highest(series, at, stacked === true)), 0);
  const step = stepFor(top, bytes === true);
  return chart(label, (narrow) => ({
    height: HEIGHT,
    option: {
      grid: { left: narrow ? 58 : 76, right: 8, top: 12, bottom: 30, outerBoundsMode: 'none' },
      xAxis: {
        type: 'category',
        data: [...names],
        axisTick: { show: false },
        axisLine: { lineStyle: { color: FAINT } },
        axisLabel: { color: FAINT, fontSize: 11, interval: ((narrow ? everyNarrow : everyWide) ?? 1) - 1 },
      },
      yAxis: {
        type: 'value',
        min: 0,
        max: Math.max(step, Math.ceil(top / step) * step),
        interval: step,
        axisLabel: { color: FAINT, fontSize: 11, formatter: format },
        splitLine: { lineStyle: { color: LINE } },
      },
      series: series.map(({ color, values }) => ({
        ...STILL,
        type: 'bar' as const,
        ...(stacked === true ? { stack: 'all' } : {}),
        barCategoryGap: '22%',
        barGap: '0%',
        barMaxWidth: 64,
        itemStyle: { color, borderColor: SURFACE, borderWidth: 0.5 },
        data: [...values],
      })),
    },
  }));
}

function highest(series: Columns['series'], at: number, stacked: boolean): number {
  const values = series.map(({ values }) => values[at] ?? 0);
  return stacked ? values.reduce((sum, value) => sum + value, 0) : Math.max(...values);
}

/** A round step of which four or five reach the top: 1, 2 or 5 times a power of ten, of bytes also times a power of 1,024. */
function stepFor(top: number, bytes: boolean): number {
  let unit = 1;
  if (bytes) while (top / unit >= 1_024) unit *= 1_024;
  const rough = top / unit / 4;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, Number.MIN_VALUE)));
  const step = [1, 2, 5, 10].find((times) => times * power >= rough) ?? 10;
  return Math.max(step * power * unit, 1);
}
