import { STATES } from '../../ledger/lifecycle.ts';
import type { Partition } from '../data.ts';
import type { Markup } from '../html.ts';
import { count, counted, percent } from '../words.ts';
import { chart, type Drawing, FAINT, INK, LINE, STILL, SURFACE, short } from './render.ts';

/** Bars in one image: more do not fit on a sheet of paper. */
const PER_IMAGE = 50;
/** From here on they are drawn closer together. */
const MANY = 25;

/** A bar a partition, of one length for all, divided by states; in as many images as they take. */
export function partitionCharts(partitions: readonly Partition[]): Markup[] {
  const images: Markup[] = [];
  for (let at = 0; at < partitions.length; at += PER_IMAGE) {
    const some = partitions.slice(at, at + PER_IMAGE);
    const label = `States of partitions ${at + 1} to ${at + some.length}. ${some.slice(0, 5).map(sentence).join('; ')}${some.length > 5 ? '; and so on, as in the table' : ''}`;
    images.push(chart(label, (narrow) => draw(some, partitions.length > MANY, narrow)));
  }
  return images;
}

function sentence({ name, objects, states }: Partition): string {
  const there = STATES.filter((state) => states[state] > 0).map(
    (state) => `${percent(states[state], objects)} ${state}`,
  );
  return `${name}, ${counted(objects, 'object')}: ${there.join(', ') || 'none'}`;
}

function draw(partitions: readonly Partition[], close: boolean, narrow: boolean): Drawing {
  const row = close ? 16 : 30;
  const fontSize = close ? 11 : narrow ? 12 : 13;
  const left = narrow ? 110 : 200;
  const right = narrow ? 58 : 84;
  const there = STATES.filter((state) => partitions.some(({ states }) => states[state] > 0));
  const names = partitions.map(({ name }) => short(name, narrow ? 15 : 28));
  const height = partitions.length * row + 26;
  const axis = { type: 'category', inverse: true, axisLine: { show: false }, axisTick: { show: false } } as const;
  return {
    height,
    option: {
      grid: { left, right, top: 2, bottom: 24, outerBoundsMode: 'none' },
      xAxis: {
        type: 'value',
        min: 0,
        max: 100,
        interval: narrow ? 50 : 25,
        axisLabel: { color: FAINT, fontSize: 11, formatter: '{value} %' },
        splitLine: { lineStyle: { color: LINE } },
      },
      yAxis: [
        { ...axis, data: names, axisLabel: { color: INK, fontSize, interval: 0 } },
        {
          ...axis,
          position: 'right',
          data: partitions.map(({ objects }) => count(objects)),
          axisLabel: { color: FAINT, fontSize, interval: 0 },
        },
      ],
      series: there.map((state) => ({
        ...STILL,
        type: 'bar' as const,
        name: state,
        stack: 'states',
        barWidth: close ? 11 : 17,
        itemStyle: { color: `var(--${state})`, borderColor: SURFACE, borderWidth: close ? 0.5 : 1 },
        data: partitions.map(({ objects, states }) => (objects === 0 ? 0 : (states[state] / objects) * 100)),
      })),
    },
  };
}
