import { EMPTY_ROOT, leafHash, nodeHash, rootOfHashes } from '../base/merkle.ts';

/** Leaves whose hashes are read again at once. */
const BLOCK = 1_024;
/** Bytes of a hash. */
const SIZE = 32;

/** A tree of many leaves that any subtree can be asked of, in 32 bytes of memory for each 1,024 leaves. */
export class TreeIndex {
  readonly #blocks: Buffer[] = [];
  readonly #read: (start: number, end: number) => readonly Buffer[];
  readonly #known = new Map<string, Buffer>();
  readonly #pending = Buffer.alloc(BLOCK * SIZE);
  #cached: { readonly block: number; readonly hashes: readonly Buffer[] } | undefined;
  #size = 0;

  /** @param read the leaves (their bytes) from one to before another. */
  constructor(read: (start: number, end: number) => readonly Buffer[]) {
    this.#read = read;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds the hash of the next leaf, as `leafHashText` gives it. */
  push(leaf: string): void {
    this.#pending.write(leaf, (this.#size % BLOCK) * SIZE, 'latin1');
    this.#size += 1;
    if (this.#size % BLOCK === 0) this.#blocks.push(rootOfHashes(this.#pending));
  }

  /** The root over the leaves from `start` to before `end`, as RFC 6962 cuts them; for `Subtree`. */
  readonly subtree = (start: number, end: number): Buffer => {
    const size = end - start;
    if (size === 0) return EMPTY_ROOT;
    if (size <= BLOCK) return this.#within(start, end);
    const name = `${start}-${end}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    let k = BLOCK;
    while (k * 2 < size) k *= 2;
    const root = nodeHash(this.subtree(start, start + k), this.subtree(start + k, end));
    this.#known.set(name, root);
    return root;
  };

  /** Subtrees of at most a block begin at a multiple of their size, so that they lie in one. */
  #within(start: number, end: number): Buffer {
    const block = Math.floor(start / BLOCK);
    const whole = this.#blocks[block];
    if (whole !== undefined && end - start === BLOCK) return whole;
    const from = block * BLOCK;
    if (this.#cached?.block !== block) {
      const hashes = this.#read(from, Math.min(from + BLOCK, this.#size)).map((leaf) => leafHash(leaf));
      this.#cached = { block, hashes };
    }
    return rootOfHashes(Buffer.concat(this.#cached.hashes.slice(start - from, end - from)));
  }
}
