import cliTruncate from 'cli-truncate';
import { formatBytes } from '../../plan/units.ts';
import type { PartitionProgress, Snapshot } from './types.ts';
import { count, errorsText, etaText, limitsText, percent, rateText, retriesText, span } from './words.ts';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** One line, and what it is, for who gives it a colour. */
export interface Line {
  readonly text: string;
  readonly tone: 'head' | 'plain' | 'quiet' | 'done' | 'person';
}

/** What a view shows, and which partitions it shows of many: the next frame keeps to them while they are at work, to stay calm. */
export interface Frame {
  readonly lines: readonly Line[];
  readonly shown: readonly string[];
}

/** Names longer than this are cut on a terminal of 80 columns; each column more is one more. */
const NAME_AT_80 = 24;
const BAR_AT_80 = 16;

/** Of the partitions that are shown of many, at most so many because they need a person. */
const FOR_PEOPLE = 1 / 3;

/** Lines of text that fit a terminal, with one row left for the cursor. A pure function: the same snapshot gives the same frame. */
export function frameOf(snapshot: Snapshot, size: Size, before: readonly string[] = [], stopping = false): Frame {
  const head = headOf(snapshot, size, stopping);
  const room = size.rows - 1 - head.length - 1;
  const { partitions } = snapshot;
  if (room < 2) return { lines: head.slice(0, Math.max(1, size.rows - 1)), shown: [] };
  const all = partitions.length <= room;
  const shown = all ? partitions.map(({ name }) => name) : inPlace(choose(partitions, room - 1, before), before);
  const byName = new Map(partitions.map((one) => [one.name, one]));
  const rows = shown.flatMap((name) => byName.get(name) ?? []);
  const lines = [...head, ...rowsOf(rows, widest(partitions), size)];
  const rest = partitions.filter(({ name }) => !shown.includes(name));
  if (rest.length > 0) lines.push({ text: andMore(rest), tone: 'quiet' });
  return { lines, shown };
}

function headOf(snapshot: Snapshot, { columns }: Size, stopping: boolean): Line[] {
  const { plan, command, seconds, listed, totals, eta, slowest, limits } = snapshot;
  const lines: Line[] = [
    {
      text: `ferry ${command} ${plan}, ${span(seconds)}${stopping ? ', stopping: what is under way ends first' : ''}`,
      tone: 'head',
    },
  ];
  const bar = barOf(
    totals.objects === 0 ? 0 : totals.done / totals.objects,
    BAR_AT_80 + Math.min(24, Math.max(0, columns - 80)),
  );
  const sizes = `${formatBytes(totals.doneBytes)} of ${formatBytes(totals.bytes)}`;
  lines.push({
    text: `${bar} ${percent(totals).padStart(4)}  ${count(totals.done)} of ${count(totals.objects)} objects, ${sizes}`,
    tone: 'plain',
  });
  const rate = rateText(snapshot);
  lines.push({ text: `rate     ${rate === '' ? '-' : rate}`, tone: 'plain' });
  lines.push({
    text: `left     ${listed === undefined ? leftOf(snapshot) : `unknown while it lists: ${count(listed)} entries so far`}`,
    tone: 'plain',
  });
  const last = snapshot.partitions.find(({ name }) => name === slowest);
  if (snapshot.partitions.length > 1)
    lines.push({
      text: `slowest  ${last?.eta === undefined || eta === undefined ? '-' : `${last.name}, ${etaText(last.eta)}`}`,
      tone: 'plain',
    });
  const people = errorsText(snapshot);
  const troubles = [people, retriesText(snapshot)].filter((text) => text !== '').join('; ');
  lines.push({ text: `errors   ${troubles === '' ? 'none' : troubles}`, tone: people === '' ? 'plain' : 'person' });
  if (limits !== undefined) lines.push({ text: `limits   ${limitsText(limits)}`, tone: 'plain' });
  return lines;
}

function leftOf({ eta, totals }: Snapshot): string {
  if (totals.objects > 0 && totals.done === totals.objects) return 'nothing but to look once more';
  return eta === undefined ? '-' : etaText(eta);
}

/** Names of the partitions that a small screen shows: those that need a person, those at work, those that were shown, then what comes. */
function choose(partitions: readonly PartitionProgress[], room: number, before: readonly string[]): Set<string> {
  const chosen = new Set<string>();
  const shown = new Set(before);
  const take = (most: number, wanted: (one: PartitionProgress) => boolean): void => {
    let left = Math.min(most, room - chosen.size);
    for (const one of partitions) {
      if (left <= 0) return;
      if (chosen.has(one.name) || !wanted(one)) continue;
      chosen.add(one.name);
      left -= 1;
    }
  };
  const isOpen = ({ done, objects }: PartitionProgress): boolean => done < objects;
  const isAtWork = (one: PartitionProgress): boolean => one.done > 0 && isOpen(one);
  take(Math.floor(room * FOR_PEOPLE), ({ unresolved }) => unresolved > 0);
  take(room, (one) => shown.has(one.name) && isAtWork(one));
  take(room, isAtWork);
  take(room, (one) => shown.has(one.name) && isOpen(one));
  take(room, isOpen);
  take(room, (one) => shown.has(one.name));
  take(room, () => true);
  return chosen;
}

/** What was shown stays in its row; what is new takes the rows that became free. */
function inPlace(chosen: ReadonlySet<string>, before: readonly string[]): string[] {
  const added = [...chosen].filter((name) => !before.includes(name));
  const rows = before.flatMap((name) => (chosen.has(name) ? name : (added.shift() ?? [])));
  return [...rows, ...added];
}

/** As wide as the counts of a partition can become, so that columns stay where they are. */
function widest(partitions: readonly PartitionProgress[]): number {
  const most = Math.max(0, ...partitions.map(({ objects }) => objects));
  return Math.max('objects'.length, 2 * count(most).length + 1);
}

function rowsOf(partitions: readonly PartitionProgress[], counts: number, { columns }: Size): Line[] {
  const longest = Math.max('partition'.length, ...partitions.map(({ name }) => name.length));
  const name = Math.min(NAME_AT_80 + Math.max(0, columns - 80), longest);
  const line = (cells: readonly [string, string, string, string, string, string]): string => {
    const [partition, objects, part, bytes, rate, left] = cells;
    return `${partition.padEnd(name)}  ${objects.padStart(counts)}  ${part.padStart(4)}  ${bytes.padStart(10)}  ${rate.padStart(12)}  ${left}`;
  };
  return [
    { text: line(['partition', 'objects', '', 'bytes', 'rate', 'left']), tone: 'quiet' },
    ...partitions.map((one): Line => {
      const rate = one.bytesPerSecond === undefined || one.done === one.objects ? undefined : one.bytesPerSecond;
      const text = line([
        cliTruncate(one.name, name, { position: 'middle' }),
        `${count(one.done)}/${count(one.objects)}`,
        percent(one),
        formatBytes(one.doneBytes),
        rate === undefined ? '-' : `${formatBytes(Math.round(rate))}/s`,
        restOf(one),
      ]);
      return { text, tone: toneOf(one) };
    }),
  ];
}

function restOf({ objects, done, unresolved, eta }: PartitionProgress): string {
  if (unresolved > 0) return `${count(unresolved)} need a person`;
  if (done === objects) return objects === 0 ? '-' : 'done';
  return eta === undefined ? '-' : span(eta.likely);
}

function toneOf(partition: PartitionProgress): Line['tone'] {
  if (partition.unresolved > 0) return 'person';
  return partition.objects > 0 && partition.done === partition.objects ? 'done' : 'plain';
}

function andMore(rest: readonly PartitionProgress[]): string {
  const done = rest.filter((one) => one.objects === one.done).length;
  const begun = rest.filter((one) => one.done > 0 && one.done < one.objects).length;
  const people = rest.filter((one) => one.unresolved > 0).length;
  const kinds = [`${done} done`, `${begun} at work`, `${rest.length - done - begun} to begin`];
  if (people > 0) kinds.push(`${people} with what needs a person`);
  return `and ${count(rest.length)} more: ${kinds.join(', ')}`;
}

function barOf(part: number, width: number): string {
  const full = Math.floor(part * width);
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}]`;
}
