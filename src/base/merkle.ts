import { hash } from 'node:crypto';

/**
 * Merkle trees after RFC 6962 section 2.1: SHA-256, leaves are hashed with a zero byte before them and nodes with a one byte.
 * Digests are `Buffer`s of 32 bytes; positions count from 0.
 */

const SIZE = 32;

/** Room for one leaf with the byte before it; grows with the longest. */
let scratch = Buffer.alloc(4_096);

/** @throws never; of any length. */
export function leafHash(leaf: Uint8Array): Buffer {
  const length = leaf.byteLength + 1;
  if (scratch.byteLength < length) scratch = Buffer.alloc(length * 2);
  scratch[0] = 0;
  scratch.set(leaf, 1);
  return hash('sha256', scratch.subarray(0, length), 'buffer');
}

/** As `leafHash`, as 32 characters of one byte each: cheaper where it is only compared or written down. */
export function leafHashText(leaf: Uint8Array): string {
  const length = leaf.byteLength + 1;
  if (scratch.byteLength < length) scratch = Buffer.alloc(length * 2);
  scratch[0] = 0;
  scratch.set(leaf, 1);
  return hash('sha256', scratch.subarray(0, length), 'latin1');
}

const pair = Buffer.alloc(1 + 2 * SIZE, 1);

export function nodeHash(left: Buffer, right: Buffer): Buffer {
  left.copy(pair, 1);
  right.copy(pair, 1 + SIZE);
  return hash('sha256', pair, 'buffer');
}

/** The root over leaf hashes that stand one after another, 32 bytes each. They are used up. */
export function rootOfHashes(hashes: Buffer): Buffer {
  let nodes = hashes.byteLength / SIZE;
  if (nodes === 0) return EMPTY_ROOT;
  // Pairing from the left, with a node that is left over going up as it is, gives the tree of RFC 6962.
  while (nodes > 1) {
    const pairs = Math.floor(nodes / 2);
    for (let i = 0; i < pairs; i++) {
      hashes.copy(pair, 1, 2 * i * SIZE, 2 * (i + 1) * SIZE);
      hashes.write(hash('sha256', pair, 'latin1'), i * SIZE, 'latin1');
    }
    if (nodes % 2 === 1) hashes.copy(hashes, pairs * SIZE, (nodes - 1) * SIZE, nodes * SIZE);
    nodes = pairs + (nodes % 2);
  }
  return Buffer.from(hashes.subarray(0, SIZE));
}

/** The root of a tree without leaves. */
export const EMPTY_ROOT = hash('sha256', '', 'buffer');

/** A tree that grows leaf by leaf and keeps only the roots of its whole subtrees: at most one for each bit of its size. */
export class Frontier {
  #size: number;
  /** At level l the root of a whole subtree of 2^l leaves, where the size has that bit. */
  readonly #roots: (Buffer | undefined)[];

  constructor(size = 0, roots: readonly (Buffer | undefined)[] = []) {
    this.#size = size;
    this.#roots = [...roots];
  }

  /** @throws Error where the bytes are not those of a tree of that size. */
  static of(size: number, bytes: Uint8Array): Frontier {
    const levels = levelsOf(size);
    if (bytes.byteLength !== levels.length * SIZE) throw new Error('the bytes are of no tree of that size');
    const roots: (Buffer | undefined)[] = [];
    for (const [i, level] of levels.entries()) roots[level] = Buffer.from(bytes.subarray(i * SIZE, (i + 1) * SIZE));
    return new Frontier(size, roots);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a leaf's hash. */
  push(leaf: Buffer): void {
    this.pushTree(leaf, 0);
  }

  /** Adds the root of a whole subtree of 2^level leaves. @throws RangeError where the size is no multiple of that. */
  pushTree(root: Buffer, level: number): void {
    if (this.#size % 2 ** level !== 0)
      throw new RangeError(`a subtree of level ${level} cannot follow ${this.#size} leaves`);
    let at = level;
    let node = root;
    for (let left = this.#roots[at]; left !== undefined; left = this.#roots[at]) {
      node = nodeHash(left, node);
      this.#roots[at] = undefined;
      at += 1;
    }
    this.#roots[at] = node;
    this.#size += 2 ** level;
  }

  root(): Buffer {
    const [last, ...wholes] = this.wholes();
    return last === undefined ? EMPTY_ROOT : wholes.reduce((right, left) => nodeHash(left, right), last);
  }

  /** The roots of its whole subtrees, the smallest, which is the last, first. */
  wholes(): Buffer[] {
    return this.#roots.filter((root) => root !== undefined);
  }

  /** The roots of whole subtrees, the smallest first, without gaps; `of` reads it. */
  bytes(): Buffer {
    return Buffer.concat(levelsOf(this.#size).map((level) => this.#roots[level] ?? EMPTY_ROOT));
  }
}

/** The bits of a size that are set, from the lowest. */
function levelsOf(size: number): number[] {
  const levels: number[] = [];
  for (let level = 0, left = size; left > 0; level += 1, left = Math.floor(left / 2))
    if (left % 2 === 1) levels.push(level);
  return levels;
}

/** Where a tree of `size` leaves is cut in two: the largest power of two below it. */
function cut(size: number): number {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
}

/** The root of the leaves from `start` to before `end`. */
export type Subtree = (start: number, end: number) => Buffer;

/** RFC 6962 section 2.1.1: the siblings of a leaf on its way to the root, from the leaf up. */
export function inclusionProof(leaf: number, size: number, subtree: Subtree, start = 0): Buffer[] {
  if (size <= 1) return [];
  const k = cut(size);
  return leaf < k
    ? [...inclusionProof(leaf, k, subtree, start), subtree(start + k, start + size)]
    : [...inclusionProof(leaf - k, size - k, subtree, start + k), subtree(start, start + k)];
}

/** Whether a leaf's hash is in the tree of that root: RFC 9162 section 2.1.3.2, the same proofs. */
export function includes(
  root: Buffer,
  size: number,
  leaf: number,
  leafDigest: Buffer,
  proof: readonly Buffer[],
): boolean {
  if (!Number.isSafeInteger(leaf) || leaf < 0 || leaf >= size) return false;
  let at = leaf;
  let last = size - 1;
  let node = leafDigest;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      node = nodeHash(sibling, node);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      node = nodeHash(node, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && node.equals(root);
}

/** RFC 6962 section 2.1.2: shows that a tree of `size` leaves begins with one of `first` leaves. Empty where the sizes are equal or `first` is 0. */
export function consistencyProof(first: number, size: number, subtree: Subtree): Buffer[] {
  if (first === 0 || first === size) return [];
  return subproof(first, size, subtree, 0, true);
}

function subproof(first: number, size: number, subtree: Subtree, start: number, whole: boolean): Buffer[] {
  if (first === size) return whole ? [] : [subtree(start, start + size)];
  const k = cut(size);
  return first <= k
    ? [...subproof(first, k, subtree, start, whole), subtree(start + k, start + size)]
    : [...subproof(first - k, size - k, subtree, start + k, false), subtree(start, start + k)];
}

/** Whether a tree begins with an earlier one: RFC 9162 section 2.1.4.2, the same proofs. */
export function extendsTree(
  earlier: { readonly root: Buffer; readonly size: number },
  later: { readonly root: Buffer; readonly size: number },
  proof: readonly Buffer[],
): boolean {
  if (earlier.size > later.size) return false;
  if (earlier.size === later.size) return proof.length === 0 && earlier.root.equals(later.root);
  if (earlier.size === 0) return proof.length === 0 && earlier.root.equals(EMPTY_ROOT);
  let at = earlier.size - 1;
  let last = later.size - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  const [head, ...rest] = at === 0 ? [earlier.root, ...proof] : proof;
  if (head === undefined) return false;
  let first = head;
  let second = head;
  for (const node of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      first = nodeHash(node, first);
      second = nodeHash(node, second);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      second = nodeHash(second, node);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && first.equals(earlier.root) && second.equals(later.root);
}
