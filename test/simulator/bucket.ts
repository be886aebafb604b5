import type { AttributeName } from '../../src/base/attribute-names.ts';
import { sha256Hex } from '../../src/base/digest.ts';
import type { PurgeStore } from '../../src/store/purge.ts';
import {
  type Attributes,
  type Body,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  type ReinstateOptions,
  type Replaced,
  type StagingStore,
  type Store,
  StoreError,
  type StoreErrorKind,
  type WriteOptions,
} from '../../src/store/store.ts';
import type { Version, VersionStore } from '../../src/store/versions.ts';
import type { Held, Sight, Truth, Write } from './truth.ts';
import type { Process, World } from './world.ts';

export interface BucketOptions {
  readonly name: string;
  readonly versioned: boolean;
  /** Whether a PUT with If-Match is refused where the object is another one. */
  readonly cas: boolean;
  readonly isSource: boolean;
  /** One in so many objects is stored with a bit flipped, and its checksum told as it was sent. */
  readonly flips: number;
  /** One in so many bodies that are read ends early. */
  readonly cuts: number;
  /** One in so many listings shows what was there some changes ago. */
  readonly stale: number;
}

interface State extends Held {
  readonly version: string;
  readonly deleted: boolean;
  readonly etag: string;
  readonly told: string;
  readonly modified: number;
}

/** A server's bucket, shared by all who reach it. */
export class SimBucket implements Sight {
  readonly options: BucketOptions;
  readonly world: World;
  truth: Truth | undefined;
  readonly keys = new Map<string, State[]>();
  readonly aside = new Map<string, State>();
  readonly #etags = new Map<string, string>();
  readonly #listings: ListEntry[][] = [[]];
  #versions = 0;

  constructor(world: World, options: BucketOptions) {
    this.world = world;
    this.options = options;
  }

  /** What is there, as text. */
  shape(): unknown {
    const states = [...this.keys].map(([key, all]) => [
      key,
      ...all.map(({ etag, version, write }) => [etag, version, write?.number]),
    ]);
    return [states.sort(), [...this.aside.keys()].sort()];
  }

  states(key: string): readonly State[] {
    return this.keys.get(key) ?? [];
  }

  top(key: string): State | undefined {
    const newest = this.states(key).at(-1);
    return newest?.deleted === true ? undefined : newest;
  }

  current(key: string): Held | undefined {
    return this.top(key);
  }

  all(key: string): readonly Held[] {
    const staged = [...this.aside].flatMap(([token, state]) => (token.endsWith(`/${key}`) ? [state] : []));
    return [...this.states(key).filter(({ deleted }) => !deleted), ...staged];
  }

  /** An ETag follows the bytes, and is the same whatever else this simulation has done before. */
  etag(bytes: Uint8Array): string {
    const digest = sha256Hex(bytes);
    const known = this.#etags.get(digest) ?? `e${this.#etags.size + 1}`;
    this.#etags.set(digest, known);
    return known;
  }

  put(key: string, bytes: Uint8Array, attributes: Attributes, write: Write | undefined): State {
    const flipped = write === undefined && this.world.oneIn(this.options.flips, 'flip') && bytes.byteLength > 0;
    const stored = flipped ? Uint8Array.from(bytes, (byte, at) => (at === 0 ? byte ^ 1 : byte)) : bytes;
    this.#versions += 1;
    const state: State = {
      bytes: stored,
      attributes,
      write,
      version: this.options.versioned ? `v${this.#versions}` : '',
      deleted: false,
      etag: this.etag(bytes),
      told: sha256Hex(bytes),
      modified: this.world.now(),
    };
    this.set(key, this.options.versioned ? [...this.states(key), state] : [state]);
    return state;
  }

  /** Deletes as an application does. */
  erase(key: string): void {
    if (!this.options.versioned) this.set(key, []);
    if (!this.options.versioned || this.top(key) === undefined) return;
    this.#versions += 1;
    const marker = { bytes: new Uint8Array(), attributes: {}, write: undefined, deleted: true, etag: '', told: '' };
    const state = { ...marker, version: `v${this.#versions}`, modified: this.world.now() };
    this.set(key, [...this.states(key), state]);
  }

  set(key: string, states: State[]): void {
    if (states.length === 0) this.keys.delete(key);
    else this.keys.set(key, states);
    this.#listings.push(
      [...this.keys.keys()].sort().flatMap((one) => {
        const top = this.top(one);
        return top === undefined
          ? []
          : [{ key: one, size: top.bytes.byteLength, revision: top.etag, modified: top.modified }];
      }),
    );
  }

  listing(): readonly ListEntry[] {
    const back = this.world.oneIn(this.options.stale, 'stale') ? this.world.choose(3, 'how stale') : 0;
    return this.#listings[Math.max(0, this.#listings.length - 1 - back)] ?? [];
  }
}

const HOLDS: ReadonlySet<AttributeName> = new Set(['contentType', 'metadata', 'tags']);

/** The port of one process to a bucket. */
export class BucketStore implements Store {
  readonly name: string;
  readonly kind = 's3';
  readonly location: string;
  readonly holds = HOLDS;
  readonly #in: SimBucket;
  readonly #process: Process;

  constructor(bucket: SimBucket, process: Process) {
    this.#in = bucket;
    this.#process = process;
    this.name = bucket.options.name;
    this.location = `s3://sim/${this.name}/`;
  }

  async open(): Promise<void> {}
  async sweep(): Promise<void> {}
  async close(): Promise<void> {}

  async *list(_options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    const { after } = _options;
    const listed = await this.#ask('list', '', () => this.#in.listing());
    yield listed.filter(({ key }) => after === undefined || key > after);
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    return await this.#ask('head', key, () => {
      const top = this.#in.top(key);
      return top && this.#head(key, top);
    });
  }

  async read(key: string, { range, revision }: ReadOptions = {}): Promise<ObjectReader> {
    return await this.#ask('read', key, () => this.#reader(key, this.#in.top(key), range, revision));
  }

  async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    const bytes = await collected(body);
    return await this.#tell(`create`, key, [], () => {
      if (this.#in.top(key) !== undefined) throw this.#error('exists', 'create', key);
      return this.#head(key, this.#in.put(key, bytes, options.attributes ?? {}, undefined));
    });
  }

  async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    const bytes = await collected(body);
    const { versioned, cas } = this.#in.options;
    let kept: string | undefined;
    if (versioned) {
      const head = await this.head(key);
      if (head?.revision !== revision) throw this.#error('precondition', 'replace', key);
      kept = head.version;
    }
    const conditional = options.unconditional !== true && cas;
    const head = await this.#tell(`replace If-Match ${revision}`, key, ['tombstone', 'restore'], () => {
      if (conditional && this.#in.top(key)?.etag !== revision) throw this.#error('precondition', 'replace', key);
      return this.#head(key, this.#in.put(key, bytes, options.attributes ?? {}, undefined));
    });
    return kept === undefined ? { head } : { head, kept };
  }

  keptToken(): undefined {
    return undefined;
  }

  async headKept(key: string, kept: string): Promise<ObjectHead | undefined> {
    return await this.#ask(`head kept ${kept}`, key, () => {
      const state = this.#in.aside.get(kept) ?? this.#version(key, kept);
      return state && this.#head(key, state);
    });
  }

  async reinstate(
    key: string,
    revision: string | undefined,
    kept: string,
    options: ReinstateOptions = {},
  ): Promise<ObjectHead> {
    if (!kept.startsWith('staged:')) return await this.#withoutMarker(key, revision, kept);
    const old = await this.#ask('read staged', key, () => this.#in.aside.get(kept));
    if (old === undefined) throw this.#error('absent', 'reinstate', key);
    if (options.sha256 !== undefined && sha256Hex(old.bytes) !== options.sha256)
      throw this.#error('digest', 'reinstate', key);
    const head = await this.#tell(`reinstate If-Match ${revision}`, key, ['restore', 'tombstone'], () => {
      if (this.#in.top(key)?.etag !== revision) throw this.#error('precondition', 'reinstate', key);
      return this.#head(key, this.#in.put(key, old.bytes, old.attributes, old.write));
    });
    await this.purge.dropKept(key, kept);
    return head;
  }

  async #withoutMarker(key: string, revision: string | undefined, kept: string): Promise<ObjectHead> {
    const [below, newest] = (await this.#of(key)).slice(-2);
    if (newest === undefined || newest.revision !== revision || below?.version !== kept)
      throw this.#error('precondition', 'reinstate', key);
    await this.#drop(key, newest.version, ['restore', 'tombstone']);
    const now = (await this.#of(key)).at(-1);
    if (now?.version !== kept) throw this.#error('precondition', 'reinstate', key);
    const head = await this.#ask('head version', key, () => this.#version(key, kept));
    if (head === undefined) throw this.#error('absent', 'reinstate', key);
    return this.#head(key, head);
  }

  async remove(key: string, revision: string): Promise<void> {
    await this.#tell('remove', key, [], () => {
      if (this.#in.top(key)?.etag === revision) this.#in.set(key, []);
    });
  }

  readonly purge: PurgeStore = {
    dropKept: async (key, kept) => {
      if (kept.startsWith('staged:'))
        await this.#tell(`drop ${kept}`, key, undefined, () => void this.#in.aside.delete(kept));
      else await this.#drop(key, kept, ['purge']);
    },
    dropMarker: async (key, revision) => {
      await this.#tell(`delete If-Match ${revision}`, key, ['purge'], () => {
        const top = this.#in.top(key);
        if (top !== undefined && top.etag !== revision) throw this.#error('precondition', 'purge', key);
        this.#in.set(key, []);
      });
    },
    dropVersion: async ({ key, version }) => this.#drop(key, version, ['purge']),
  };

  get staging(): StagingStore | undefined {
    if (this.#in.options.versioned) return undefined;
    return {
      token: (key, revision) => `staged:${revision}/${key}`,
      holds: (kept) => kept.startsWith('staged:'),
      stage: async (key, revision, { sha256 }) => {
        const token = `staged:${revision}/${key}`;
        return await this.#tell(`stage ${revision}`, key, undefined, () => {
          const top = this.#in.top(key);
          if (top === undefined) throw this.#error('absent', 'stage', key);
          if (top.etag !== revision || sha256Hex(top.bytes) !== sha256) throw this.#error('precondition', 'stage', key);
          this.#in.aside.set(token, top);
          return this.#head(key, top);
        });
      },
    };
  }

  get versions(): VersionStore | undefined {
    if (!this.#in.options.versioned) return undefined;
    return {
      state: 'enabled',
      list: () => {
        throw new Error('no simulated plan moves histories');
      },
      of: async (key) => this.#of(key),
      head: async (key, version) =>
        await this.#ask(`head ${version}`, key, () => {
          const state = this.#version(key, version);
          return state && this.#head(key, state);
        }),
      read: async (key, version, { range, revision } = {}) =>
        await this.#ask(`read ${version}`, key, () => this.#reader(key, this.#version(key, version), range, revision)),
      mark: async () => {
        throw new Error('no simulated plan moves histories');
      },
      remove: async (key, version) => this.#drop(key, version, undefined),
    };
  }

  async #of(key: string): Promise<readonly Version[]> {
    return await this.#ask('list versions', key, () =>
      this.#in.states(key).map(({ version, deleted, bytes, etag, modified }) => ({
        version,
        marker: deleted,
        size: bytes.byteLength,
        revision: etag,
        modified,
      })),
    );
  }

  async #drop(key: string, version: string, steps: readonly string[] | undefined): Promise<void> {
    await this.#tell(`delete version ${version}`, key, steps, () =>
      this.#in.set(
        key,
        this.#in.states(key).filter((state) => state.version !== version),
      ),
    );
  }

  #version(key: string, version: string): State | undefined {
    return this.#in.states(key).find((state) => state.version === version && !state.deleted);
  }

  #head(key: string, { bytes, etag, told, modified, attributes, version }: State): ObjectHead {
    const head = { key, size: bytes.byteLength, revision: etag, sha256: told, modified, attributes };
    return version === '' ? head : { ...head, version };
  }

  #reader(
    key: string,
    state: State | undefined,
    range: ReadOptions['range'],
    revision: string | undefined,
  ): ObjectReader {
    if (state === undefined) throw this.#error('absent', 'read', key);
    if (revision !== undefined && state.etag !== revision) throw this.#error('precondition', 'read', key);
    const bytes = range === undefined ? state.bytes : state.bytes.subarray(range.start, range.end);
    const cut = this.#in.world.oneIn(this.#in.options.cuts, 'cut') ? this.#error('cut', 'read', key) : undefined;
    return { head: this.#head(key, state), body: chunks(bytes, cut), discard: async () => undefined };
  }

  #ask<T>(op: string, key: string, effect: () => T): Promise<T> {
    const { world } = this.#in;
    return world.call(
      this.#process,
      `${this.name}.${op} ${key}`,
      effect,
      () => this.#error('unreachable', op, key),
      false,
    );
  }

  /** A request that changes something. `steps`: what must be in the ledger as begun; left out where it only tidies up. */
  #tell<T>(op: string, key: string, steps: readonly string[] | undefined, effect: () => T): Promise<T> {
    const { world, options } = this.#in;
    const truth = this.#in.truth;
    const isDrop = op.startsWith('delete') || op.startsWith('drop');
    if (options.isSource && steps !== undefined && !this.#process.dead)
      truth?.checkBegun(key, steps, isDrop ? 'drop' : op);
    const watched = (): T => {
      const before = this.#in.all(key);
      const top = this.#in.top(key);
      const result = effect();
      if (options.isSource) truth?.checkDestroyed(key, before, top, truth.known(key)?.step === 'purge' ? 'purge' : op);
      else truth?.checkCentre(key, top);
      return result;
    };
    return world.call(
      this.#process,
      `${this.name}.${op} ${key}`,
      watched,
      () => this.#error('unreachable', op, key),
      true,
    );
  }

  #error(kind: StoreErrorKind, op: string, key: string): StoreError {
    return new StoreError({ kind, store: this.name, op, key, why: `simulated ${kind}` });
  }
}

export async function collected(body: Body): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  return Buffer.concat(await Array.fromAsync(body));
}

export async function* chunks(bytes: Uint8Array, cut: StoreError | undefined): AsyncGenerator<Uint8Array> {
  const half = Math.ceil(bytes.byteLength / 2);
  if (half > 0) yield bytes.subarray(0, half);
  if (cut !== undefined) throw cut;
  if (half < bytes.byteLength) yield bytes.subarray(half);
}
