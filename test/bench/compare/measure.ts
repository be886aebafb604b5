import { spawnSync } from 'node:child_process';

/** What one process and all its children took. */
export interface Measured {
  readonly code: number;
  /** Seconds. */
  readonly wall: number;
  /** Seconds of user and system time. */
  readonly cpu: number;
  /** The largest of its processes, in MiB. */
  readonly peak: number;
  readonly stderr: string;
}

export interface Call {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** `wait4` tells what the kernel counted; Node has no way to ask for that of a child. */
const WAIT = `
import json, os, subprocess, sys, time
began = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
print(json.dumps({
  'code': os.waitstatus_to_exitcode(status), 'wall': time.monotonic() - began,
  'cpu': used.ru_utime + used.ru_stime, 'peak': used.ru_maxrss / 1024,
}))
`;

/** Runs a command to its end. @throws Error where python3 is not there. */
export function measure({ argv, env = {} }: Call): Measured {
  const ended = spawnSync('python3', ['-c', WAIT, ...argv], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 ** 2,
  });
  if (ended.status !== 0) throw new Error(`python3 could not run ${argv[0]}: ${ended.error?.message ?? ended.stderr}`);
  return { ...(JSON.parse(ended.stdout) as Omit<Measured, 'stderr'>), stderr: ended.stderr };
}

/** Commands one after the other, as one. */
export function measureAll(calls: readonly Call[]): Measured {
  const all = calls.map(measure);
  const sum = (of: (one: Measured) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    code: all.find(({ code }) => code !== 0)?.code ?? 0,
    wall: sum(({ wall }) => wall),
    cpu: sum(({ cpu }) => cpu),
    peak: Math.max(...all.map(({ peak }) => peak)),
    stderr: all.map(({ stderr }) => stderr).join(''),
  };
}
