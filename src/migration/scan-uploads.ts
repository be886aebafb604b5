import PQueue from 'p-queue';
import { retry } from '../base/retry.ts';
import type { PartStore, Upload } from '../store/store.ts';
import { begunAgain } from '../store/wrap/retrying.ts';
import { isProbeKey } from './probe.ts';
import type { ScanSource, ScanWork } from './scan.ts';
import { isKeptKey } from './scan-reasons.ts';
import { refusalIn, unseen } from './scan-refusals.ts';

const WHAT = 'unfinished uploads';
const PAGE = 1_000;

/** Counts the unfinished uploads that a source lists. What is left to be asked for key by key is in the scan that it gives back. */
export async function scanUploads(work: ScanWork, source: ScanSource): Promise<UploadScan> {
  const scan = new UploadScan(work, source);
  await scan.listed();
  return scan;
}

/**
 * Unfinished uploads of one source. A server that was not shown to list them by the beginning of their keys is also asked for each key
 * that the ledger knows or that a listing shows: a request a key.
 */
export class UploadScan {
  readonly #work: ScanWork;
  readonly #source: ScanSource;
  readonly #able: boolean | undefined;
  /** Of uploads that were counted, where they may be met twice: there are as many as uploads, not as objects. */
  readonly #seen = new Set<string>();
  #asksKeys = false;

  constructor(work: ScanWork, source: ScanSource) {
    this.#work = work;
    this.#source = source;
    this.#able = work.ledger?.probes.result(source.store.name, 'list-uploads-by-prefix');
  }

  async listed(): Promise<void> {
    const { parts } = this.#source.store;
    if (parts === undefined) return;
    if (this.#able === true) {
      await this.#all(parts, false).catch((error: unknown) => unseen(this.#source.tally, WHAT, error));
      return;
    }
    try {
      // A server that finds none by a prefix may find some without one.
      await this.#all(parts, true).catch(async (error: unknown) => {
        refusalIn(error);
        await this.#all(parts, false);
      });
    } catch (error) {
      unseen(this.#source.tally, WHAT, error);
      return;
    }
    this.#asksKeys = true;
    this.#tellLimit();
  }

  /** Asks for these keys, where the server has to be asked key by key. */
  async ofKeys(keys: readonly string[]): Promise<void> {
    const { parts } = this.#source.store;
    if (!this.#asksKeys || parts === undefined) return;
    await this.#inParallel(keys, async (key) => {
      const { signal } = this.#work;
      try {
        await this.#take(parts, await this.#again(() => parts.uploads(key, { signal })));
      } catch (error) {
        // A key that the server cannot hold has no upload there.
        if (refusalIn(error).kind === 'key') return;
        this.#asksKeys = false;
        unseen(this.#source.tally, WHAT, error);
      }
    });
  }

  /** Asks for every key that the ledger knows of this source. */
  async ofLedger(): Promise<void> {
    const { ledger, signal } = this.#work;
    let after = '';
    while (this.#asksKeys && ledger !== undefined) {
      const keys = ledger.queries.keysOf(this.#source.store.name, after, PAGE);
      if (keys.length === 0) return;
      await this.ofKeys(keys);
      after = keys.at(-1) ?? after;
      signal.throwIfAborted();
    }
  }

  async #all(parts: PartStore, unprefixed: boolean): Promise<void> {
    const { all } = parts;
    const { retry: policy, signal } = this.#work;
    if (all === undefined) {
      this.#source.tally.cannotShow(`${WHAT}: this kind of store lists none`);
      return;
    }
    let after: Upload | undefined;
    const options = { prefix: '', unprefixed, signal };
    const pages = () => all.call(parts, after === undefined ? options : { ...options, after });
    for await (const page of begunAgain(pages, { signal }, policy)) {
      await this.#take(parts, page);
      after = page.at(-1) ?? after;
    }
  }

  async #take(parts: PartStore, page: readonly Upload[]): Promise<void> {
    const fresh = page.filter(({ key, id }) => !isProbeKey(key) && !this.#seen.has(id));
    if (this.#able !== true) for (const { id } of fresh) this.#seen.add(id);
    await this.#inParallel(fresh, async (upload) => this.#count(upload, await this.#sizeOf(parts, upload)));
  }

  #count({ key, id, begun }: Upload, size: number | undefined): void {
    const { ledger, router } = this.#work;
    const { store, tally } = this.#source;
    const { to } = router.route(store.name, key);
    if (to !== 'partition' && !isKeptKey(store, key)) {
      tally.outside(to, 'upload', key, size ?? 0);
      return;
    }
    const row = ledger?.queries.byKey(store.name, key);
    const own = row !== undefined && ledger?.uploads.find(row.id)?.upload === id;
    const reason = `unfinished upload begun at ${new Date(begun).toISOString()}${own ? ' by ferry: `ferry cleanup` aborts it' : ''}`;
    tally.remains({ kind: 'upload', key, version: id, reason, ...(size === undefined ? {} : { size }) });
  }

  /** Bytes of the parts that arrived; `undefined` where the server does not tell. */
  async #sizeOf(parts: PartStore, { key, id }: Upload): Promise<number | undefined> {
    const { signal } = this.#work;
    try {
      const arrived = await this.#again(() => parts.list(key, id, { signal }));
      return arrived?.reduce((sum, { size }) => sum + size, 0);
    } catch (error) {
      refusalIn(error);
      return undefined;
    }
  }

  #tellLimit(): void {
    const { name } = this.#source.store;
    const mine = this.#work.plan.partitions.filter(({ from }) => from === name);
    // Where manifests name all keys, each is asked for.
    if (mine.every(({ select }) => select.by === 'manifest')) return;
    const fact =
      this.#able === false
        ? 'this server lists them by whole keys alone'
        : 'it is not known whether this server lists them by the beginning of a key (`ferry doctor` finds out)';
    this.#source.tally.cannotShow(
      `${WHAT} to keys that neither the ledger nor a listing has: ${fact}; every other key was asked for`,
    );
  }

  #again<T>(task: () => Promise<T>): Promise<T> {
    return retry(task, this.#work.retry);
  }

  async #inParallel<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
    const queue = new PQueue({ concurrency: this.#work.plan.limits.concurrency });
    await queue.addAll(items.map((item) => async () => await task(item)));
  }
}
