import { FerryError, messageOf } from '../../base/errors.ts';
import type { ShardWorker } from './activities.ts';
import { connectionOptions, serverOutOfReach, type TemporalServer } from './connection.ts';
import type { ShardInput, ShardOutput } from './messages.ts';
import { loadPeer } from './peers.ts';
import { workflowBundle } from './workflow-bundle.ts';

export interface ServeWork {
  readonly server: TemporalServer;
  readonly shards: ShardWorker;
  /** Shards that this worker works on at once. */
  readonly atOnce: number;
  /** Aborted: no new work; what is under way is saved and given up. */
  readonly stop: AbortSignal;
  readonly ready: () => void;
  readonly log: (level: string, message: string) => void;
}

/** Serves a task queue until it is stopped. @throws FerryError `unreachable` where the server cannot be reached at the start. */
export async function serve({ server, shards, atOnce, stop, ready, log }: ServeWork): Promise<void> {
  const { Worker, NativeConnection, Runtime, DefaultLogger, bundleWorkflowCode } = await loadPeer(
    () => import('@temporalio/worker'),
  );
  const { Context, ApplicationFailure } = await loadPeer(() => import('@temporalio/activity'));
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message }) => log(level, message)),
    // Signals are listened for by the program.
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  const connection = await NativeConnection.connect(connectionOptions(server)).catch((error: unknown) => {
    throw serverOutOfReach(server, error);
  });
  try {
    const worker = await Worker.create({
      connection,
      namespace: server.namespace,
      taskQueue: server.taskQueue,
      workflowBundle: await workflowBundle(bundleWorkflowCode),
      activities: {
        workOnShard: async (input: ShardInput): Promise<ShardOutput> => {
          const context = Context.current();
          const asked = {
            cancelled: context.cancellationSignal,
            heartbeat: (position: unknown) => context.heartbeat(position),
          };
          try {
            return await shards.workOnShard(input, asked);
          } catch (error) {
            log('WARN', `shard ${input.shard}: ${messageOf(error)}`);
            // Another worker may have it, or this one when what is wrong was mended.
            const type = error instanceof FerryError ? error.fault : 'fault';
            throw ApplicationFailure.create({ message: messageOf(error), type, nonRetryable: false });
          }
        },
      },
      maxConcurrentActivityTaskExecutions: atOnce,
      // Workflows hear little, and a worker that was killed would be waited for by those that it remembers.
      maxCachedWorkflows: 0,
      // Shards are told to stop by the program itself. Where the server does not answer any more, the worker goes all the same.
      shutdownGraceTime: '1 minute',
      shutdownForceTime: '2 minutes',
      maxHeartbeatThrottleInterval: 1_000,
      defaultHeartbeatThrottleInterval: 1_000,
    });
    const end = (): void => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    stop.addEventListener('abort', end, { once: true });
    ready();
    const running = worker.run();
    if (stop.aborted) end();
    await running;
  } finally {
    await connection.close();
  }
}
