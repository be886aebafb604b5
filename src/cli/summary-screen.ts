import cliTruncate from 'cli-truncate';
import { safeLine } from '../base/safe-text.ts';
import { isUnresolved, type State } from '../ledger/lifecycle.ts';
import type { Summary, UnresolvedObject } from '../migration/summary.ts';
import { formatBytes, formatDuration } from '../plan/units.ts';
import type { Io } from './io.ts';
import { renderSummary } from './summary-text.ts';
import { table } from './table.ts';

interface Moved {
  readonly objects: number;
  readonly bytes: number;
}

type Part = Summary['partitions'][number];

/** Objects that need a person are shown by so many lines, where there is room for no more. */
const FEWEST_OBJECTS = 3;

/** Longer names are cut on a terminal of 80 columns. */
const NAME_AT_80 = 28;

/** Prints a summary: whole where it fits or where there is no terminal, else what of it fits the screen. */
export function printSummary(summary: Summary, moved: Moved, seconds: number, io: Io): void {
  io.print(
    io.screen === undefined
      ? renderSummary(summary, moved, seconds)
      : screenSummary(summary, moved, seconds, io.screen),
  );
}

/**
 * A summary that fits a screen, with a row left for the prompt: partitions that need a person first, then the largest, then how many
 * there are beside these. A pure function.
 */
export function screenSummary(
  summary: Summary,
  moved: Moved,
  seconds: number,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string {
  const whole = renderSummary(summary, moved, seconds).split('\n').map(safeLine);
  if (whole.length < rows && whole.every((line) => cliTruncate(line, columns) === line)) return whole.join('\n');
  const head = [`Plan ${summary.plan}, finish: ${summary.finish}`, statesLine(summary)];
  const foot = [
    `sent: ${moved.objects} objects, ${formatBytes(moved.bytes)} in ${formatDuration(seconds * 1000)}`,
    `digest: ${summary.digest}`,
  ];
  const { unresolved } = summary;
  // Two blank lines, the table's head and its sum, the row of the prompt; and, where there are any, the objects' head and a blank line.
  const room = rows - head.length - foot.length - 5 - (unresolved.length > 0 ? 2 : 0);
  const forObjects = Math.min(
    unresolved.length,
    Math.max(FEWEST_OBJECTS, room - Math.max(4, summary.partitions.length)),
  );
  const lines = [...head, '', ...partitionLines(summary, columns, Math.max(2, room - forObjects)), '', ...foot];
  if (unresolved.length > 0) lines.push('', ...objectLines(unresolved, forObjects));
  return lines.map((line) => cliTruncate(safeLine(line), columns)).join('\n');
}

function statesLine({ totals }: Summary): string {
  const states = Object.entries(totals.states).filter(([, n]) => n > 0);
  return states.length === 0 ? 'no objects' : states.map(([state, n]) => `${state} ${n}`).join(', ');
}

function partitionLines({ partitions, totals }: Summary, columns: number, room: number): string[] {
  const sorted = partitions.toSorted(
    (a, b) => needPerson(b) - needPerson(a) || b.bytes - a.bytes || b.objects - a.objects,
  );
  const shown = sorted.length <= room ? sorted : sorted.slice(0, room - 1);
  const rest = sorted.slice(shown.length);
  const name = NAME_AT_80 + Math.max(0, columns - 80);
  const row = (label: string, { objects, bytes, states }: Omit<Part, 'name'>): string[] => {
    const people = needPerson({ states });
    return [
      cliTruncate(label, name, { position: 'middle' }),
      String(objects),
      formatBytes(bytes),
      String(people),
      String(states.planned),
    ];
  };
  const rows = shown.map((part) => row(part.name, part));
  if (rest.length > 0) rows.push(row(`and ${rest.length} more`, sumOf(rest)));
  rows.push(row('all', totals));
  return table(['partition', 'objects', 'bytes', 'need a person', 'not begun'], rows).split('\n');
}

function needPerson({ states }: Pick<Part, 'states'>): number {
  return (Object.keys(states) as State[]).reduce((sum, state) => sum + (isUnresolved(state) ? states[state] : 0), 0);
}

function sumOf(parts: readonly Part[]): Omit<Part, 'name'> {
  const states = Object.fromEntries(
    Object.keys(parts[0]?.states ?? {}).map((state) => [
      state,
      parts.reduce((sum, part) => sum + part.states[state as State], 0),
    ]),
  ) as Part['states'];
  const sum = (of: (part: Part) => number): number => parts.reduce((total, part) => total + of(part), 0);
  return { objects: sum(({ objects }) => objects), bytes: sum(({ bytes }) => bytes), states };
}

function objectLines(unresolved: readonly UnresolvedObject[], room: number): string[] {
  const more = unresolved.length > room;
  const shown = unresolved.slice(0, more ? room - 1 : room);
  const lines = [`${unresolved.length} objects need a person; nothing of them was lost:`];
  for (const { state, partition, key, reason } of shown)
    lines.push(`  ${state}  ${partition}  ${JSON.stringify(key)}: ${reason}`);
  if (more) lines.push(`  and ${unresolved.length - shown.length} more; --json lists all`);
  return lines;
}
