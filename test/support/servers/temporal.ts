import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { freePort } from '../../../src/rehearsal/minio.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { findTemporal } from './programs.ts';

const NAMESPACE = 'ferry-test';

/** A Temporal server on a database of its own, which outlives its restarts. */
export interface TemporalServer {
  readonly address: string;
  readonly namespace: string;
  /** SIGKILL, and up again at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startTemporal(): Promise<TemporalServer> {
  const program = await findTemporal();
  const dir = await mkdtemp(join(tmpdir(), 'ferry-temporal-'));
  const [frontend, http] = [await freePort(), await freePort()];
  await mkdir(join(dir, 'config'));
  const ports = { frontend, http, others: await Promise.all(Array.from({ length: 7 }, freePort)) };
  await writeFile(join(dir, 'config', 'ferry.yaml'), JSON.stringify(configuration(join(dir, 'temporal.db'), ports)));
  const start = async (): Promise<ServerProcess> => {
    const file = join(dir, 'config', 'ferry.yaml');
    const command = [program, '--config-file', file, '--allow-no-auth', 'start'];
    const started = await startProcess(command, `http://127.0.0.1:${http}/api/v1/system-info`);
    if (typeof started === 'string') throw new Error(`the Temporal server does not come up: ${started}`);
    return started;
  };
  let server = await start();
  const address = `127.0.0.1:${frontend}`;
  await register(address);
  return {
    address,
    namespace: NAMESPACE,
    restart: async () => {
      await server.stop();
      server = await start();
    },
    stop: async () => {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Waits until the namespace can be used: the server's parts hear of it one after the other. */
async function register(address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  const { workflowService } = connection;
  try {
    await workflowService.registerNamespace({
      namespace: NAMESPACE,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    for (let tries = 0; tries < 200; tries += 1) {
      const request = { namespace: NAMESPACE, pageSize: 1 };
      const known = await workflowService.listOpenWorkflowExecutions({ ...request, maximumPageSize: 1 }).then(
        () => true,
        () => false,
      );
      if (known) return;
      await delay(100);
    }
    throw new Error('the namespace does not come up');
  } finally {
    await connection.close();
  }
}

interface Ports {
  readonly frontend: number;
  readonly http: number;
  readonly others: readonly number[];
}

/** After `config/development-sqlite-file.yaml` of the server's own repository. */
function configuration(file: string, { frontend, http, others: [a, b, c, d, e, f, g] }: Ports) {
  const store = {
    sql: {
      pluginName: 'sqlite',
      databaseName: file,
      connectAddr: 'localhost',
      connectProtocol: 'tcp',
      connectAttributes: { cache: 'private', setup: true, journal_mode: 'wal', synchronous: '1' },
      maxConns: 1,
      maxIdleConns: 1,
      maxConnLifetime: '1h',
    },
  };
  const service = (grpcPort: number | undefined, membershipPort: number | undefined, more: object = {}) => ({
    rpc: { grpcPort, membershipPort, bindOnLocalHost: true, ...more },
  });
  return {
    log: { stdout: true, level: 'error' },
    persistence: {
      defaultStore: 'default',
      visibilityStore: 'visibility',
      numHistoryShards: 1,
      datastores: { default: store, visibility: store },
    },
    global: { membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' } },
    services: {
      frontend: service(frontend, a, { httpPort: http }),
      matching: service(b, c),
      history: service(d, e),
      worker: service(f, g),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `localhost:${frontend}`,
          httpAddress: `localhost:${http}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
  };
}
