import { abortUploads } from '../../migration/cleanup.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { openPlan, withSession } from '../session.ts';

/** `ferry cleanup PLAN`: drops what stopped runs left at the stores: unfinished uploads and scratch. Nothing that is an object. */
export async function cleanup(file: string, options: GlobalOptions, io: Io): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  return await withSession<Verdict>('cleanup', opened, io, async ({ plan, context, ledger, runId }) => {
    // Scratch of dead writers has been swept when the stores were opened.
    const uploads = await abortUploads(context, ledger, []);
    ledger.runs.end(runId, 'done', { objects: 0, bytes: 0 });
    io.document({ plan: plan.name, uploads });
    io.print(`aborted ${uploads} unfinished uploads`);
    return 'done';
  });
}
