import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** A server in a process of its own, which ends with the one that started it, however that ends. */
export interface ServerProcess {
  /** Of the server itself. */
  readonly pid: number;
  /** By SIGKILL. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;

/** Ends the server as soon as nobody holds the other end of its standard input: also when the tests are killed. */
const GUARD = 'exec 3<&0; (cat <&3 >/dev/null; kill -9 $$) 2>/dev/null & exec "$@" </dev/null 3<&-';

/**
 * Starts a program and waits until it answers.
 *
 * @param url answers with success once the server is up.
 * @returns the server, or what it said before it ended: its port may have been taken by then.
 */
export async function startProcess(
  program: readonly string[],
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess | string> {
  const child = spawn('sh', ['-c', GUARD, 'sh', ...program], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  const listen = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  child.stdin.on('error', () => undefined);
  const over = new AbortController();
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      said += error.message;
      resolve();
    });
    child.once('exit', () => resolve());
  }).then(() => over.abort());
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  if (await isReady(url, over.signal)) return { pid: child.pid ?? 0, stop };
  await stop();
  return said;
}

async function isReady(url: string, over: AbortSignal): Promise<boolean> {
  const until = Date.now() + READY_WITHIN_MS;
  while (!over.aborted && Date.now() < until) {
    const ready = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return !over.aborted;
    await delay(25);
  }
  return false;
}
