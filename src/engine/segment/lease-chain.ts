import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type Json } from '../../base/canonical.ts';
import { FerryError } from '../../base/errors.ts';
import { type RetryPolicy, retry } from '../../base/retry.ts';
import { STATES } from '../../ledger/lifecycle.ts';
import { collect } from '../../migration/bytes.ts';
import { type Store, StoreError } from '../../store/store.ts';

/** docs/segments.md tells it. A reader refuses a format that it does not know. */
const FORMAT = 'ferry/lease/v1';

const Count = z.int().min(0);

const Record = z.object({
  format: z.literal(FORMAT),
  /** Its place in the chain, from 1: what it is named by. */
  number: z.int().min(1),
  /** Grows by one whenever somebody takes the shard; 0 before the first. */
  epoch: Count,
  /** Who has the shard, or had it last. */
  owner: z.object({ id: z.string(), host: z.string(), jurisdiction: z.string() }),
  /** `held`: its owner works on it. `free`: anyone may take it. `done`: nobody does any more. */
  state: z.enum(['held', 'free', 'done']),
  /** How long the owner may go without a word, in milliseconds. */
  ttlMs: z.int().min(1),
  /** How many checkpoints of which epochs are the shard's state, in their order. */
  checkpoints: z.array(z.object({ epoch: Count, count: z.int().min(1) })),
  /** Where the shard's objects stand. */
  states: z.partialRecord(z.enum(STATES), Count),
  /** What was written to stores, over all epochs. */
  moved: z.object({ objects: Count, bytes: Count }),
  /** Whose append this was, where its answer was lost. */
  nonce: z.string(),
});

/** One record of a shard's lease. */
export type LeaseRecord = Readonly<z.output<typeof Record>>;

/** What an owner says next; the rest follows from the record before. */
export type NextRecord = Omit<LeaseRecord, 'format' | 'number' | 'nonce'>;

/** Digits of a number in a name, so that names sort as numbers do. */
const DIGITS = 8;

/**
 * The lease of one shard, as a chain of numbered objects in the control store of which the newest counts. Compare-and-swap is the making of
 * the next number where none is (`Store.create`), which every store that may be a centre has: of any number of writers who know the same
 * newest record exactly one makes the next, and whoever knows an older one makes none, since that number is there. Records are never
 * changed, and removed only with the whole round, when nobody can be in it any more. A crash leaves the record or none.
 */
export class LeaseChain {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #retry: RetryPolicy;

  /** @param prefix of the shard's records; ends with `/`. */
  constructor(store: Store, prefix: string, policy: RetryPolicy) {
    this.#store = store;
    this.#prefix = prefix;
    this.#retry = policy;
  }

  /**
   * The newest record.
   *
   * @param known one that is not newer, so that less need be listed.
   * @throws FerryError `integrity` where there is none, or one that ferry did not write.
   */
  async newest(known?: LeaseRecord): Promise<LeaseRecord> {
    const { signal } = this.#retry;
    const from = known === undefined ? {} : { after: this.#key(known.number) };
    let last: string | undefined;
    const list = async (): Promise<void> => {
      const options = { prefix: this.#prefix, ...from, ...(signal === undefined ? {} : { signal }) };
      for await (const page of this.#store.list(options)) last = page.at(-1)?.key ?? last;
    };
    await retry(list, this.#retry);
    if (last === undefined) {
      if (known !== undefined) return known;
      throw damaged(this.#store, this.#prefix, 'there is no lease of this shard');
    }
    return await this.#read(last);
  }

  /** Makes the record after `before`. @returns it; `undefined` where somebody else has made one meanwhile. */
  async append(before: LeaseRecord | undefined, next: NextRecord): Promise<LeaseRecord | undefined> {
    const record: LeaseRecord = { ...next, format: FORMAT, number: (before?.number ?? 0) + 1, nonce: randomUUID() };
    const key = this.#key(record.number);
    const bytes = new TextEncoder().encode(`${canonicalJson(record as unknown as Json)}\n`);
    const { signal } = this.#retry;
    try {
      const options = { size: bytes.byteLength, ...(signal === undefined ? {} : { signal }) };
      await retry(() => this.#store.create(key, bytes, options), this.#retry);
      return record;
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'exists')) throw error;
      // An answer that was lost finds its own effect.
      return (await this.#read(key)).nonce === record.nonce ? record : undefined;
    }
  }

  async #read(key: string): Promise<LeaseRecord> {
    const bytes = await retry(async () => await collect((await this.#store.read(key)).body), this.#retry);
    try {
      return Record.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    } catch {
      throw damaged(this.#store, key, `it is not of the form ${FORMAT}`);
    }
  }

  #key(number: number): string {
    return `${this.#prefix}${String(number).padStart(DIGITS, '0')}.json`;
  }
}

function damaged(store: Store, key: string, why: string): FerryError {
  return new FerryError({
    fault: 'integrity',
    op: 'read a lease',
    subject: `${store.name}: ${key}`,
    why,
    hint: 'only ferry, of one version, may write below ferry/ in the control store; `ferry resume` does not help here',
  });
}
