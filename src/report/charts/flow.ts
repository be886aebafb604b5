import { formatBytes } from '../../plan/units.ts';
import type { Flow, ReportData, ReportStore } from '../data.ts';
import type { Markup } from '../html.ts';
import { counted } from '../words.ts';
import { chart, type Drawing, INK, STILL, short } from './render.ts';

/** Stores on each side; the smaller ones are drawn as one. */
const MOST = 16;
const REST = '\u0000rest';

/** Legacy stores on the left, centres on the right, bands as wide as what moves. */
export function flowChart(data: ReportData): Markup {
  const inZone = (name: string): boolean => data.stores.find((store) => store.name === name)?.inZone ?? false;
  const label = data.flows
    .slice(0, MOST)
    .map(
      ({ from, to, objects, bytes }) =>
        `${from} to ${to}, ${inZone(to) ? 'inside' : 'outside'} the zone: ${counted(objects, 'object')}, ${formatBytes(bytes)}`,
    )
    .join('; ');
  return chart(`Flow of objects. ${label}`, (narrow) => draw(data, narrow));
}

function draw({ flows, stores }: ReportData, narrow: boolean): Drawing {
  const measure = flows.some(({ bytes }) => bytes > 0) ? 'bytes' : 'objects';
  const total = flows.reduce((sum, flow) => sum + flow[measure], 0);
  const left = shown(flows, 'from', measure);
  const right = shown(flows, 'to', measure);
  const links = new Map<string, { source: string; target: string; value: number }>();
  for (const flow of flows) {
    const source = `from ${left.has(flow.from) ? flow.from : REST}`;
    const target = `to ${right.has(flow.to) ? flow.to : REST}`;
    const link = links.get(`${source} ${target}`) ?? { source, target, value: 0 };
    // What is there is seen, however small it is.
    link.value += Math.max(flow[measure], total / 150, 1e-9);
    links.set(`${source} ${target}`, link);
  }
  const ends = [...new Set([...links.values()].flatMap(({ source, target }) => [source, target]))];
  const margin = narrow ? 104 : 150;
  const most = narrow ? 15 : 26;
  const sides = Math.max(...['from ', 'to '].map((side) => ends.filter((end) => end.startsWith(side)).length));
  const height = Math.max(110, sides * 46 + 20);
  const node = (end: string) => {
    const isLeft = end.startsWith('from ');
    const name = end.replace(/^(from|to) /, '');
    const store = stores.find((one) => one.name === name);
    return {
      name: end,
      itemStyle: { color: store === undefined ? 'var(--faint)' : store.inZone ? 'var(--inside)' : 'var(--outside)' },
      label: {
        position: isLeft ? ('left' as const) : ('right' as const),
        formatter: () => (store === undefined ? 'the others' : labelOf(store, most)),
      },
    };
  };
  return {
    height,
    option: {
      series: [
        {
          ...STILL,
          type: 'sankey',
          left: margin,
          right: margin,
          top: 16,
          bottom: 16,
          nodeWidth: 14,
          nodeGap: 22,
          draggable: false,
          data: ends.map(node),
          links: [...links.values()],
          label: { color: INK, fontSize: narrow ? 11 : 13, lineHeight: 16 },
          lineStyle: { color: 'var(--band)', opacity: 1, curveness: 0.5 },
        },
      ],
    },
  };
}

function labelOf({ name, jurisdiction, inZone }: ReportStore, most: number): string {
  return `${short(name, most)}\n${short(jurisdiction, 8)}, ${inZone ? 'inside' : 'outside'}`;
}

/** The largest ones of a side. */
function shown(flows: readonly Flow[], side: 'from' | 'to', measure: 'objects' | 'bytes'): ReadonlySet<string> {
  const sums = new Map<string, number>();
  for (const flow of flows) sums.set(flow[side], (sums.get(flow[side]) ?? 0) + flow[measure]);
  const sorted = [...sums].sort(([, one], [, other]) => other - one).map(([name]) => name);
  return new Set(sorted.length <= MOST ? sorted : sorted.slice(0, MOST - 1));
}
