import type { DatabaseSync } from 'node:sqlite';
import { canonicalJson, type Json } from '../base/canonical.ts';
import type { Attributes } from '../store/store.ts';
import type { Writer } from './writer.ts';

/** One state of an object's history that is at its centre. Size in bytes, digests as hex. */
export interface VersionRecord {
  /** From 1, the oldest first. */
  readonly position: number;
  readonly sourceVersion: string;
  /** A delete marker: no bytes, no digest. */
  readonly marker: boolean;
  readonly size: number;
  /** At the source; empty for a marker. */
  readonly revision: string;
  readonly sha256: string | undefined;
  readonly composite: string | undefined;
  readonly attributes: Attributes;
  /** `undefined` where the centre made no delete marker, since nothing was to be hidden. */
  readonly centreVersion: string | undefined;
}

/** The part of the ledger that maps the versions of sources to those of centres. */
export class HistoryBook {
  readonly #db: DatabaseSync;
  readonly #writer: Writer;

  constructor(db: DatabaseSync, writer: Writer) {
    this.#db = db;
    this.#writer = writer;
  }

  /** What is known to be at the centre of an object's history, oldest first. */
  of(object: number): VersionRecord[] {
    return this.#db
      .prepare('SELECT * FROM version WHERE object = ? ORDER BY position')
      .all(object)
      .map((row) => ({
        position: Number(row['position']),
        sourceVersion: String(row['source_version']),
        marker: row['marker'] === 1,
        size: Number(row['size']),
        revision: String(row['revision']),
        sha256: text(row['sha256']),
        composite: text(row['composite']),
        attributes: row['attributes'] === null ? {} : (JSON.parse(String(row['attributes'])) as Attributes),
        centreVersion: text(row['centre_version']),
      }));
  }

  /** Resolves when it is on disk. */
  arrived(object: number, record: VersionRecord): Promise<void> {
    return this.#writer.write(() => {
      this.#db
        .prepare('INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
        .run(
          object,
          record.position,
          record.sourceVersion,
          record.marker ? 1 : 0,
          record.size,
          record.revision,
          record.sha256 ?? null,
          record.composite ?? null,
          canonicalJson(record.attributes as Json),
          record.centreVersion ?? null,
        );
    });
  }

  /** How many states of histories are at centres, all together. */
  counts(): { readonly versions: number; readonly markers: number } {
    const row = this.#db.prepare('SELECT count(*) AS n, coalesce(sum(marker), 0) AS markers FROM version').get();
    const markers = Number(row?.['markers'] ?? 0);
    return { versions: Number(row?.['n'] ?? 0) - markers, markers };
  }
}

function text(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}
