import { mkdtempSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Spilled {
  readonly at: number;
  readonly bytes: number;
}

/** Values that several queues may hold in memory, all together. */
export interface SpoolRoom {
  left: number;
}

/**
 * A queue of values that holds the first few in memory and the rest in a file without a name, which is gone with the process. Values are
 * what JSON carries. One reader; it may wait for a value that is not there yet.
 */
export class Spool<T> {
  readonly #room: SpoolRoom;
  #head: T[] = [];
  readonly #spilled: Spilled[] = [];
  #file: FileHandle | undefined;
  #end = 0;

  constructor(room: SpoolRoom) {
    this.#room = room;
  }

  async push(value: T): Promise<void> {
    if (this.#spilled.length === 0 && this.#room.left > 0) {
      this.#room.left -= 1;
      this.#head.push(value);
      return;
    }
    const text = Buffer.from(JSON.stringify(value));
    this.#file ??= await nameless();
    const spilled = { at: this.#end, bytes: text.byteLength };
    this.#end += text.byteLength;
    await this.#file.write(text, 0, text.byteLength, spilled.at);
    this.#spilled.push(spilled);
  }

  /** @returns `undefined` where it is empty. */
  async shift(): Promise<T | undefined> {
    const first = this.#head.shift();
    if (first !== undefined) {
      this.#room.left += 1;
      return first;
    }
    const next = this.#spilled.shift();
    if (next === undefined || this.#file === undefined) return undefined;
    const buffer = Buffer.allocUnsafe(next.bytes);
    await this.#file.read(buffer, 0, next.bytes, next.at);
    return JSON.parse(buffer.toString()) as T;
  }

  async close(): Promise<void> {
    this.#room.left += this.#head.length;
    this.#head = [];
    this.#spilled.length = 0;
    await this.#file?.close();
    this.#file = undefined;
  }
}

/** For its owner alone, in a folder that is there only as long as it takes to open it. */
async function nameless(): Promise<FileHandle> {
  const folder = mkdtempSync(join(tmpdir(), 'ferry-spool-'));
  try {
    return await open(join(folder, 'spool'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
