import type { StatementSync } from 'node:sqlite';

import type { Database } from './database.ts';
import { noStates, type State } from './lifecycle.ts';
import { type ObjectRow, objectRow, stateOf } from './rows.ts';

export interface Tally {
  readonly partition: string;
  objects: number;
  bytes: number;
  readonly states: Record<State, number>;
}

/** What of a partition is in one state. */
export interface Standing {
  readonly partition: string;
  readonly state: State;
  readonly objects: number;
  readonly bytes: number;
}

const ROW =
  'SELECT object.*, partition.name AS partition_name FROM object JOIN partition ON partition.id = object.partition';

/** What readers ask of a ledger. Nothing here changes it. */
export class Queries {
  readonly #db: Database;
  readonly #next: StatementSync;
  readonly #byKey: StatementSync;

  constructor(db: Database) {
    this.#db = db;
    this.#next = db.prepare(`${ROW} WHERE object.state = ? AND object.id > ? ORDER BY object.id LIMIT ?`);
    this.#byKey = db.prepare(`${ROW} WHERE object.source = (SELECT id FROM store WHERE name = ?) AND object.key = ?`);
  }

  /** Rows of one state after an id, in order of id. */
  next(state: State, afterId: number, limit: number): ObjectRow[] {
    return this.#next.all(state, afterId, limit).map(objectRow);
  }

  /** Rows of one state whose next step was begun, after an id, in order of id. */
  nextBegun(state: State, afterId: number, limit: number): ObjectRow[] {
    return this.#db
      .prepare(
        `${ROW} WHERE object.state = ? AND object.id > ? AND object.intent IS NOT NULL ORDER BY object.id LIMIT ?`,
      )
      .all(state, afterId, limit)
      .map(objectRow);
  }

  /** All rows of the given states, streamed in order of id. */
  *inStates(states: readonly State[], pageSize = 1_000): Generator<ObjectRow> {
    for (const state of states) {
      let after = 0;
      for (;;) {
        const page = this.next(state, after, pageSize);
        if (page.length === 0) break;
        yield* page;
        after = page[page.length - 1]?.id ?? after;
      }
    }
  }

  /**
   * The digests of a page of rows after an id, in order of id, of some states and, where named, of some partitions. The rows are read in
   * their own order: sorting what an index gives would cost as much for each page as for all.
   */
  digestsAfter(
    afterId: number,
    limit: number,
    states: readonly State[],
    partitions: readonly string[] | undefined,
  ): { readonly id: number; readonly sha256: string | undefined }[] {
    const named = partitions === undefined ? null : JSON.stringify(partitions);
    return this.#db
      .prepare(`
        SELECT id, sha256 FROM object NOT INDEXED
        WHERE id > ? AND state IN (SELECT value FROM json_each(?)) AND (? IS NULL OR partition IN (
          SELECT partition.id FROM partition JOIN json_each(?) AS named ON partition.name = named.value))
        ORDER BY id LIMIT ?`)
      .all(afterId, JSON.stringify(states), named, named ?? '[]', limit)
      .map((row) => ({ id: Number(row['id']), sha256: row['sha256'] === null ? undefined : String(row['sha256']) }));
  }

  byKey(source: string, key: string): ObjectRow | undefined {
    const raw = this.#byKey.get(source, key);
    return raw === undefined ? undefined : objectRow(raw);
  }

  /** A page of a source's keys after one, in UTF-8 order. */
  keysOf(source: string, after: string, limit: number): string[] {
    return this.#db
      .prepare(
        'SELECT key FROM object WHERE source = (SELECT id FROM store WHERE name = ?) AND key > ? ORDER BY key LIMIT ?',
      )
      .all(source, after, limit)
      .map((row) => String(row['key']));
  }

  /**
   * The digests that name kept bytes of a source's tombstones (docs/tombstone.md), sorted, each with its object. The sorting is the
   * database's, which takes it to the disk where it grows; only digests and ids are sorted, no keys.
   */
  *keptBy(source: string): Generator<{ readonly token: string; readonly object: number }> {
    const rows = this.#db
      .prepareApart(`
        WITH held AS (
          SELECT id, replace(json_extract(tombstone, '$.kept'), 'staged:.ferry-held/', '') AS kept FROM object
          WHERE source = (SELECT id FROM store WHERE name = ?) AND json_extract(tombstone, '$.kept') IS NOT NULL
        )
        SELECT substr(kept, 1, 64) AS token, id FROM held ORDER BY token`)
      .iterate(source);
    for (const row of rows) yield { token: String(row['token']), object: Number(row['id']) };
  }

  /** A page of a source's keys after one, in UTF-8 order, of the partitions that move to one centre. */
  keysTo(source: string, centre: string, after: string, limit: number): string[] {
    return this.#db
      .prepare(`
        SELECT key FROM object JOIN partition ON partition.id = object.partition
        WHERE object.source = (SELECT id FROM store WHERE name = ?) AND key > ?
          AND partition.centre = (SELECT id FROM store WHERE name = ?)
        ORDER BY key LIMIT ?`)
      .all(source, after, centre, limit)
      .map((row) => String(row['key']));
  }

  /** Some key below `key/` that a source's object was written under at a centre; `undefined` where none was. */
  writtenBelow(source: string, centre: string, key: string): string | undefined {
    const row = this.#db
      .prepare(`
        SELECT key FROM object JOIN partition ON partition.id = object.partition
        WHERE object.source = (SELECT id FROM store WHERE name = ?) AND key > ? AND key < ?
          AND partition.centre = (SELECT id FROM store WHERE name = ?) AND centre_revision IS NOT NULL
        LIMIT 1`)
      .get(source, `${key}/`, `${key}0`, centre);
    return row === undefined ? undefined : String(row['key']);
  }

  byId(id: number): ObjectRow {
    const raw = this.#db.prepare(`${ROW} WHERE object.id = ?`).get(id);
    if (raw === undefined) throw new Error(`the ledger has no object ${id}`);
    return objectRow(raw);
  }

  /** Counts per partition, in the plan's order, with zeros. */
  tallies(): Tally[] {
    const byName = new Map<string, Tally>();
    for (const { name } of this.#db.prepare('SELECT name FROM partition ORDER BY id').all()) {
      byName.set(String(name), { partition: String(name), objects: 0, bytes: 0, states: noStates() });
    }
    const rows = this.#db
      .prepare(
        'SELECT partition.name, state, objects, bytes FROM tally JOIN partition ON partition.id = tally.partition',
      )
      .all();
    for (const row of rows) {
      const tally = byName.get(String(row['name']));
      if (tally === undefined) continue;
      tally.objects += Number(row['objects']);
      tally.bytes += Number(row['bytes']);
      tally.states[stateOf(row['state'])] += Number(row['objects']);
    }
    return [...byName.values()];
  }

  /** Objects and bytes of each partition in each state that any of its objects is in; in no order. */
  standing(): Standing[] {
    return this.#db
      .prepare(
        'SELECT partition.name, state, objects, bytes FROM tally JOIN partition ON partition.id = tally.partition WHERE objects > 0',
      )
      .all()
      .map((row) => ({
        partition: String(row['name']),
        state: stateOf(row['state']),
        objects: Number(row['objects']),
        bytes: Number(row['bytes']),
      }));
  }

  /** How many objects are in one of these states. */
  count(states: readonly State[]): number {
    return this.tallies().reduce((sum, tally) => sum + states.reduce((n, state) => n + tally.states[state], 0), 0);
  }

  /** Whether a run was cut off before it had removed old bytes that nothing relies on. */
  anyLeaving(): boolean {
    const found = this.#db
      .prepare("SELECT 1 FROM object WHERE state = 'tombstoned' AND tombstone ->> 'leaving' IS NOT NULL LIMIT 1")
      .get();
    return found !== undefined;
  }

  /** Whether any object failed because bytes or digests do not agree. */
  integrityFailures(): number {
    const row = this.#db
      .prepare("SELECT count(*) AS n FROM object WHERE integrity = 1 AND state IN ('failed', 'tombstoned')")
      .get();
    return Number(row?.['n'] ?? 0);
  }
}
