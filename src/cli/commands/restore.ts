import { steadyClock } from '../../base/clock.ts';
import { FerryError } from '../../base/errors.ts';
import { undoTombstones } from '../../engine/undo.ts';
import { summarise } from '../../migration/summary.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { logListener } from '../log-listener.ts';
import { openPlan, retryPolicy, withSession } from '../session.ts';
import { renderSummary, verdictOf } from '../summary-text.ts';

export interface RestoreOptions extends GlobalOptions {
  readonly partition?: readonly string[];
  readonly key?: readonly string[];
}

/** `ferry restore PLAN`: undoes tombstones within their hold. */
export async function restoreCommand(file: string, options: RestoreOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const { plan } = opened;
  const partitions = new Set(options.partition);
  const keys = new Set(options.key);
  const started = steadyClock.now();
  return await withSession('restore', opened, io, async ({ context, ledger, runId }) => {
    let outcome = 'fault';
    const moved = { objects: 0, bytes: 0 };
    try {
      const undone = await undoTombstones({
        context,
        ledger,
        chosen: (row) =>
          (partitions.size === 0 || partitions.has(row.partition)) && (keys.size === 0 || keys.has(row.key)),
        retry: retryPolicy(io),
        listener: logListener(io.log),
        stop: io.stop,
      });
      Object.assign(moved, undone.moved);
      if (keys.size > 0 && moved.objects + undone.left.length === 0) {
        throw noSuch(`--key ${[...keys].join(', ')}`, 'no tombstone of this plan has that key');
      }
      outcome = 'done';
      const seconds = (steadyClock.now() - started) / 1000;
      const summary = summarise(plan, ledger);
      io.document({ ...summary, transferred: moved, seconds, left: undone.left });
      io.print(renderSummary(summary, moved, seconds));
      for (const { partition, key, reason } of undone.left)
        io.print(`  not restored: ${partition}  ${JSON.stringify(key)}: ${reason}`);
      if (verdictOf(summary) === 'integrity') return 'integrity';
      return undone.left.length > 0 ? 'unresolved' : 'done';
    } finally {
      ledger.runs.end(runId, outcome, moved);
    }
  });
}

function noSuch(subject: string, why: string): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'choose what to restore',
    subject,
    why,
    hint: '`ferry status` shows the partitions; keys are given as they are in the store, without its prefix',
  });
}
