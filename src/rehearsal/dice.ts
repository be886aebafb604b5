import { hash } from 'node:crypto';

/** Randomness that follows from a seed: SHA-256 in counter mode. Good enough to be varied, not a secret. */
export class Dice {
  readonly #seed: string;
  #counter = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return this.#block().readUInt32BE(0) % limit;
  }

  /** A number from 0 up to, and without, 1. */
  share(): number {
    return this.#block().readUInt32BE(0) / 2 ** 32;
  }

  bytes(size: number): Uint8Array {
    const bytes = Buffer.alloc(size, this.#block());
    // One block repeated would hide swapped chunks: number every 4 KiB.
    for (let at = 0; at + 4 <= size; at += 4096) bytes.writeUInt32BE(at / 4096, at);
    return bytes;
  }

  #block(): Buffer {
    this.#counter += 1;
    return hash('sha256', `${this.#seed}/${this.#counter}`, 'buffer');
  }
}
