import type { AttributeName } from '../../base/attribute-names.ts';
import type { ProbeStore } from '../probes.ts';
import type { PurgeStore } from '../purge.ts';
import type {
  Body,
  CallOptions,
  ListEntry,
  ListOptions,
  ObjectHead,
  ObjectReader,
  Observed,
  PartStore,
  ReadOptions,
  ReinstateOptions,
  Replaced,
  StagingStore,
  Store,
  StoreKind,
  WriteOptions,
} from '../store.ts';
import type { VersionStore } from '../versions.ts';

/** Hands every call to another store; a wrapper overrides what it changes. */
export class ForwardingStore implements Store {
  readonly name: string;
  readonly kind: StoreKind;
  readonly location: string;
  readonly tooLarge: Store['tooLarge'];
  protected readonly inner: Store;

  get parts(): PartStore | undefined {
    return this.inner.parts;
  }

  get versions(): VersionStore | undefined {
    return this.inner.versions;
  }

  get states(): Store['states'] {
    return this.inner.states;
  }

  get keptBytes(): Store['keptBytes'] {
    const { inner } = this;
    return inner.keptBytes && ((options) => inner.keptBytes?.(options) ?? nothing());
  }

  get openKept(): Store['openKept'] {
    return this.inner.openKept?.bind(this.inner);
  }

  // A bucket knows them only once it is open.
  get holds(): ReadonlySet<AttributeName> {
    return this.inner.holds;
  }

  get mayHold(): ReadonlySet<AttributeName> | undefined {
    return this.inner.mayHold;
  }

  get observed(): Observed | undefined {
    return this.inner.observed;
  }

  get copySource(): object | undefined {
    return this.inner.copySource;
  }

  get purge(): PurgeStore {
    return this.inner.purge;
  }

  get staging(): StagingStore | undefined {
    return this.inner.staging;
  }

  get writtenSince(): Store['writtenSince'] {
    return this.inner.writtenSince?.bind(this.inner);
  }

  get probes(): ProbeStore | undefined {
    return this.inner.probes;
  }

  constructor(inner: Store) {
    this.inner = inner;
    this.name = inner.name;
    this.kind = inner.kind;
    this.location = inner.location;
    this.tooLarge = inner.tooLarge;
  }

  open(options: { readonly create: boolean; readonly signal?: AbortSignal }): Promise<void> {
    return this.inner.open(options);
  }

  list(options: ListOptions): AsyncIterable<readonly ListEntry[]> {
    return this.inner.list(options);
  }

  head(key: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    return this.inner.head(key, options);
  }

  read(key: string, options?: ReadOptions): Promise<ObjectReader> {
    return this.inner.read(key, options);
  }

  create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    return this.inner.create(key, body, options);
  }

  replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    return this.inner.replace(key, revision, body, options);
  }

  keptToken(key: string, revision: string): string | undefined {
    return this.inner.keptToken(key, revision);
  }

  headKept(key: string, kept: string, options?: CallOptions): Promise<ObjectHead | undefined> {
    return this.inner.headKept(key, kept, options);
  }

  reinstate(key: string, revision: string | undefined, kept: string, options?: ReinstateOptions): Promise<ObjectHead> {
    return this.inner.reinstate(key, revision, kept, options);
  }

  remove(key: string, revision: string, options?: CallOptions): Promise<void> {
    return this.inner.remove(key, revision, options);
  }

  sweep(): Promise<void> {
    return this.inner.sweep();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

async function* nothing(): AsyncGenerator<never> {}
