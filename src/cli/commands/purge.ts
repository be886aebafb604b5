import { createInterface } from 'node:readline/promises';
import { steadyClock } from '../../base/clock.ts';
import { FerryError } from '../../base/errors.ts';
import { type Due, dueOf, type Purged, purgeTombstones } from '../../engine/purge.ts';
import { summarise } from '../../migration/summary.ts';
import { openRouter } from '../../plan/router.ts';
import type { Plan } from '../../plan/types.ts';
import { formatBytes } from '../../plan/units.ts';
import { type ApprovalOptions, needsApproval, readAuthority } from '../approvals.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { logListener } from '../log-listener.ts';
import { openPlan, retryPolicy, withSession } from '../session.ts';
import { renderSummary, verdictOf } from '../summary-text.ts';

export interface PurgeOptions extends GlobalOptions, ApprovalOptions {
  readonly partition?: readonly string[];
}

/** `ferry purge PLAN`: removes for good what tombstones past their hold still hide. */
export async function purgeCommand(file: string, options: PurgeOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const { plan } = opened;
  const partitions = new Set(options.partition);
  if (options.yes !== true && !canAsk()) {
    const why = 'it cannot be undone, and there is no terminal to ask at';
    throw refusal('usage', `plan ${plan.name}`, why, 'say --yes if that is meant');
  }
  const openAuthority = readAuthority(plan, options, needsApproval(plan, 'purge'), io);
  const started = steadyClock.now();
  return await withSession('purge', opened, io, async ({ context, ledger, runId }) => {
    let outcome = 'fault';
    const router = await openRouter(plan);
    const chosen = (row: { readonly partition: string }): boolean =>
      partitions.size === 0 || partitions.has(row.partition);
    try {
      const authority = openAuthority(ledger);
      const due = dueOf({ context, ledger, chosen });
      if (options.yes !== true && due.objects > 0) await ask(plan, due);
      authority?.record();
      const purged = await purgeTombstones({
        context,
        ledger,
        router,
        authority,
        chosen,
        retry: retryPolicy(io),
        listener: logListener(io.log),
        stop: io.stop,
      });
      outcome = 'done';
      return tell(plan, { due, purged, seconds: (steadyClock.now() - started) / 1000 }, summarise(plan, ledger), io);
    } finally {
      router.close();
      ledger.runs.end(runId, outcome, { objects: 0, bytes: 0 });
    }
  });
}

function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** @throws FerryError `refused` when the answer is not the plan's name. */
async function ask(plan: Plan, due: Due): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = `${due.objects} objects (${formatBytes(due.bytes)}) are removed from their sources for good. Type the plan's name to go on: `;
    if ((await lines.question(question)).trim() === plan.name) return;
  } finally {
    lines.close();
  }
  throw refusal('refused', `plan ${plan.name}`, 'the answer was not its name', 'nothing was purged');
}

function tell(
  plan: Plan,
  done: { readonly due: Due; readonly purged: Purged; readonly seconds: number },
  summary: ReturnType<typeof summarise>,
  io: Io,
): Verdict {
  const { due, seconds } = done;
  const { left, ...purged } = done.purged;
  const notDue =
    due.firstDue === undefined
      ? { objects: due.notDue }
      : { objects: due.notDue, first: new Date(due.firstDue).toISOString() };
  io.document({ ...summary, purged, notDue, left, seconds });
  io.print(renderSummary(summary, { objects: 0, bytes: 0 }, seconds));
  io.print(
    `purged: ${purged.objects} objects (${purged.versions} hidden versions, ${purged.deleteMarkers} delete markers, ${purged.uploads} unfinished uploads)`,
  );
  if (notDue.first !== undefined) io.print(`within their hold: ${notDue.objects}, the first until ${notDue.first}`);
  if (purged.markersLeft > 0) io.print(markersLeft(plan, purged.markersLeft));
  for (const { partition, key, reason } of left) io.print(`  stays: ${partition}  ${JSON.stringify(key)}: ${reason}`);
  if (verdictOf(summary) === 'integrity') return 'integrity';
  return left.length > 0 ? 'unresolved' : 'done';
}

function markersLeft(plan: Plan, count: number): string {
  return (
    `markers left: ${count}; they hold no user data. The server binds no DELETE to what is deleted, so a write in that moment would be lost; ` +
    `once nobody writes to the sources of ${plan.name}, tombstone: { markers: remove } takes them away (docs/purge.md)`
  );
}

function refusal(fault: 'usage' | 'refused', subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault, op: 'purge', subject, why, hint });
}
