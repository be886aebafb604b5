import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** How a ferry that ran in a process of its own ended. */
export interface Ran {
  /** `null` when it was killed at work. */
  readonly code: number | null;
  /** Of `--json`; `undefined` where there is none. */
  readonly document: unknown;
  /** The end of what it said. */
  readonly said: string;
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Kill it so many milliseconds after it began its work. */
  readonly killAfterMs?: number;
}

const FERRY = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));
const SAID = 16_384;

/** What is rehearsed must not get into the operator's own logs and state directories. An empty value counts as none. */
const NO_SETTINGS = { FERRY_CONFIG: '', FERRY_LOG_FILE: '', FERRY_STATE_PARENT: '', FERRY_MAX_CONCURRENCY: '' };

/** Runs one command of this very ferry with `--json`. @throws what the signal says when it is aborted; the process is killed then. */
export async function runFerry(args: readonly string[], { env, signal, killAfterMs }: RunOptions): Promise<Ran> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [FERRY, ...args, '--json', '--log-level', 'info'], {
    env: { ...process.env, ...env, ...NO_SETTINGS },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): boolean => child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  const over = new AbortController();
  let [said, written] = ['', ''];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID);
    if (killAfterMs !== undefined && text.includes('"started"')) void killLater(child, killAfterMs, over.signal);
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text;
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal.throwIfAborted();
    return { code, document: parsed(written), said };
  } finally {
    over.abort();
    signal.removeEventListener('abort', kill);
  }
}

async function killLater(child: ChildProcess, ms: number, over: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: over }).catch(() => undefined);
  if (!over.aborted) child.kill('SIGKILL');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
