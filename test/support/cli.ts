import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FERRY = fileURLToPath(new URL('../../bin/ferry.js', import.meta.url));

const TERMINAL = fileURLToPath(new URL('on-terminal.py', import.meta.url));

export interface Ended {
  /** `null` when it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the real program in a process of its own. */
export function startFerry(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  return start(process.execPath, [FERRY, ...args], env);
}

/** Runs the real program on a terminal of its own, and types a line when it asks. What it says is all in `stdout`. */
export async function onTerminal(answer: string, args: readonly string[]): Promise<Ended> {
  return await start('python3', [TERMINAL, answer, process.execPath, FERRY, ...args], {}).ended;
}

function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Started {
  const child = spawn(program, args, {
    env: { ...process.env, CI: 'true', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  // A chunk may end in the middle of a character.
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

export async function ferry(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return await startFerry(args, env).ended;
}

/** The one document of a command that was called with `--json`. */
export function documentOf<T = Record<string, unknown>>({ stdout, stderr }: Ended): T {
  try {
    return JSON.parse(stdout) as T;
  } catch {
    throw new Error(`standard output is not one JSON document: ${stdout}\n${stderr}`);
  }
}
