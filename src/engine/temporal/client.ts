import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Away } from '../../ledger/away.ts';
import { connectionOptions, serverOutOfReach, type TemporalServer } from './connection.ts';
import type { Counts, Order, Partition, Position, RunInput, Told } from './messages.ts';
import { loadPeer } from './peers.ts';

type Loaded = typeof import('@temporalio/client');

/** A workflow of a run, as it stands. */
export interface RunStatus {
  /** As Temporal names it: `RUNNING`, `COMPLETED`, `CANCELLED`, `TERMINATED`, `FAILED`. */
  readonly workflow: string;
  readonly paused: boolean;
  readonly shards: {
    readonly all: number;
    readonly done: number;
    readonly failed: number;
    /** Those that workers have, with what their last heartbeats told. */
    readonly underWay: readonly (Partial<Position> & { readonly worker: string; readonly attempt: number })[];
  };
  /** Objects by state of shards that are done, and of those under way as their heartbeats tell. */
  readonly states: Readonly<Record<string, number>>;
  /** What the last attempts at shards failed of. */
  readonly faults: readonly string[];
}

/** How long a worker that was asked what is next may be silent, in milliseconds, before another one is asked. */
const TASK_MS = 3_000;

/** How often the server is asked whether the work is done, where it does not answer by itself. */
const AGAIN_MS = 1_000;

/** The home's side of Temporal. */
export class TemporalClient implements AsyncDisposable {
  readonly #server: TemporalServer;
  readonly #loaded: Loaded;
  readonly #client: Client;

  private constructor(server: TemporalServer, loaded: Loaded, client: Client) {
    this.#server = server;
    this.#loaded = loaded;
    this.#client = client;
  }

  /** @throws FerryError `unreachable`. */
  static async connect(server: TemporalServer): Promise<TemporalClient> {
    const loaded = await loadPeer(() => import('@temporalio/client'));
    try {
      const connection = await loaded.Connection.connect({
        ...connectionOptions(server),
        connectTimeout: '10 seconds',
      });
      const client = new loaded.Client({ connection, namespace: server.namespace });
      return new TemporalClient(server, loaded, client);
    } catch (error) {
      throw serverOutOfReach(server, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.connection.close();
  }

  /** Starts the workflow of a round, or finds it: its id is the round's. */
  async start(workflow: string, input: RunInput): Promise<void> {
    const { WorkflowIdReusePolicy, WorkflowExecutionAlreadyStartedError } = this.#loaded;
    try {
      await this.#client.workflow.start('ferryRun', {
        workflowId: workflow,
        taskQueue: this.#server.taskQueue,
        args: [input],
        workflowTaskTimeout: TASK_MS,
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
      });
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      throw serverOutOfReach(this.#server, error);
    }
  }

  /**
   * Waits for the end of a workflow, however long the server is away meanwhile.
   *
   * @returns what came of it; `undefined` where it was cancelled, ended by somebody, or is not known to the server.
   */
  async ended(workflow: string, signal: AbortSignal): Promise<Counts | undefined> {
    const { WorkflowFailedError, WorkflowNotFoundError } = this.#loaded;
    for (;;) {
      signal.throwIfAborted();
      try {
        const handle = this.#client.workflow.getHandle(workflow);
        return (await unlessAborted(handle.result(), signal)) as Counts;
      } catch (error) {
        if (error instanceof WorkflowFailedError || error instanceof WorkflowNotFoundError) return undefined;
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** @returns false where no such workflow runs any more. @throws FerryError `unreachable`. */
  async order(workflow: string, order: Order): Promise<boolean> {
    try {
      await this.#client.workflow.getHandle(workflow).signal('order', order);
      return true;
    } catch (error) {
      if (error instanceof this.#loaded.WorkflowNotFoundError) return false;
      throw serverOutOfReach(this.#server, error);
    }
  }

  /** @throws FerryError `unreachable`. */
  async status(away: Away): Promise<RunStatus> {
    try {
      return await this.#status(away);
    } catch (error) {
      throw serverOutOfReach(this.#server, error);
    }
  }

  async #status({ workflow, partitions, shards }: Away): Promise<RunStatus> {
    const run = this.#client.workflow.getHandle(workflow);
    const { status } = await run.describe();
    const children = await Promise.all(partitions.map((partition) => this.#partition(workflow, partition)));
    const underWay = children.flatMap(({ pending }) => pending);
    const counts = children.map(({ counts }) => counts);
    const states: Record<string, number> = {};
    const told: readonly { readonly states?: Readonly<Record<string, number>> }[] = [...counts, ...underWay];
    for (const one of told)
      for (const [state, objects] of Object.entries(one.states ?? {})) states[state] = (states[state] ?? 0) + objects;
    return {
      workflow: status.name,
      paused: children.some(({ paused }) => paused),
      shards: {
        all: shards,
        done: counts.reduce((sum, { done }) => sum + done, 0),
        failed: counts.reduce((sum, { failed }) => sum + failed, 0),
        underWay,
      },
      states,
      faults: [...new Set(children.flatMap(({ faults }) => faults))],
    };
  }

  async #partition(workflow: string, { name }: Partition) {
    const nothing = { paused: false, counts: { done: 0, failed: 0, states: {} }, pending: [], faults: [] as string[] };
    const handle = this.#client.workflow.getHandle(`${workflow}/${name}`);
    try {
      const { raw } = await handle.describe();
      const told = (await toldBy(handle)) ?? { paused: false, counts: nothing.counts };
      const decode = this.#client.options.loadedDataConverter.payloadConverter;
      const pending = (raw.pendingActivities ?? []).map((activity) => {
        const [payload] = activity.heartbeatDetails?.payloads ?? [];
        const position: Partial<Position> = payload == null ? {} : decode.fromPayload<Position>(payload);
        return { ...position, worker: activity.lastWorkerIdentity ?? '', attempt: activity.attempt ?? 1 };
      });
      const faults = (raw.pendingActivities ?? []).flatMap(({ lastFailure }) => lastFailure?.message ?? []);
      return { paused: told.paused, counts: told.counts, pending, faults };
    } catch (error) {
      if (error instanceof this.#loaded.WorkflowNotFoundError) return nothing;
      throw error;
    }
  }
}

/** A workflow answers only while a worker is there. */
async function toldBy(handle: WorkflowHandle): Promise<Told | undefined> {
  try {
    return await handle.query<Told, []>('status');
  } catch {
    return undefined;
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', end);
    work.catch(() => undefined);
  }
}
