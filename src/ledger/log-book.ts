import { randomBytes } from 'node:crypto';
import type { StatementSync } from 'node:sqlite';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Clock } from '../base/clock.ts';
import { Frontier, leafHash } from '../base/merkle.ts';
import type { Database } from './database.ts';
import { type ObjectRow, objectRow } from './rows.ts';
import type { Writer } from './writer.ts';

/** What the log says next: the bytes of a leaf, and what it is of. */
export interface NewLeaf {
  /** Canonical JSON. */
  readonly text: string;
  /** Of an object: its id. */
  readonly object?: number;
  /** Of anything else: what it is called, and a digest of what is said, so that it is not said twice. */
  readonly said?: { readonly subject: string; readonly digest: string };
  /** Of an object that is not in the ledger any more: the leaf that it had. */
  readonly dropped?: number;
}

/** An object that has changed since its newest leaf, or has none. */
export interface Unlogged {
  readonly row: ObjectRow;
  /** The name of its store. */
  readonly source: string;
  readonly centre: string;
  /** The number of its newest leaf. */
  readonly was: number | undefined;
}

/** A head of the tree that was signed. */
export interface SignedHead {
  readonly size: number;
  readonly keyid: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The text of the envelope. */
  readonly envelope: string;
}

export interface Testimony {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: 'scan' | 'audit';
  /** JSON. */
  readonly text: string;
}

/** As many leaves as go into one batch of the table at most. */
const BATCH = 4_096;

/** Bytes of the secret that keys are hashed with. */
const SALT = 32;

/**
 * The log of evidence: leaves in their order, in batches, with the tree over them. Batches are only added, which triggers see to; a batch,
 * the tree and what was said of each object change in one transaction.
 */
export class LogBook {
  readonly #db: Database;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #unlogged: StatementSync;
  readonly #logged: StatementSync;

  constructor(db: Database, writer: Writer, clock: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#clock = clock;
    this.#unlogged = db.prepare(`
      SELECT object.*, partition.name AS partition_name, store.name AS source_name, centre.name AS centre_name
      FROM object INDEXED BY object_unlogged JOIN partition ON partition.id = object.partition
      JOIN store ON store.id = object.source JOIN store AS centre ON centre.id = partition.centre
      WHERE unlogged = 1 AND object.state <> 'planned' AND object.id > ? ORDER BY object.id LIMIT ?`);
    this.#logged = db.prepare('UPDATE object SET leaf = ?, unlogged = 0 WHERE id = ?');
  }

  /** How many leaves there are. */
  get size(): number {
    return Number(this.#db.prepare('SELECT size FROM log_tree').get()?.['size'] ?? 0);
  }

  /** The root of the tree over all leaves. */
  root(): Buffer {
    return this.#tree().root();
  }

  /** The secret that keys are hashed with; made, at random or as given, when it is first asked for. 32 bytes. */
  salt(given?: Uint8Array): Buffer {
    const row = this.#db.prepare('SELECT salt FROM log_tree').get();
    if (row !== undefined) return Buffer.from(row['salt'] as Uint8Array);
    const salt = given === undefined ? randomBytes(SALT) : Buffer.from(given);
    this.#writer.now(() => {
      this.#db.prepare('INSERT INTO log_tree VALUES (1, 0, ?, ?)').run(Buffer.alloc(0), salt);
    });
    return salt;
  }

  /** Adds leaves, at most a few thousand at a time, and remembers whose they are. On disk when it returns. */
  append(leaves: readonly NewLeaf[]): void {
    if (leaves.length === 0) return;
    this.salt();
    this.#writer.now(() => {
      const tree = this.#tree();
      const say = this.#db.prepare(
        'INSERT INTO log_said VALUES (?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest',
      );
      for (let at = 0; at < leaves.length; at += BATCH) {
        const batch = leaves.slice(at, at + BATCH);
        const text = Buffer.from(batch.map((leaf) => `${leaf.text}\n`).join(''));
        this.#db.prepare('INSERT INTO log VALUES (?, ?, ?)').run(tree.size, batch.length, zstdCompressSync(text));
        for (const leaf of batch) {
          if (leaf.object !== undefined) this.#logged.run(tree.size, leaf.object);
          if (leaf.said !== undefined) say.run(leaf.said.subject, leaf.said.digest);
          if (leaf.dropped !== undefined) this.#db.prepare('DELETE FROM dropped WHERE leaf = ?').run(leaf.dropped);
          tree.push(leafHash(Buffer.from(leaf.text)));
        }
      }
      this.#db.prepare('UPDATE log_tree SET size = ?, frontier = ?').run(tree.size, tree.bytes());
    });
  }

  /** The lines of all leaves, each with its end of line, batch by batch. */
  *batches(): Generator<{ readonly first: number; readonly leaves: number; readonly lines: Buffer }> {
    let after = -1;
    const next = this.#db.prepare('SELECT * FROM log WHERE first > ? ORDER BY first LIMIT 1');
    for (let row = next.get(after); row !== undefined; row = next.get(after)) {
      after = Number(row['first']);
      yield {
        first: after,
        leaves: Number(row['leaves']),
        lines: zstdDecompressSync(row['texts'] as Uint8Array),
      };
    }
  }

  /** The leaves from `start` to before `end`, without ends of lines. */
  lines(start: number, end: number): Buffer[] {
    const found: Buffer[] = [];
    const rows = this.#db.prepareApart('SELECT * FROM log WHERE first < ? AND first + leaves > ? ORDER BY first');
    for (const row of rows.iterate(end, start)) {
      const first = Number(row['first']);
      const all = linesOf(zstdDecompressSync(row['texts'] as Uint8Array));
      found.push(...all.slice(Math.max(0, start - first), end - first));
    }
    return found;
  }

  /** The digest of what was said last of a subject. */
  said(subject: string): string | undefined {
    const row = this.#db.prepare('SELECT digest FROM log_said WHERE subject = ?').get(subject);
    return row === undefined ? undefined : String(row['digest']);
  }

  /** Objects that the log has something new to say of, in order of id. */
  unlogged(afterId: number, limit: number): Unlogged[] {
    return this.#unlogged.all(afterId, limit).map((raw) => ({
      row: objectRow(raw),
      source: String(raw['source_name']),
      centre: String(raw['centre_name']),
      was: raw['leaf'] === null ? undefined : Number(raw['leaf']),
    }));
  }

  /** Newest leaves of objects that are not in the ledger any more. */
  dropped(): number[] {
    return this.#db
      .prepare('SELECT leaf FROM dropped ORDER BY leaf')
      .all()
      .map((row) => Number(row['leaf']));
  }

  /** The newest leaf of an object; `undefined` before the first. */
  leafOf(object: number): number | undefined {
    const leaf = this.#db.prepare('SELECT leaf FROM object WHERE id = ?').get(object)?.['leaf'];
    return leaf === null || leaf === undefined ? undefined : Number(leaf);
  }

  /** All objects that have a leaf, in the order of their newest ones. */
  *keys(): Generator<{
    readonly leaf: number;
    readonly partition: string;
    readonly source: string;
    readonly key: string;
  }> {
    const rows = this.#db
      .prepareApart(`
        SELECT leaf, partition.name AS partition, store.name AS source, key FROM object
        JOIN store ON store.id = object.source JOIN partition ON partition.id = object.partition
        WHERE leaf IS NOT NULL ORDER BY leaf`)
      .iterate();
    for (const row of rows) {
      yield {
        leaf: Number(row['leaf']),
        partition: String(row['partition']),
        source: String(row['source']),
        key: String(row['key']),
      };
    }
  }

  heads(): SignedHead[] {
    return this.#db
      .prepare('SELECT * FROM head ORDER BY size, at, keyid')
      .all()
      .map((row) => ({
        size: Number(row['size']),
        keyid: String(row['keyid']),
        at: Number(row['at']),
        envelope: String(row['envelope']),
      }));
  }

  /** Remembers a head; one of the same size and key stays as it was. */
  signed(head: SignedHead): void {
    this.#writer.now(() => {
      this.#db
        .prepare('INSERT INTO head VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
        .run(head.size, head.keyid, head.at, head.envelope);
    });
  }

  testify(kind: Testimony['kind'], text: string): void {
    this.#writer.now(() => {
      this.#db.prepare('INSERT INTO testimony (at, kind, text) VALUES (?, ?, ?)').run(this.#clock.now(), kind, text);
    });
  }

  testimony(): Testimony[] {
    return this.#db
      .prepare('SELECT * FROM testimony ORDER BY id')
      .all()
      .map((row) => ({
        id: Number(row['id']),
        at: Number(row['at']),
        kind: row['kind'] === 'scan' ? 'scan' : 'audit',
        text: String(row['text']),
      }));
  }

  #tree(): Frontier {
    const row = this.#db.prepare('SELECT size, frontier FROM log_tree').get();
    return row === undefined ? new Frontier() : Frontier.of(Number(row['size']), row['frontier'] as Uint8Array);
  }
}

/** Lines without their ends. */
export function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
