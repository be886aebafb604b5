import { ATTRIBUTE_NAMES, type AttributeName } from '../../base/attribute-names.ts';
import { sha256Hex } from '../../base/digest.ts';
import { compareUtf8 } from '../../base/order.ts';
import type { PurgeStore } from '../purge.ts';
import {
  type Attributes,
  type Body,
  type CallOptions,
  type ListEntry,
  type ListOptions,
  type ObjectHead,
  type ObjectReader,
  type ReadOptions,
  type Replaced,
  type Store,
  StoreError,
  type StoreErrorKind,
  type WriteOptions,
} from '../store.ts';

interface Held {
  readonly bytes: Uint8Array;
  readonly head: ObjectHead;
}

const PAGE = 1_000;

/** A store in this process's memory, with all that the port promises; for tests and for what is not there yet in a dry run. */
export class MemoryStore implements Store {
  readonly name: string;
  readonly kind = 'memory';
  readonly location: string;
  readonly holds: ReadonlySet<AttributeName>;
  readonly purge: PurgeStore = {
    dropKept: async (_key, kept) => {
      this.#kept.delete(kept);
    },
    dropMarker: async (key, revision) => {
      if (this.#objects.has(key)) await this.remove(key, revision);
    },
  };
  readonly #objects = new Map<string, Held>();
  readonly #kept = new Map<string, Held>();
  #writes = 0;

  /** `holds` of the store that it stands for; all attributes where none is named. */
  constructor(options: { readonly name: string; readonly holds?: ReadonlySet<AttributeName> }) {
    this.name = options.name;
    this.location = `memory://${options.name}`;
    this.holds = options.holds ?? new Set(ATTRIBUTE_NAMES);
  }

  async open(): Promise<void> {}

  async *list(options: ListOptions): AsyncGenerator<readonly ListEntry[]> {
    const { prefix = '', after, signal } = options;
    const keys = [...this.#objects.keys()]
      .filter((key) => key.startsWith(prefix) && (after === undefined || compareUtf8(key, after) > 0))
      .sort(compareUtf8);
    for (let at = 0; at < keys.length; at += PAGE) {
      signal?.throwIfAborted();
      yield keys.slice(at, at + PAGE).flatMap((key) => this.#objects.get(key)?.head ?? []);
    }
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    return this.#objects.get(key)?.head;
  }

  async read(key: string, { range, revision }: ReadOptions = {}): Promise<ObjectReader> {
    const held = this.#objects.get(key);
    if (held === undefined) throw this.#error('absent', 'read', key, 'there is no such object');
    if (revision !== undefined && held.head.revision !== revision) {
      throw this.#error('precondition', 'read', key, 'it is another object by now');
    }
    const bytes = range === undefined ? held.bytes : held.bytes.subarray(range.start, range.end);
    return { head: held.head, body: chunksOf(bytes), discard: async () => undefined };
  }

  async create(key: string, body: Body, options: WriteOptions): Promise<ObjectHead> {
    this.#checkKey(key);
    const bytes = await this.#collect(key, body, options);
    if (this.#objects.has(key)) throw this.#error('exists', 'create', key, 'there is an object already');
    return this.#put(key, bytes, options.attributes);
  }

  async replace(key: string, revision: string, body: Body, options: WriteOptions): Promise<Replaced> {
    this.#checkKey(key);
    const bytes = await this.#collect(key, body, options);
    const old = this.#objects.get(key);
    if (old?.head.revision !== revision)
      throw this.#error('precondition', 'replace', key, 'it is another object by now');
    const kept = this.keptToken(key, revision);
    this.#kept.set(kept, old);
    return { head: this.#put(key, bytes, options.attributes), kept };
  }

  keptToken(key: string, revision: string): string {
    return `${revision}/${key}`;
  }

  async headKept(_key: string, kept: string): Promise<ObjectHead | undefined> {
    return this.#kept.get(kept)?.head;
  }

  async reinstate(key: string, revision: string | undefined, kept: string): Promise<ObjectHead> {
    const old = this.#kept.get(kept);
    if (old === undefined) throw this.#error('absent', 'reinstate', key, 'nothing is kept under that token');
    if (this.#objects.get(key)?.head.revision !== revision) {
      throw this.#error('precondition', 'reinstate', key, 'it is another object by now');
    }
    this.#kept.delete(kept);
    return this.#put(key, old.bytes, old.head.attributes);
  }

  async remove(key: string, revision: string): Promise<void> {
    if (this.#objects.get(key)?.head.revision !== revision) {
      throw this.#error('precondition', 'remove', key, 'it is another object by now');
    }
    this.#objects.delete(key);
  }

  async sweep(): Promise<void> {}

  async close(): Promise<void> {}

  #put(key: string, bytes: Uint8Array, attributes: Attributes = {}): ObjectHead {
    this.#writes += 1;
    const head: ObjectHead = {
      key,
      size: bytes.byteLength,
      revision: `write-${this.#writes}`,
      modified: Date.now(),
      sha256: sha256Hex(bytes),
      attributes,
    };
    this.#objects.set(key, { bytes, head });
    return head;
  }

  async #collect(key: string, body: Body, options: WriteOptions & CallOptions): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body instanceof Uint8Array ? [body] : body) {
      options.signal?.throwIfAborted();
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    if (bytes.byteLength !== options.size) {
      throw this.#error(
        'cut',
        'write',
        key,
        `the body has ${bytes.byteLength} bytes where ${options.size} were announced`,
      );
    }
    if (options.sha256 !== undefined && sha256Hex(bytes) !== options.sha256) {
      throw this.#error('digest', 'write', key, 'the body has another SHA-256 than announced');
    }
    return bytes;
  }

  #checkKey(key: string): void {
    if (key === '' || !key.isWellFormed())
      throw this.#error('key', 'write', key, 'a key is a non-empty, well-formed string');
  }

  #error(kind: StoreErrorKind, op: string, key: string, why: string): StoreError {
    return new StoreError({ kind, store: this.name, op, key, why });
  }
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
