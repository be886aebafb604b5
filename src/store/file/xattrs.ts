import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { FerryError } from '../../base/errors.ts';
import { StoreError } from '../store.ts';
import { codeOf } from './errors.ts';
import type { At } from './view.ts';
import { formatDump, parseDump, type XattrValues } from './xattr-text.ts';

/** Files that one process looks at. Each costs it a descriptor. */
const MOST = 64;

/** Processes at once: while they run, the next batch gathers. */
const AT_ONCE = 2;

/** Standard input, output and error come first. */
const FIRST_FD = 3;

/** Others (`trusted.`, `security.`, `system.`) take privileges to write, and mean something to the machine alone. */
const OURS = /^user\./;

interface Job {
  readonly at: At;
  readonly fd: number;
  /** What to write; `undefined` to read. */
  readonly values: XattrValues | undefined;
  readonly done: (values: XattrValues | undefined) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Extended attributes of files (xattr(7)), by the programs `getfattr` and `setfattr`, since Node has no call for them. Files are handed
 * over open, so that a process works on the very file that its caller has, whatever its path leads to by now; many in one process.
 */
export class Xattrs {
  readonly #reads: Job[] = [];
  readonly #writes: Job[] = [];
  #running = 0;

  /** @throws FerryError `refused` where the programs are not there. */
  async check(store: string): Promise<void> {
    for (const program of ['getfattr', 'setfattr']) {
      const { code } = await run(program, ['--version'], [], '').catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EACCES') return { code: undefined };
        throw error;
      });
      if (code === 0 && process.platform === 'linux') continue;
      throw new FerryError({
        fault: 'refused',
        op: 'carry extended attributes',
        subject: store,
        why: `the plan says "xattrs: carry", and there is no program ${program} of Linux here`,
        hint: 'install the package attr (it has getfattr and setfattr), or say "xattrs: ignore"',
      });
    }
  }

  /** The `user.` attributes of an open file; `undefined` where it has none. Its state has to be compared before and after. */
  async read(at: At, fd: number): Promise<XattrValues | undefined> {
    return await this.#add(this.#reads, { at, fd, values: undefined });
  }

  /** Sets attributes of an open file. @throws StoreError `unsupported` where the file system cannot hold them. */
  async write(at: At, fd: number, values: XattrValues): Promise<void> {
    const odd = Object.keys(values).find((name) => !OURS.test(name) || name.includes('\0') || !name.isWellFormed());
    if (odd !== undefined) {
      const why = `the extended attribute ${JSON.stringify(odd)} is none that ferry sets: only those of "user." are`;
      throw new StoreError({ ...at, kind: 'unsupported', why });
    }
    await this.#add(this.#writes, { at, fd, values });
  }

  #add(jobs: Job[], asked: Pick<Job, 'at' | 'fd' | 'values'>): Promise<XattrValues | undefined> {
    return new Promise((done, failed) => {
      jobs.push({ ...asked, done, failed });
      this.#start();
    });
  }

  #start(): void {
    while (this.#running < AT_ONCE) {
      const jobs = this.#reads.length >= this.#writes.length ? this.#reads : this.#writes;
      if (jobs.length === 0) return;
      this.#running += 1;
      void settle(jobs.splice(0, MOST)).finally(() => {
        this.#running -= 1;
        this.#start();
      });
    }
  }
}

/** Brings jobs of one kind to their end; never throws. Where a batch fails, each is tried by itself: one must not fail another. */
async function settle(jobs: readonly Job[]): Promise<void> {
  try {
    const all = await work(jobs);
    for (const [n, job] of jobs.entries()) job.done(all[n]);
  } catch (error) {
    if (jobs.length === 1) jobs[0]?.failed(error);
    else for (const job of jobs) await settle([job]);
  }
}

async function work(jobs: readonly Job[]): Promise<readonly (XattrValues | undefined)[]> {
  const [first] = jobs;
  if (first === undefined) return [];
  const files = jobs.map((_, n) => `/proc/self/fd/${FIRST_FD + n}`);
  const fds = jobs.map(({ fd }) => fd);
  if (first.values !== undefined) {
    const dump = formatDump(new Map(files.map((file, n) => [file, jobs[n]?.values ?? {}])));
    const { code, error } = await run('setfattr', ['--restore=-'], fds, dump);
    if (code !== 0) throw refused(first.at, 'set', error, 'unsupported');
    return [];
  }
  const options = ['-d', '-m', '^user\\.', '-e', 'base64', '--absolute-names', '--'];
  const { code, output, error } = await run('getfattr', [...options, ...files], fds, '');
  // Such as an attribute that was removed between being listed and being read.
  if (code !== 0) throw refused(first.at, 'read', error, 'transient');
  const dump = parseDump(output);
  if (dump === undefined) throw refused(first.at, 'read', 'a name that is no valid UTF-8', 'unsupported');
  return files.map((file) => dump.get(file));
}

function refused(at: At, verb: string, error: string, kind: 'unsupported' | 'transient'): StoreError {
  const told = error.replace(/^\w+: |\/proc\/self\/fd\/\d+: /g, '').trim() || 'no reason was given';
  return new StoreError({ ...at, kind, why: `its extended attributes cannot be ${verb}: ${told}` });
}

interface Ended {
  readonly code: number | null;
  readonly output: Uint8Array;
  readonly error: string;
}

/** The environment is not handed on: it holds secrets, and these programs need none. */
async function run(program: string, args: readonly string[], fds: readonly number[], input: string): Promise<Ended> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe', ...fds],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
  });
  const chunks: { readonly output: Buffer[]; readonly error: Buffer[] } = { output: [], error: [] };
  child.stdout?.on('data', (chunk: Buffer) => chunks.output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.error.push(chunk));
  // A program that ends early closes its input; its exit code says more.
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: Buffer.concat(chunks.output), error: Buffer.concat(chunks.error).toString() };
}
