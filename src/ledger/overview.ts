import type { Database } from './database.ts';
import { type State, UNRESOLVED, type Unresolved } from './lifecycle.ts';
import { type ObjectRow, stateOf } from './rows.ts';

/** Objects whose size is in one class. */
export interface SizeClass {
  /** Bytes: from this size … */
  readonly from: number;
  /** … to below this one; `undefined` in the last class. */
  readonly below: number | undefined;
  readonly objects: number;
  readonly bytes: number;
}

/** What can be told of an object together with when it happened. */
export const EVENTS = ['copied', 'verified', 'tombstoned', 'purged'] as const;
export type EventName = (typeof EVENTS)[number];

/** What happened to objects in one stretch of time. */
export interface TimeBucket {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly what: EventName;
  readonly objects: number;
  readonly bytes: number;
}

export interface ReasonCount {
  readonly state: Unresolved;
  readonly reason: string;
  readonly objects: number;
  readonly bytes: number;
}

const KIB = 1_024;

/** Ends of the classes of size, in bytes. */
const ENDS = [1, KIB, 16 * KIB, 256 * KIB, 4 * KIB ** 2, 64 * KIB ** 2, KIB ** 3, 16 * KIB ** 3] as const;

/**
 * When each object was proven, tombstoned and purged, by the records that are kept of it. One that is only copied, and one of a ledger of
 * before those records were kept, has only the time of its last change.
 */
const WHEN = `
  SELECT CASE WHEN state = 'copied' THEN 'copied' ELSE 'verified' END AS what,
    CASE WHEN state = 'copied' THEN updated_at ELSE coalesce(verified ->> 'at', updated_at) END AS at, size
  FROM object NOT INDEXED WHERE state IN ('copied', 'verified', 'tombstoned', 'purged', 'restored') OR verified IS NOT NULL
  UNION ALL SELECT 'tombstoned', tombstone ->> 'at', size FROM object NOT INDEXED WHERE tombstone IS NOT NULL
  UNION ALL SELECT 'purged', purge ->> 'at', size FROM object NOT INDEXED WHERE purge IS NOT NULL`;

const KIND = "kind_of(coalesce(reason, ''))";

/** What in a reason is of one object alone: what stands in quotes (as JSON writes it), digests, numbers. */
const OF_ONE = /"(?:[^"\\]|\\.)*"|\b[0-9a-f]{32,}\b|(?<![-\w])\d+\b/g;

/** A reason without what is of one object alone; of these a key can be personal data. */
export function kindOf(reason: string): string {
  return reason.replaceAll(OF_ONE, '…');
}

/** Counts over all objects, made by the database: what comes back does not grow with them. Nothing here changes the ledger. */
export class Overview {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    db.function('kind_of', { deterministic: true }, (reason) => kindOf(String(reason)));
  }

  /** Reads that see the ledger as it was at one moment, whatever a writer does meanwhile. */
  atOnce<T>(read: () => T): T {
    this.#db.exec('BEGIN');
    try {
      return read();
    } finally {
      this.#db.exec('COMMIT');
    }
  }

  /** Every class of size, also where no object is in it. Counted from the rows, not from the tallies. */
  sizes(): SizeClass[] {
    const found = new Map<number, { objects: number; bytes: number }>();
    const classes = ENDS.map((end, index) => `WHEN size < ${end} THEN ${index}`).join(' ');
    const rows = this.#db
      .prepare(
        `SELECT CASE ${classes} ELSE ${ENDS.length} END AS class, count(*) AS objects, sum(size) AS bytes FROM object GROUP BY class`,
      )
      .all();
    for (const row of rows)
      found.set(Number(row['class']), { objects: Number(row['objects']), bytes: Number(row['bytes']) });
    return [...ENDS, undefined].map((below, index) => ({
      from: index === 0 ? 0 : (ENDS[index - 1] ?? 0),
      below,
      ...(found.get(index) ?? { objects: 0, bytes: 0 }),
    }));
  }

  /** From when to when something happened to objects, in milliseconds since 1970; `undefined` where nothing has. */
  span(): { readonly from: number; readonly to: number } | undefined {
    const row = this.#db.prepare(`SELECT min(at) AS "from", max(at) AS "to" FROM (${WHEN})`).get();
    return row === undefined || row['from'] === null ? undefined : { from: Number(row['from']), to: Number(row['to']) };
  }

  /** What happened to objects, in stretches of this many milliseconds; only those in which something did, in their order. */
  timeline(width: number): TimeBucket[] {
    return this.#db
      .prepare(`
        SELECT at / CAST(?1 AS INTEGER) * CAST(?1 AS INTEGER) AS "from", what, count(*) AS objects, sum(size) AS bytes FROM (${WHEN})
        GROUP BY 1, 2 ORDER BY 1, 2`)
      .all(width)
      .map((row) => ({
        from: Number(row['from']),
        what: eventOf(row['what']),
        objects: Number(row['objects']),
        bytes: Number(row['bytes']),
      }));
  }

  /**
   * Why objects need a person: the most frequent kinds of reasons first, and how many there are in all.
   */
  reasons(most: number): { readonly reasons: readonly ReasonCount[]; readonly different: number } {
    const of = `FROM object WHERE state IN (${UNRESOLVED.map((state) => `'${state}'`).join(', ')}) GROUP BY state, ${KIND}`;
    const reasons = this.#db
      .prepare(
        `SELECT state, ${KIND} AS reason, count(*) AS objects, sum(size) AS bytes ${of} ORDER BY objects DESC, 1, 2 LIMIT ?`,
      )
      .all(most)
      .map((row) => ({
        state: stateOf(row['state']) as Unresolved,
        reason: String(row['reason']),
        objects: Number(row['objects']),
        bytes: Number(row['bytes']),
      }));
    const different = Number(this.#db.prepare(`SELECT count(*) AS n FROM (SELECT 1 ${of})`).get()?.['n']);
    return { reasons, different };
  }

  /** The first objects of a state, in the order in which they were listed. */
  first(state: State, most: number): Pick<ObjectRow, 'key' | 'partition' | 'size' | 'reason'>[] {
    return this.#db
      .prepare(`
        SELECT key, partition.name AS partition, size, reason FROM object JOIN partition ON partition.id = object.partition
        WHERE state = ? ORDER BY object.id LIMIT ?`)
      .all(state, most)
      .map((row) => ({
        key: String(row['key']),
        partition: String(row['partition']),
        size: Number(row['size']),
        reason: row['reason'] === null ? undefined : String(row['reason']),
      }));
  }
}

function eventOf(value: unknown): EventName {
  const known = EVENTS.find((name) => name === value);
  if (known === undefined) throw new Error(`no such event: ${String(value)}`);
  return known;
}
