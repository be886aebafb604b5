import PQueue from 'p-queue';
import { lockAt, type ObjectLock, showLock } from '../store/object-lock.ts';
import { hasManifest } from './listing.ts';
import { isProbeKey } from './probe.ts';
import type { ScanSource, ScanWork } from './scan.ts';
import { isTombstone } from './scan-markers.ts';
import { isKeptKey, type Known, type SeenState, type Why, whyObject, whyVersion } from './scan-reasons.ts';
import { refusalIn, unseen } from './scan-refusals.ts';
import type { Place } from './scan-tally.ts';
import type { UploadScan } from './scan-uploads.ts';

/** Counts every state of every key of a source, or every object where it keeps no histories. */
export async function scanKeys(work: ScanWork, source: ScanSource, uploads: UploadScan): Promise<void> {
  const pages = new PageScan(work, source, uploads);
  for await (const page of listed(work, source)) {
    await pages.take(page);
    work.signal.throwIfAborted();
  }
  if (!hasManifest(work.plan, source.store.name)) return;
  for (const { key } of work.router.unlisted(source.store.name)) {
    await uploads.ofKeys([key]);
    await pages.take(await statesOf(work, source, key));
  }
}

/** The states of the source; its current objects alone where it may not be asked for more. */
async function* listed(work: ScanWork, { store, tally }: ScanSource): AsyncGenerator<readonly SeenState[]> {
  const { signal } = work;
  if (store.states !== undefined) {
    let begun = false;
    try {
      for await (const { states } of store.states({ signal })) {
        begun = true;
        yield states;
      }
      return;
    } catch (error) {
      unseen(tally, 'older versions and delete markers', error);
      if (begun) return;
    }
  }
  try {
    for await (const page of store.list({ signal })) {
      yield page.map((entry) => ({ ...entry, latest: true, marker: false }));
    }
  } catch (error) {
    unseen(tally, 'objects', error);
  }
}

/** A key that no listing shows, and a manifest names. */
async function statesOf({ signal }: ScanWork, { store }: ScanSource, key: string): Promise<SeenState[]> {
  if (store.versions !== undefined) {
    const history = await store.versions.of(key, { signal });
    return history.map((state, index) => ({ ...state, key, latest: index === history.length - 1 }));
  }
  const head = await store.head(key, { signal });
  return head === undefined ? [] : [{ key, size: head.size, revision: head.revision, latest: true, marker: false }];
}

interface Judged {
  readonly state: SeenState;
  readonly known: Known;
  readonly place: Place;
}

class PageScan {
  readonly #work: ScanWork;
  readonly #source: ScanSource;
  readonly #uploads: UploadScan;
  /** What is known of the last key: the states of a key are beside each other. */
  #last: { readonly key: string; readonly known: Known; readonly place: Place } | undefined;

  constructor(work: ScanWork, source: ScanSource, uploads: UploadScan) {
    this.#work = work;
    this.#source = source;
    this.#uploads = uploads;
  }

  async take(page: readonly SeenState[]): Promise<void> {
    const data = await this.#judged(page);
    const selected = data.filter(({ place }) => place === 'selected');
    const locks = await this.#locks(selected.slice(0, this.#source.tally.room(selected.length)));
    for (const one of data) this.#count(one, locks.get(one));
  }

  /** The states that are user data; the others are counted here. */
  async #judged(page: readonly SeenState[]): Promise<Judged[]> {
    const { tally } = this.#source;
    const unknown: string[] = [];
    const seen: Judged[] = [];
    for (const state of page) {
      if (isProbeKey(state.key)) continue;
      const isNew = this.#last?.key !== state.key;
      const at = this.#at(state.key);
      if (isNew && at.known.row === undefined && state.unusable === undefined) unknown.push(state.key);
      // Told by `scanKept`.
      if (isKeptKey(this.#source.store, state.key) && state.latest) continue;
      if (state.marker) tally.add(at.place, 'deleteMarkers', 0);
      else seen.push({ state, ...at });
    }
    await this.#uploads.ofKeys(unknown);
    const isMarker = await this.#inParallel(seen, async ({ state, known, place }) => {
      if (place !== 'selected') return false;
      return await isTombstone(this.#work, this.#source, known, state);
    });
    for (const [index, { place, state }] of seen.entries()) {
      if (isMarker[index] === true) tally.add(place, 'tombstones', state.size);
    }
    return seen.filter((_, index) => isMarker[index] !== true);
  }

  #at(key: string): { readonly known: Known; readonly place: Place } {
    if (this.#last?.key === key) return this.#last;
    const { plan, router, ledger } = this.#work;
    const { store, inventoried } = this.#source;
    const route = router.route(store.name, key);
    const place = route.to === 'partition' ? 'selected' : route.to;
    const partition = route.to === 'partition' ? plan.partitions[route.index] : undefined;
    const row = ledger?.queries.byKey(store.name, key);
    const records = row !== undefined && partition?.versions === 'all' ? (ledger?.history.of(row.id) ?? []) : [];
    this.#last = { key, known: { row, records, partition, inventoried }, place };
    return this.#last;
  }

  #count({ state, known, place }: Judged, lock: string | undefined): void {
    const { tally } = this.#source;
    const { key, version, size, latest } = state;
    const named = version === undefined ? { key } : { key, version };
    if (isKeptKey(this.#source.store, key)) {
      tally.remains({ kind: 'kept', ...named, size, reason: 'older version of bytes that a tombstone keeps' });
      return;
    }
    const kind = latest ? 'object' : 'version';
    if (place !== 'selected') {
      tally.outside(place, kind, key, size);
      return;
    }
    const { reason, late } = this.#why(known, state);
    tally.remains({ kind, ...named, size, reason: lock === undefined ? reason : `${reason}; locked: ${lock}` }, late);
  }

  #why(known: Known, state: SeenState): Why {
    if (state.latest) return whyObject(this.#work.plan, known, state);
    return { reason: whyVersion(known, state, this.#work.clock.now()), late: false };
  }

  /** What keeps states from being deleted, told for those that are told one by one: it costs a request each. */
  async #locks(told: readonly Judged[]): Promise<ReadonlyMap<Judged, string>> {
    const locks = new Map<Judged, string>();
    if (!this.#source.store.holds.has('objectLock')) return locks;
    await this.#inParallel(told, async (one) => {
      const lock = lockAt(await this.#lockOf(one.state), this.#work.clock.now());
      if (lock !== undefined) locks.set(one, showLock(lock));
    });
    return locks;
  }

  async #lockOf({ key, version, unusable }: SeenState): Promise<ObjectLock | undefined> {
    const { store } = this.#source;
    const { signal } = this.#work;
    if (unusable !== undefined || version === undefined) return undefined;
    try {
      return (await store.versions?.head(key, version, { signal }))?.attributes.objectLock;
    } catch (error) {
      // What may not be asked for is not told.
      refusalIn(error);
      return undefined;
    }
  }

  async #inParallel<T, R>(items: readonly T[], task: (item: T) => Promise<R>): Promise<R[]> {
    const queue = new PQueue({ concurrency: this.#work.plan.limits.concurrency });
    return await queue.addAll(items.map((item) => async () => await task(item)));
  }
}
