import { FerryError } from '../../base/errors.ts';
import { TemporalClient } from '../../engine/temporal/client.ts';
import type { Order } from '../../engine/temporal/messages.ts';
import { type Away, readAway } from '../../ledger/away.ts';
import type { GlobalOptions, Io, Verdict } from '../io.ts';
import { openPlan, withRecord } from '../session.ts';
import { type TemporalOptions, temporalServer } from '../temporal-options.ts';

const SAID = {
  pause: 'workers save what they have and wait; `ferry resume` lets them go on',
  resume: 'workers go on',
  stop: 'workers save what they have',
} as const satisfies Record<Order, string>;

/** `ferry pause PLAN` and `ferry resume PLAN`: tells the workers of a run with `--engine temporal`. */
export async function orderCommand(
  order: 'pause' | 'resume',
  file: string,
  options: GlobalOptions & TemporalOptions,
  io: Io,
): Promise<Verdict> {
  const opened = await openPlan(file, options, io);
  const away = readAway(opened.stateDir);
  if (away?.state !== 'out') throw nothingAway(order, opened.stateDir);
  return await withRecord(order, opened, io, async (): Promise<Verdict> => {
    await using client = await clientOf(away, options, io);
    if (!(await client.order(away.workflow, order))) throw nothingAway(order, opened.stateDir);
    io.document({ plan: opened.plan.name, workflow: away.workflow, order });
    io.print(SAID[order]);
    return 'done';
  });
}

/** Connects to the server that the workers of a run are asked by, unless another address is named. */
export async function clientOf(away: Away, options: TemporalOptions, io: Io): Promise<TemporalClient> {
  const { address, namespace, taskQueue } = away;
  return await TemporalClient.connect(temporalServer({ address, namespace, taskQueue, ...options }, io));
}

function nothingAway(order: Order, stateDir: string): FerryError {
  return new FerryError({
    fault: 'usage',
    op: `${order} workers`,
    subject: stateDir,
    why: 'no workers have objects of this plan',
    hint: 'a run in one process is stopped by Ctrl-C, and goes on with `ferry run`',
  });
}
