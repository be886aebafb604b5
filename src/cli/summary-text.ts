import type { State } from '../ledger/lifecycle.ts';
import { UNRESOLVED } from '../ledger/lifecycle.ts';
import type { Summary } from '../migration/summary.ts';
import { formatBytes, formatDuration } from '../plan/units.ts';
import type { Verdict } from './io.ts';
import { table } from './table.ts';

/** How many unresolved objects a terminal shows; `--json` lists all. */
const SHOWN = 20;

export function verdictOf(summary: Summary): Verdict {
  if (summary.integrityFailures > 0) return 'integrity';
  return UNRESOLVED.some((state) => summary.totals.states[state] > 0) ? 'unresolved' : 'done';
}

/** A summary for people, whole: for pipes and files. */
export function renderSummary(
  summary: Summary,
  transferred: { readonly objects: number; readonly bytes: number },
  seconds: number,
): string {
  const shown = (Object.keys(summary.totals.states) as State[]).filter((state) => summary.totals.states[state] > 0);
  const rows = [...summary.partitions, { name: 'all', ...summary.totals }].map((partition) => [
    partition.name,
    String(partition.objects),
    formatBytes(partition.bytes),
    ...shown.map((state) => String(partition.states[state])),
  ]);
  const lines = [
    `Plan ${summary.plan}, finish: ${summary.finish}`,
    '',
    table(['partition', 'objects', 'bytes', ...shown], rows),
    '',
    `sent: ${transferred.objects} objects, ${formatBytes(transferred.bytes)} in ${formatDuration(seconds * 1000)}`,
    `digest: ${summary.digest}`,
  ];
  if (summary.unresolved.length > 0) {
    lines.push('', `${summary.unresolved.length} objects need a person; nothing of them was lost:`);
    for (const { state, partition, key, reason } of summary.unresolved.slice(0, SHOWN)) {
      lines.push(`  ${state}  ${partition}  ${JSON.stringify(key)}: ${reason}`);
    }
    if (summary.unresolved.length > SHOWN)
      lines.push(`  … and ${summary.unresolved.length - SHOWN} more; --json lists all`);
  }
  return lines.join('\n');
}
