import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { sha256Hex } from '../../base/digest.ts';
import { FerryError } from '../../base/errors.ts';
import { type RetryPolicy, retry } from '../../base/retry.ts';
import { collect } from '../../migration/bytes.ts';
import type { OperatorLimits } from '../../plan/limits-at.ts';
import type { Finish, Plan } from '../../plan/types.ts';
import { type Store, StoreError } from '../../store/store.ts';
import { LeaseChain } from './lease-chain.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** docs/segments.md tells it. */
export const JOB_FORMAT = 'ferry/job/v1';

/** What the workers of a round are to do: the plan as the home has resolved it, and how far. */
export interface Job {
  readonly format: typeof JOB_FORMAT;
  readonly plan: Plan;
  readonly until: Finish;
  /** Who runs ferry at the home. */
  readonly operator: string;
  readonly shards: number;
  /** How many shards are worked on at once at most; each may use this part of the plan's limits. */
  readonly shardsAtOnce: number;
  /** Of a shard's lease, in milliseconds. */
  readonly ttlMs: number;
}

export interface RoundOptions {
  readonly store: Store;
  /** Below which all of it lies: see `roundPrefix`. */
  readonly prefix: string;
  readonly retry: RetryPolicy;
}

/** Where a round lies in the control store: `ferry/PLAN-DIGEST/LEDGER/ROUND/`. */
export function roundPrefix(planDigest: string, ledger: string, round: string): string {
  return `ferry/${planDigest.replace(/^sha256:/, '')}/${ledger}/${round}/`;
}

/** What the home and the workers of one round share: the job, and for each shard a segment, its checkpoints and its lease. */
export class Round {
  readonly prefix: string;
  readonly #store: Store;
  readonly #retry: RetryPolicy;

  constructor({ store, prefix, retry: policy }: RoundOptions) {
    this.#store = store;
    this.prefix = prefix;
    this.#retry = policy;
  }

  lease(shard: number): LeaseChain {
    return new LeaseChain(this.#store, `${this.#shard(shard)}lease/`, this.#retry);
  }

  async writeJob(job: Job): Promise<void> {
    await this.#write('job.json.zst', JSON.stringify(job));
  }

  /** @throws FerryError `integrity` where it is none that this version of ferry wrote. */
  async readJob(): Promise<Job> {
    const job = JSON.parse(await this.#read('job.json.zst')) as Job;
    if (job.format === JOB_FORMAT) return job;
    throw this.#damaged('job.json.zst', `its format is ${String(job.format)} and not ${JOB_FORMAT}`);
  }

  async writeSegment(shard: number, lines: Iterable<string>): Promise<void> {
    await this.#write(`${name(shard)}/segment.zst`, textOf(lines));
  }

  async readSegment(shard: number): Promise<string[]> {
    return linesOf(await this.#read(`${name(shard)}/segment.zst`));
  }

  async writeCheckpoint(shard: number, epoch: number, number: number, lines: readonly string[]): Promise<void> {
    await this.#write(checkpointName(shard, epoch, number), textOf(lines));
  }

  async readCheckpoint(shard: number, epoch: number, number: number): Promise<string[]> {
    return linesOf(await this.#read(checkpointName(shard, epoch, number)));
  }

  /** What an operator has ordered over the plan's limits; the newest counts. */
  async writeLimits(ordered: OperatorLimits): Promise<void> {
    const last = await this.#lastLimits();
    const number = last === undefined ? 1 : Number.parseInt(last.slice('limits/'.length), 10) + 1;
    await this.#write(`limits/${String(number).padStart(8, '0')}.zst`, JSON.stringify(ordered));
  }

  /** @returns `undefined` where nothing was ordered. */
  async readLimits(): Promise<OperatorLimits | undefined> {
    const last = await this.#lastLimits();
    if (last === undefined) return undefined;
    const { bandwidth, requests, concurrency } = JSON.parse(await this.#read(last)) as OperatorLimits;
    return {
      ...(bandwidth === undefined ? {} : { bandwidth }),
      ...(requests === undefined ? {} : { requests }),
      ...(concurrency === undefined ? {} : { concurrency }),
    };
  }

  async #lastLimits(): Promise<string | undefined> {
    let last: string | undefined;
    for await (const page of this.#store.list({ prefix: `${this.prefix}limits/` })) last = page.at(-1)?.key ?? last;
    return last?.slice(this.prefix.length);
  }

  /** Removes all of it. Only for who knows that nobody is in it any more. */
  async remove(): Promise<void> {
    const { signal } = this.#retry;
    const options = { prefix: this.prefix, ...(signal === undefined ? {} : { signal }) };
    for await (const page of this.#store.list(options)) {
      for (const { key, revision } of page) await retry(() => this.#removeOne(key, revision), this.#retry);
    }
  }

  async #removeOne(key: string, revision: string): Promise<void> {
    try {
      await this.#store.remove(key, revision);
    } catch (error) {
      // An answer that was lost.
      if (!(error instanceof StoreError && (error.kind === 'absent' || error.kind === 'precondition'))) throw error;
    }
  }

  #shard(shard: number): string {
    return `${this.prefix}${name(shard)}/`;
  }

  /** One that is there already was written by the same writer, whose answer was lost, if it has the same bytes. */
  async #write(at: string, text: string): Promise<void> {
    const key = this.prefix + at;
    const bytes = await compress(text);
    const { signal } = this.#retry;
    const options = { size: bytes.byteLength, sha256: sha256Hex(bytes), ...(signal === undefined ? {} : { signal }) };
    try {
      await retry(() => this.#store.create(key, bytes, options), this.#retry);
    } catch (error) {
      if (!(error instanceof StoreError && error.kind === 'exists')) throw error;
      if ((await this.#read(at)) !== text) throw this.#damaged(at, 'something else is there already');
    }
  }

  async #read(at: string): Promise<string> {
    const key = this.prefix + at;
    const bytes = await retry(async () => await collect((await this.#store.read(key)).body), this.#retry);
    try {
      return (await decompress(bytes)).toString('utf8');
    } catch {
      throw this.#damaged(at, 'it is not compressed as ferry does it');
    }
  }

  #damaged(at: string, why: string): FerryError {
    return new FerryError({
      fault: 'integrity',
      op: 'use the control store',
      subject: `${this.#store.name}: ${this.prefix}${at}`,
      why,
      hint: 'only ferry, of one version, may write below ferry/ in the control store',
    });
  }
}

function name(shard: number): string {
  return `shards/${String(shard).padStart(7, '0')}`;
}

function checkpointName(shard: number, epoch: number, number: number): string {
  return `${name(shard)}/epoch-${String(epoch).padStart(6, '0')}/${String(number).padStart(6, '0')}.zst`;
}

function textOf(lines: Iterable<string>): string {
  const parts: string[] = [];
  for (const line of lines) parts.push(`${line}\n`);
  return parts.join('');
}

function linesOf(text: string): string[] {
  return text.split('\n').slice(0, -1);
}
