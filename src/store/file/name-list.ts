/**
 * Names of one folder, kept as UTF-8 in one block instead of as strings: a folder of a million files then takes some tens of
 * megabytes instead of hundreds. Sorted by bytes, which is the order of keys.
 */
export class NameList {
  #bytes = Buffer.allocUnsafe(4_096);
  #used = 0;
  /** Where each name starts; one more at the end. */
  #starts = new Uint32Array(256);
  #count = 0;

  get length(): number {
    return this.#count;
  }

  add(name: string): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const most = this.#used + name.length * 3;
    if (most > this.#bytes.length) this.#bytes = grown(this.#bytes, Buffer.allocUnsafe(most * 2));
    if (this.#count + 2 > this.#starts.length)
      this.#starts = grown(this.#starts, new Uint32Array(this.#starts.length * 2));
    this.#starts[this.#count] = this.#used;
    this.#used += this.#bytes.write(name, this.#used);
    this.#count += 1;
    this.#starts[this.#count] = this.#used;
  }

  /** The names in order. Nothing may be added while they are taken. */
  *sorted(): Generator<string> {
    const bytes = this.#bytes;
    const starts = this.#starts;
    const order = new Uint32Array(this.#count);
    for (let n = 0; n < order.length; n += 1) order[n] = n;
    order.sort((a, b) => bytes.compare(bytes, at(starts, b), at(starts, b + 1), at(starts, a), at(starts, a + 1)));
    for (const n of order) yield bytes.toString('utf8', at(starts, n), at(starts, n + 1));
  }
}

function at(starts: Uint32Array, index: number): number {
  return starts[index] ?? 0;
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
