import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import { type ObjectRow, objectRow } from './rows.ts';
import type { Transition } from './transition.ts';
import type { Writer } from './writer.ts';

/** One listed object that a partition selects. */
export interface Listed {
  readonly partition: string;
  readonly key: string;
  readonly size: number;
  readonly revision: string;
  /** Why it cannot be read as an object; it is then `failed` from the start. */
  readonly unusable?: string | undefined;
}

/** What a listing has seen beside the objects of partitions, in one pass. */
export interface Coverage {
  readonly excluded: { readonly objects: number; readonly bytes: number };
  readonly unassigned: { readonly objects: number; readonly bytes: number; readonly sample: readonly string[] };
}

/** Where the listing of one source stands. */
export interface InventoryState extends Coverage {
  readonly pass: number;
  readonly after: string | undefined;
  readonly complete: boolean;
  /** Running digest over this pass. */
  readonly chain: string;
  /** The digest of the first pass, once it was complete. */
  readonly digest: string | undefined;
  /** When this pass began, in milliseconds since 1970; `undefined` in a ledger of an older version. */
  readonly begunAt: number | undefined;
  /** All that this pass has seen, whatever the plan does with it. */
  readonly listed: { readonly objects: number; readonly bytes: number };
}

export interface PageEnd extends Coverage {
  /** All that the pass has seen so far. */
  readonly listed?: { readonly objects: number; readonly bytes: number };
  readonly after: string | undefined;
  readonly chain: string;
}

/** The part of the ledger that remembers listings, so that one that was cut off goes on at its last page. */
export class InventoryBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;
  readonly #transition: Transition;
  readonly #clock: Clock;
  readonly #insert: StatementSync;

  constructor(db: DatabaseSync, writer: Writer, transition: Transition, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#transition = transition;
    this.#clock = clock;
    this.#insert = db.prepare(`
      INSERT INTO object (partition, source, key, state, size, revision, reason, updated_at)
      SELECT partition.id, partition.source, ?, ?, ?, ?, ?, ? FROM partition WHERE partition.name = ?
      ON CONFLICT DO NOTHING`);
  }

  state(source: string): InventoryState | undefined {
    const row = this.#db
      .prepare('SELECT inventory.* FROM inventory JOIN store ON store.id = inventory.source WHERE store.name = ?')
      .get(source);
    if (row === undefined) return undefined;
    return {
      pass: Number(row['pass']),
      after: row['after_key'] === null ? undefined : String(row['after_key']),
      complete: row['complete'] === 1,
      chain: String(row['chain']),
      digest: row['digest'] === null ? undefined : String(row['digest']),
      begunAt: row['begun_at'] === null ? undefined : Number(row['begun_at']),
      listed: { objects: Number(row['listed_objects']), bytes: Number(row['listed_bytes']) },
      excluded: { objects: Number(row['excluded_objects']), bytes: Number(row['excluded_bytes']) },
      unassigned: {
        objects: Number(row['unassigned_objects']),
        bytes: Number(row['unassigned_bytes']),
        sample: JSON.parse(String(row['unassigned_sample'])) as string[],
      },
    };
  }

  /** Begins a listing from the first key; what earlier passes found stays. */
  begin(source: string, chain: string): void {
    this.#writer.now(() => {
      this.#db
        .prepare(`
          INSERT INTO inventory SELECT id, 1, NULL, 0, ?, NULL, 0, 0, 0, 0, '[]', ?, 0, 0 FROM store WHERE name = ?
          ON CONFLICT DO UPDATE SET pass = pass + 1, after_key = NULL, complete = 0, chain = excluded.chain,
            begun_at = excluded.begun_at, listed_objects = 0, listed_bytes = 0, excluded_objects = 0, excluded_bytes = 0, unassigned_objects = 0, unassigned_bytes = 0, unassigned_sample = '[]'`)
        .run(chain, this.#clock.now(), source);
    });
  }

  /** Writes a page and where the listing stands after it, both or neither. */
  page(source: string, listed: readonly Listed[], end: PageEnd): void {
    this.#writer.now(() => {
      for (const entry of listed) this.#add(source, entry);
      this.#place(source, end);
    });
  }

  /** Adds objects that no listing shows any more. */
  add(source: string, listed: readonly Listed[]): void {
    this.#writer.now(() => {
      for (const entry of listed) this.#add(source, entry);
    });
  }

  /** The last page was written: the listing is whole. */
  finish(source: string): void {
    this.#writer.now(() => {
      this.#db
        .prepare(`
          UPDATE inventory SET complete = 1, digest = coalesce(digest, chain)
          WHERE source = (SELECT id FROM store WHERE name = ?)`)
        .run(source);
    });
  }

  /** Makes the next run list this source from its first key. */
  reopen(source: string): void {
    this.#writer.now(() => {
      this.#db
        .prepare(`
          UPDATE inventory SET complete = 0, after_key = NULL, pass = 0, digest = NULL
          WHERE source = (SELECT id FROM store WHERE name = ?)`)
        .run(source);
    });
  }

  #place(source: string, end: PageEnd): void {
    this.#db
      .prepare(`
        UPDATE inventory SET after_key = ?, chain = ?, excluded_objects = ?, excluded_bytes = ?,
          unassigned_objects = ?, unassigned_bytes = ?, unassigned_sample = ?, listed_objects = ?, listed_bytes = ?
        WHERE source = (SELECT id FROM store WHERE name = ?)`)
      .run(
        end.after ?? null,
        end.chain,
        end.excluded.objects,
        end.excluded.bytes,
        end.unassigned.objects,
        end.unassigned.bytes,
        JSON.stringify(end.unassigned.sample),
        end.listed?.objects ?? 0,
        end.listed?.bytes ?? 0,
        source,
      );
  }

  #add(source: string, entry: Listed): void {
    const now = this.#clock.now();
    const state = entry.unusable === undefined ? 'planned' : 'failed';
    const { changes } = this.#insert.run(
      entry.key,
      state,
      entry.size,
      entry.revision,
      entry.unusable ?? null,
      now,
      entry.partition,
    );
    if (changes === 0) this.#again(source, entry);
  }

  /** An object that an earlier pass has listed: what does its revision tell now? */
  #again(source: string, entry: Listed): void {
    const row = this.#known(source, entry.key);
    if (row.state === 'planned') {
      this.#transition.apply(row, 'planned', { size: entry.size, revision: entry.revision });
      return;
    }
    const reason = writtenAgain(row, entry.revision);
    if (reason !== undefined) this.#transition.apply(row, 'conflict', { reason });
  }

  #known(source: string, key: string): ObjectRow {
    const raw = this.#db
      .prepare(`
        SELECT object.*, partition.name AS partition_name FROM object JOIN partition ON partition.id = object.partition
        WHERE object.source = (SELECT id FROM store WHERE name = ?) AND object.key = ?`)
      .get(source, key);
    if (raw === undefined) throw new Error('an object that was listed before is not in the ledger');
    return objectRow(raw);
  }
}

/** Why an object that ferry has already dealt with needs a person, going by the revision that is listed now. */
function writtenAgain(row: ObjectRow, revision: string): string | undefined {
  // A begun step may have put its marker there; the step itself finds out.
  if (row.intent !== undefined) return undefined;
  switch (row.state) {
    case 'copied':
    case 'verified':
      return revision === row.revision ? undefined : 'the source changed after its copy';
    case 'tombstoned':
      return revision === row.tombstone?.revision ? undefined : 'the source was written again after its tombstone';
    case 'purged':
      if (row.purge?.marker === 'left' && revision === row.tombstone?.revision) return undefined;
      return 'the source was written again after its purge';
    default:
      return undefined;
  }
}
