import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { canonicalJson, type Json } from '../base/canonical.ts';
import type { Clock } from '../base/clock.ts';
import { mayMove, type State } from './lifecycle.ts';
import type { ObjectChange, ObjectRow } from './rows.ts';

/** The one place where an object's state changes. */
export class Transition {
  readonly #clock: Clock;
  readonly #update: StatementSync;

  constructor(db: DatabaseSync, clock: Clock) {
    this.#clock = clock;
    this.#update = db.prepare(UPDATE);
  }

  /**
   * Moves an object, or changes what is known of it where `to` is its state. Runs inside a transaction of the caller's.
   *
   * @throws Error for a move that the lifecycle does not allow, or when the object is not in the state that the caller saw: a bug.
   */
  apply(row: ObjectRow, to: State, change: ObjectChange): void {
    if (row.state !== to && !mayMove(row.state, to)) {
      throw new Error(`object ${row.id} may not move from ${row.state} to ${to}`);
    }
    const { changes } = this.#update.run({
      id: row.id,
      from: row.state,
      to,
      size: change.size ?? null,
      revision: change.revision ?? null,
      sha256: change.sha256 ?? null,
      setComposite: change.composite === undefined ? 0 : 1,
      composite: change.composite ?? null,
      centre: change.centreRevision ?? null,
      attributes: json(change.attributes),
      setIntent: change.intent === undefined ? 0 : 1,
      intent: json(change.intent),
      tombstone: json(change.tombstone),
      purge: json(change.purge),
      verified: json(change.verified),
      setReason: change.reason === undefined ? 0 : 1,
      reason: change.reason ?? null,
      integrity: change.integrity === undefined ? null : Number(change.integrity),
      now: this.#clock.now(),
    });
    if (changes !== 1) throw new Error(`object ${row.id} is no longer ${row.state}`);
  }
}

const UPDATE = `
  UPDATE object SET
    state = :to,
    size = coalesce(:size, size),
    revision = coalesce(:revision, revision),
    sha256 = coalesce(:sha256, sha256),
    composite = CASE WHEN :setComposite THEN :composite ELSE composite END,
    centre_revision = coalesce(:centre, centre_revision),
    attributes = coalesce(:attributes, attributes),
    intent = CASE WHEN :setIntent THEN :intent ELSE intent END,
    tombstone = coalesce(:tombstone, tombstone),
    purge = coalesce(:purge, purge),
    reason = CASE WHEN :setReason THEN :reason ELSE reason END,
    integrity = coalesce(:integrity, integrity),
    verified = CASE WHEN :to = 'copied' THEN NULL ELSE coalesce(:verified, verified) END,
    unlogged = 1,
    updated_at = :now
  WHERE id = :id AND state = :from`;

function json(value: unknown): string | null {
  return value === undefined || value === null ? null : canonicalJson(value as Json);
}
