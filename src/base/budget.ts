/**
 * A number of bytes that those who hold memory share. Takers are served in turn; one who wants more than there is in all gets it
 * alone. So what is held never exceeds the larger of the whole and the largest single want.
 */
export class ByteBudget {
  readonly #whole: number;
  #taken = 0;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  constructor(whole: number) {
    this.#whole = whole;
  }

  /** Resolves when the bytes are the caller's, with a function that gives them back. */
  async take(bytes: number): Promise<() => void> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) {
      await new Promise<void>((go) => this.#waiting.push({ bytes, go }));
    } else {
      this.#taken += bytes;
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#taken -= bytes;
      this.#serve();
    };
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#whole;
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#taken += next.bytes;
      next.go();
    }
  }
}

/** Memory of a budget that is used again and again: large buffers that are left to the collector pile up before it comes. */
export class BufferPool {
  readonly #budget: ByteBudget;
  #free: Buffer[] = [];

  constructor(whole: number) {
    this.#budget = new ByteBudget(whole);
  }

  /** Resolves when there is room, with a buffer of that many bytes; what is in it is left from its last user. */
  async take(bytes: number): Promise<{ readonly buffer: Buffer; readonly giveBack: () => void }> {
    const giveBack = await this.#budget.take(bytes);
    const known = this.#free.findIndex((buffer) => buffer.byteLength >= bytes);
    const [whole = Buffer.allocUnsafeSlow(bytes)] = known < 0 ? [] : this.#free.splice(known, 1);
    // Sizes change between objects: what is kept for later must not add to what is in use.
    if (known < 0) this.#free = [];
    return {
      buffer: whole.subarray(0, bytes),
      giveBack: () => {
        this.#free.push(whole);
        giveBack();
      },
    };
  }
}
