import { type FileHandle, open, readFile } from 'node:fs/promises';

/** One write, as its writer meant it and before it began. */
export interface Intended {
  /** Counts this writer's writes, from 1. */
  readonly n: number;
  readonly key: string;
  readonly how: string;
  readonly sha256: string;
  readonly note?: string;
}

/** How it ended, once its writer had its answer. */
export interface Ended {
  readonly n: number;
  readonly ok: boolean;
  readonly why?: string;
}

/** A writer's own log, NDJSON. A line is on the disk before `append` resolves; lines that wait together share a flush. */
export class WriteLog {
  readonly #file: FileHandle;
  #waiting = '';
  #flush: Promise<void> | undefined;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<WriteLog> {
    return new WriteLog(await open(path, 'a'));
  }

  async append(line: Intended | Ended): Promise<void> {
    this.#waiting += `${JSON.stringify(line)}\n`;
    // A flush that is under way began before this line.
    await this.#flush;
    this.#flush ??= this.#write();
    await this.#flush;
  }

  async close(): Promise<void> {
    await this.#flush;
    await this.#file.close();
  }

  async #write(): Promise<void> {
    const lines = this.#waiting;
    this.#waiting = '';
    try {
      await this.#file.appendFile(lines);
      await this.#file.datasync();
    } finally {
      this.#flush = undefined;
    }
  }
}

/** What may be under a key after all writes: the last one that was acknowledged, or one after it whose answer never came. */
export interface Expected {
  readonly acknowledged: Intended;
  readonly unanswered: readonly Intended[];
}

/** Reads a log whose writer never had two writes of one key under way at once: so a key's writes are in the order of their lines. */
export async function readLog(
  path: string,
): Promise<{ readonly acknowledged: number; readonly failed: Ended[]; readonly last: Map<string, Expected> }> {
  const intended = new Map<number, Intended>();
  const last = new Map<string, Expected>();
  const failed: Ended[] = [];
  let acknowledged = 0;
  const unanswered = new Map<string, Intended[]>();
  for (const text of (await readFile(path, 'utf8')).split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as Intended | Ended;
    if ('key' in line) {
      intended.set(line.n, line);
      unanswered.set(line.key, [...(unanswered.get(line.key) ?? []), line]);
      continue;
    }
    const meant = intended.get(line.n);
    if (meant === undefined) throw new Error(`the log has an end of write ${line.n} and no beginning`);
    if (line.ok) {
      acknowledged += 1;
      last.set(meant.key, { acknowledged: meant, unanswered: [] });
      unanswered.delete(meant.key);
    } else {
      failed.push(line);
    }
  }
  for (const [key, open] of unanswered) {
    const known = last.get(key);
    if (known !== undefined) last.set(key, { ...known, unanswered: open });
  }
  return { acknowledged, failed, last };
}
