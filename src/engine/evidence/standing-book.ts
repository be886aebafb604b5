import { hash } from 'node:crypto';
import { type ObjectLeaf, OUTCOMES, type OutcomeName } from '../../evidence/object-leaf.ts';

/** What is remembered of a leaf of an object. */
export interface Remembered {
  readonly outcome: OutcomeName;
  readonly partition: string;
  readonly tombstoned: boolean;
  readonly purged: boolean;
  /** Stands for source and key. */
  readonly whose: number;
  /** Stands for the digest of the bytes; -1 for none. */
  readonly bytes: number;
}

const TOMBSTONED = 0x40;
const PURGED = 0x80;
const OUTCOME = 0x3f;

/** Which leaves are the newest of their objects, in 19 bytes for each leaf of the log. */
export class StandingBook {
  readonly #what: Uint8Array;
  readonly #where: Uint16Array;
  readonly #whose: Float64Array;
  readonly #bytes: Float64Array;
  readonly #partitions: string[] = [];
  readonly #sources: string[] = [];
  readonly #factors: readonly number[];
  /** First leaves of objects, to find two of one object. */
  #firsts = new Float64Array(1_024);
  #first = 0;

  /** @param root of the tree: whoever made the leaves could not know it, so that no two of them can be made to look as one. */
  constructor(size: number, root: string) {
    this.#what = new Uint8Array(size);
    this.#where = new Uint16Array(size);
    this.#whose = new Float64Array(size);
    this.#bytes = new Float64Array(size);
    const random = hash('sha512', `ferry tags ${root}`, 'buffer');
    this.#factors = Array.from({ length: 16 }, (_, i) => random.readInt32LE(i * 4) | 1);
  }

  /** Forgets a leaf that another one takes the place of. `undefined` where it is no object's newest. */
  take(leaf: number): Remembered | undefined {
    const what = this.#what[leaf] ?? 0;
    const outcome = OUTCOMES[(what & OUTCOME) - 1];
    if (outcome === undefined) return undefined;
    this.#what[leaf] = 0;
    return {
      outcome,
      partition: this.#partitions[this.#where[leaf] ?? 0] ?? '',
      tombstoned: (what & TOMBSTONED) !== 0,
      purged: (what & PURGED) !== 0,
      whose: this.#whose[leaf] ?? 0,
      bytes: this.#bytes[leaf] ?? 0,
    };
  }

  put(at: number, leaf: ObjectLeaf, whose: number, bytes: number): void {
    const marks = (leaf.tombstone === undefined ? 0 : TOMBSTONED) | (leaf.purge === undefined ? 0 : PURGED);
    this.#what[at] = (OUTCOMES.indexOf(leaf.outcome) + 1) | marks;
    this.#where[at] = indexIn(this.#partitions, leaf.partition);
    this.#whose[at] = whose;
    this.#bytes[at] = bytes;
    if (leaf.was === undefined) this.#isFirst(whose);
  }

  /** 52 bits that stand for source and key. */
  whose({ source, key }: ObjectLeaf): number {
    const store = indexIn(this.#sources, source) + 1;
    let high = Math.imul(store, this.#factors[7] ?? 1);
    let low = Math.imul(store, this.#factors[15] ?? 1);
    // After "sha256:", 32 of 64 hex digits: nobody makes two digests that agree in 128 bits.
    for (let i = 0; i < 3; i++) {
      // 52 bits at once, and what is left at last.
      const digits = Number.parseInt(key.slice(7 + i * 13, Math.min(20 + i * 13, 39)), 16);
      const above = (digits / 2 ** 32) | 0;
      high = (high + Math.imul(digits | 0, this.#factors[i] ?? 1) + Math.imul(above, this.#factors[4 + i] ?? 1)) | 0;
      low = (low + Math.imul(digits | 0, this.#factors[8 + i] ?? 1) + Math.imul(above, this.#factors[12 + i] ?? 1)) | 0;
    }
    return (high >>> 0) * 2 ** 20 + (low >>> 12);
  }

  /** Whether two first leaves are of one object. */
  twins(): boolean {
    const all = this.#firsts.subarray(0, this.#first).sort();
    for (let i = 1; i < all.length; i++) if (all[i] === all[i - 1]) return true;
    return false;
  }

  #isFirst(whose: number): void {
    if (this.#first === this.#firsts.length) {
      const longer = new Float64Array(this.#first * 2);
      longer.set(this.#firsts);
      this.#firsts = longer;
    }
    this.#firsts[this.#first] = whose;
    this.#first += 1;
  }
}

function indexIn(names: string[], name: string): number {
  const at = names.indexOf(name);
  if (at >= 0) return at;
  // More than a plan may have.
  if (names.length === 0xffff) throw new Error('more names than a log can have');
  return names.push(name) - 1;
}
