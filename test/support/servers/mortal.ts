import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/rehearsal/minio.ts';
import { findMinio } from '../../../src/rehearsal/minio-binary.ts';
import { type OwnServer, type S3Server, startServer } from './server.ts';
import { newKeys, type RootKeys, versitygwOver } from './versitygw.ts';

export const PROGRAMS = ['MinIO', 'versitygw'] as const;

export type Program = (typeof PROGRAMS)[number];

/** A server over a folder of its own that can be killed and comes back at the same address, with what it had on its disk. */
export interface MortalServer extends S3Server {
  /** By SIGKILL. */
  kill(): Promise<void>;
  /** @param keys other ones for its owner: those that were good are none any more. */
  revive(keys?: RootKeys): Promise<void>;
  /** Has it up again, whatever was done to it before. */
  up(): Promise<void>;
  /** Stops its process with SIGSTOP: connections come about, and nobody answers. */
  freeze(): void;
  thaw(): void;
  /** Ends it for good; its folder goes away. */
  stop(): Promise<void>;
}

export async function startMortal(name: Program): Promise<MortalServer> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-mortal-'));
  const port = await freePort();
  let keys = newKeys();
  const start = async (): Promise<OwnServer> =>
    name === 'MinIO' ? await minioOver(dir, keys, port) : await versitygwOver(dir, keys, port);
  let server: OwnServer | undefined = await start();
  const { endpoint } = server;
  const signal = (what: NodeJS.Signals): void => {
    if (server !== undefined) process.kill(server.pid, what);
  };
  const kill = async (): Promise<void> => {
    await server?.stop();
    server = undefined;
  };
  const revive = async (others?: RootKeys): Promise<void> => {
    await kill();
    keys = others ?? keys;
    server = await start();
  };
  return {
    name,
    endpoint,
    get accessKey() {
      return keys.accessKey;
    },
    get secretKey() {
      return keys.secretKey;
    },
    kill,
    revive,
    up: async () => {
      signal('SIGCONT');
      if (server === undefined) await revive();
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    stop: async () => {
      signal('SIGCONT');
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function minioOver(dir: string, keys: RootKeys, port: number): Promise<OwnServer> {
  const { file, args } = await findMinio(() => undefined);
  const console = await freePort();
  return await startServer(
    { name: 'MinIO', ...keys },
    '/minio/health/ready',
    (at) => [
      ...[file, ...args, 'server', '--quiet', '--address', `127.0.0.1:${at}`],
      ...['--console-address', `127.0.0.1:${console}`, join(dir, 'data')],
    ],
    { MINIO_ROOT_USER: keys.accessKey, MINIO_ROOT_PASSWORD: keys.secretKey, MINIO_BROWSER: 'off' },
    port,
  );
}
