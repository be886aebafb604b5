import {
  CancellationScope,
  ChildWorkflowCancellationType,
  type ChildWorkflowHandle,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Counts, Order, Partition, PartitionInput, RunInput, ShardInput, ShardOutput, Told } from './messages.ts';

/*
 * Replayed by the server's history, so that nothing here may look at a clock, at chance or at the world. All rules are elsewhere: a workflow
 * only says which shard is to be worked on next. Losing all of it would lose no state, which is in the control store.
 */

const orderSignal = defineSignal<[Order]>('order');
const statusQuery = defineQuery<Told>('status');

const NO_COUNTS: Counts = { done: 0, states: {}, objects: 0, bytes: 0, faults: [], failed: 0 };

/** Shards after which a partition's workflow begins a new history: some thousand events. */
const SHARDS_A_HISTORY = 400;

/** A shard that failed is tried once more when others had their turn, and left then. */
const TRIES = 2;

/** Faults that are told one by one. */
const MOST_FAULTS = 5;

const AGAIN_MS = 2_000;

/** As the home has it. */
const TASK_MS = 3_000;

/** One run of a plan: a child for each partition, as many at once as have room for a shard. */
export async function ferryRun(input: RunInput): Promise<Counts> {
  const children = new Set<ChildWorkflowHandle<typeof ferryPartition>>();
  const at = { paused: false, stopped: false };
  let counts = NO_COUNTS;
  setHandler(statusQuery, () => ({ ...at, counts, underWay: [] }));
  setHandler(orderSignal, async (order) => {
    if (order === 'stop') at.stopped = true;
    else at.paused = order === 'pause';
    await Promise.all([...children].map((child) => child.signal(orderSignal, order).catch(() => undefined)));
  });
  let room = input.shardsAtOnce;
  const running: Promise<void>[] = [];
  for (const partition of input.partitions) {
    await condition(() => room > 0);
    if (at.stopped) break;
    const width = Math.min(room, partition.last - partition.first + 1);
    room -= width;
    const child = await startChild(ferryPartition, {
      workflowId: `${workflowInfo().workflowId}/${partition.name}`,
      args: [partitionInput(input, partition, width, at.paused)],
      workflowTaskTimeout: TASK_MS,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    });
    children.add(child);
    // An order that came while it was started.
    if (at.stopped) await child.signal(orderSignal, 'stop');
    else if (at.paused) await child.signal(orderSignal, 'pause');
    running.push(
      child.result().then((result) => {
        counts = sum(counts, result);
        children.delete(child);
        room += width;
      }),
    );
  }
  await Promise.all(running);
  return counts;
}

function partitionInput(
  { place, ttlMs }: RunInput,
  { first, last }: Partition,
  shardsAtOnce: number,
  paused: boolean,
): PartitionInput {
  return { place, last, next: first, left: [], shardsAtOnce, ttlMs, sofar: NO_COUNTS, paused, stopped: false };
}

/** The shards of one partition, some at once. */
export async function ferryPartition(input: PartitionInput): Promise<Counts> {
  const { place, last, shardsAtOnce, ttlMs } = input;
  const { workOnShard } = proxyActivities<{ workOnShard(shard: ShardInput): Promise<ShardOutput> }>({
    startToCloseTimeout: '365 days',
    heartbeatTimeout: ttlMs,
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    // A worker that died, or that may not have the work, throws; all else is a result.
    retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '10 seconds' },
  });
  let { next, paused, stopped, sofar: counts } = input;
  const left = [...input.left];
  const tries = new Map<number, number>();
  const underWay = new Map<number, CancellationScope>();
  let begun = 0;
  setHandler(statusQuery, () => ({ paused, stopped, counts, underWay: [...underWay.keys()] }));
  setHandler(orderSignal, (order) => {
    if (order === 'stop') stopped = true;
    else paused = order === 'pause';
    if (stopped || paused) for (const scope of underWay.values()) scope.cancel();
  });

  const work = async (shard: number): Promise<void> => {
    const scope = new CancellationScope();
    underWay.set(shard, scope);
    try {
      const output = await scope.run(() => workOnShard({ place, shard }));
      await ended(shard, output);
    } catch (error) {
      if (!isCancellation(error)) throw error;
      left.push(shard);
    } finally {
      underWay.delete(shard);
    }
  };
  const ended = async (shard: number, output: ShardOutput): Promise<void> => {
    const { objects, bytes } = counts;
    counts = { ...counts, objects: objects + output.moved.objects, bytes: bytes + output.moved.bytes };
    if (output.ended === 'done') {
      counts = { ...counts, done: counts.done + 1, states: added(counts.states, output.states ?? {}) };
      return;
    }
    if (output.ended === 'failed') {
      const tried = (tries.get(shard) ?? 0) + 1;
      tries.set(shard, tried);
      if (tried >= TRIES) {
        const fault = { shard, error: output.error ?? {} };
        const faults = counts.faults.length < MOST_FAULTS ? [...counts.faults, fault] : counts.faults;
        counts = { ...counts, failed: counts.failed + 1, faults };
        return;
      }
      await sleep(AGAIN_MS);
    }
    left.push(shard);
  };

  const running = new Set<Promise<void>>();
  let fault: unknown;
  for (;;) {
    await condition(
      () =>
        fault !== undefined || stopped || (!paused && running.size < shardsAtOnce) || (paused && running.size === 0),
    );
    if (fault !== undefined || stopped) break;
    if (paused) {
      await condition(() => !paused || stopped);
      continue;
    }
    const full = begun >= SHARDS_A_HISTORY || workflowInfo().continueAsNewSuggested;
    const shard = full ? undefined : (left.shift() ?? (next <= last ? next++ : undefined));
    if (shard === undefined) {
      if (running.size === 0) break;
      // What is under way may be left over.
      await Promise.race(running);
      continue;
    }
    begun += 1;
    const one: Promise<void> = work(shard)
      .catch((error: unknown) => {
        fault ??= error;
      })
      .finally(() => {
        running.delete(one);
      });
    running.add(one);
  }
  await Promise.all(running);
  if (fault !== undefined) throw fault;
  if (stopped || (left.length === 0 && next > last)) return counts;
  return await continueAsNew<typeof ferryPartition>({ ...input, next, left, sofar: counts, paused, stopped });
}

function added(one: Counts['states'], other: Counts['states']): Counts['states'] {
  const sums: Record<string, number> = { ...one };
  for (const [state, objects] of Object.entries(other)) sums[state] = (sums[state] ?? 0) + objects;
  return sums;
}

function sum(one: Counts, other: Counts): Counts {
  return {
    done: one.done + other.done,
    states: added(one.states, other.states),
    objects: one.objects + other.objects,
    bytes: one.bytes + other.bytes,
    faults: [...one.faults, ...other.faults].slice(0, MOST_FAULTS),
    failed: one.failed + other.failed,
  };
}
