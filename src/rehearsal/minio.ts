import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type IncomingMessage, get as overHttp } from 'node:http';
import { get as overHttps } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FerryError } from '../base/errors.ts';
import { findMinio } from './minio-binary.ts';

export interface MinioOptions {
  /** Where it keeps its data; a temporary folder, removed at the end, where left out. */
  readonly dir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A folder with `public.crt` and `private.key`: the server then speaks https only. The certificate has to cover 127.0.0.1. */
  readonly certsDir?: string;
  /** Of a server that is started again on its data: where it was, and who may use it. */
  readonly again?: Pick<MinioServer, 'endpoint' | 'accessKey' | 'secretKey'>;
  readonly tell?: (text: string) => void;
}

/** A throw-away MinIO server on a free port of the loopback. */
export interface MinioServer {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly dir: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Two servers may reach for one free port at once; the second then tries another. */
const TRIES = 5;
const READY_WITHIN_MS = 60_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a server and waits until it answers. @throws FerryError where none is to be had or it does not come up. */
export async function startMinio(options: MinioOptions = {}): Promise<MinioServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'ferry-minio-')));
  const tell = options.tell ?? (() => undefined);
  let said = '';
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const started = await tryStart(dir, options, tell);
    if (typeof started !== 'string') {
      if (options.dir !== undefined) return started;
      return {
        ...started,
        stop: async () => {
          await started.stop();
          await rm(dir, { recursive: true, force: true });
        },
      };
    }
    said = started;
  }
  throw new FerryError({
    fault: 'usage',
    op: 'start a MinIO server',
    subject: 'minio',
    why: `it does not come up: ${said.trim().split('\n').slice(-3).join(' ')}`,
    hint: 'start it by hand to see why, or name another program in FERRY_MINIO',
  });
}

/** The server, or what it said before it ended. */
async function tryStart(
  dir: string,
  { env = {}, certsDir, again }: MinioOptions,
  tell: (text: string) => void,
): Promise<MinioServer | string> {
  const program = await findMinio(tell);
  const port = again === undefined ? await freePort() : Number(new URL(again.endpoint).port);
  const consolePort = await freePort();
  const accessKey = again?.accessKey ?? `ferry${randomBytes(6).toString('hex')}`;
  const secretKey = again?.secretKey ?? randomBytes(20).toString('hex');
  const address = `127.0.0.1:${port}`;
  const args = [
    ...program.args,
    'server',
    '--quiet',
    '--address',
    address,
    '--console-address',
    `127.0.0.1:${consolePort}`,
    ...(certsDir === undefined ? [] : ['--certs-dir', certsDir]),
    dir,
  ];
  const child = spawn(program.file, args, {
    env: { ...process.env, MINIO_ROOT_USER: accessKey, MINIO_ROOT_PASSWORD: secretKey, MINIO_BROWSER: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const listen = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      said += error.message;
      resolve();
    });
  }).finally(() => running.delete(child));
  const endpoint = `${certsDir === undefined ? 'http' : 'https'}://${address}`;
  const ca = certsDir === undefined ? undefined : await readFile(join(certsDir, 'public.crt'), 'utf8');
  if (!(await isReady(endpoint, ca, ended))) {
    child.kill('SIGKILL');
    return said;
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return { endpoint, accessKey, secretKey, dir, pid: child.pid ?? 0, stop };
}

async function isReady(endpoint: string, ca: string | undefined, ended: Promise<void>): Promise<boolean> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const until = Date.now() + READY_WITHIN_MS;
  while (!over && Date.now() < until) {
    if (await isOk(`${endpoint}/minio/health/ready`, ca)) return !over;
    await delay(50);
  }
  return false;
}

function isOk(url: string, ca: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const answered = (answer: IncomingMessage): void => {
      answer.resume();
      resolve(answer.statusCode === 200);
    };
    const asked = ca === undefined ? overHttp(url, answered) : overHttps(url, { ca }, answered);
    asked.once('error', () => resolve(false));
  });
}

/** A port of the loopback that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
