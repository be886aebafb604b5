import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { canonicalJson, type Json } from '../../base/canonical.ts';
import type { Leaf } from '../../evidence/leaf.ts';
import { keyDigest } from '../../evidence/object-leaf.ts';

const openingSchema = z.strictObject({
  key: z.string(),
  /** The number of the object's newest leaf. */
  leaf: z.number().int().nonnegative(),
  salt: z.string().regex(/^[0-9a-f]{64}$/),
  source: z.string(),
});
export type Opening = z.infer<typeof openingSchema>;

/** More than a file of keys unpacks to, in bytes. */
const LONGEST = 512 * 1024 * 1024;

/** Keys in plain, in the order of the leaves that they belong to, held against these leaves; one file is in memory at a time. */
export class Openings {
  readonly #all: Iterator<Opening, undefined>;
  #next: Opening | undefined;

  /** @param files paths in the folder, in their order. */
  constructor(folder: string, files: readonly string[]) {
    this.#all = openingsIn(folder, files);
    this.#next = this.#all.next().value;
  }

  /** The next leaf, with its number. @throws Error where the key that is told for it is not its key. */
  take(at: number, leaf: Leaf): void {
    const told = this.#next;
    if (told?.leaf !== at) return;
    if (
      leaf.type !== 'object' ||
      leaf.source !== told.source ||
      keyDigest(Buffer.from(told.salt, 'hex'), told.key) !== leaf.key
    )
      throw new Error('the key that is told for it in plain is not its key');
    this.#next = this.#all.next().value;
  }

  /** @throws Error where keys of leaves are told that there are not. */
  end(): void {
    if (this.#next !== undefined) throw new Error(`a key is told for leaf ${this.#next.leaf} out of order`);
  }
}

/** Keys in plain as the files of a bundle have them. @throws Error for a line that is not as ferry writes it. */
export function* openingsIn(folder: string, files: readonly string[]): Generator<Opening, undefined> {
  for (const file of files) {
    const text = zstdDecompressSync(readFileSync(join(folder, file)), { maxOutputLength: LONGEST }).toString('utf8');
    for (const line of text.split('\n').slice(0, -1)) {
      const read = openingSchema.safeParse(JSON.parse(line));
      if (!read.success || canonicalJson(read.data as Json) !== line)
        throw new Error(`${file} has a line that is not as ferry writes it`);
      yield read.data;
    }
  }
  return undefined;
}
