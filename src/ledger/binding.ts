import type { DatabaseSync } from 'node:sqlite';
import { FerryError } from '../base/errors.ts';

/** What of a plan decides where objects go, and under which digest. */
export interface Routing {
  readonly plan: string;
  readonly planDigest: string;
  readonly routing: string;
  readonly stores: readonly { readonly name: string; readonly location: string }[];
  readonly partitions: readonly { readonly name: string; readonly from: string; readonly to: string }[];
}

/**
 * Writes the plan's stores and partitions into the ledger, or checks that they are the ones that are there. Runs inside a
 * transaction of the caller's.
 */
export function bindPlan(db: DatabaseSync, plan: Routing, uuid: string, now: number): void {
  const known = db.prepare('SELECT plan, routing FROM ledger').get();
  if (known === undefined) {
    db.prepare('INSERT INTO ledger VALUES (1, ?, ?, ?, ?, ?)').run(uuid, plan.plan, plan.planDigest, plan.routing, now);
    insertRouting(db, plan);
    return;
  }
  if (known['plan'] !== plan.plan) throw otherPlan(String(known['plan']), plan.plan);
  if (known['routing'] !== plan.routing || !sameStores(db, plan)) {
    const moved = db
      .prepare("SELECT key, state FROM object WHERE state <> 'planned' AND sha256 IS NOT NULL LIMIT 1")
      .get();
    if (moved !== undefined) throw routingChanged(String(moved['key']), String(moved['state']));
    db.exec(
      'DELETE FROM object; DELETE FROM tally; DELETE FROM inventory; DELETE FROM partition; DELETE FROM probe; DELETE FROM store',
    );
    insertRouting(db, plan);
  }
  db.prepare('UPDATE ledger SET plan_digest = ?, routing = ?').run(plan.planDigest, plan.routing);
}

function insertRouting(db: DatabaseSync, plan: Routing): void {
  const store = db.prepare('INSERT INTO store (name, location) VALUES (?, ?)');
  for (const { name, location } of plan.stores) store.run(name, location);
  const partition = db.prepare(
    'INSERT INTO partition (name, source, centre) SELECT ?, s.id, c.id FROM store s, store c WHERE s.name = ? AND c.name = ?',
  );
  for (const { name, from, to } of plan.partitions) partition.run(name, from, to);
}

function sameStores(db: DatabaseSync, plan: Routing): boolean {
  const known = new Map(
    db
      .prepare('SELECT name, location FROM store')
      .all()
      .map((row) => [String(row['name']), String(row['location'])]),
  );
  return plan.stores.length === known.size && plan.stores.every(({ name, location }) => known.get(name) === location);
}

function otherPlan(known: string, given: string): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'use the ledger',
    subject: `plan ${given}`,
    why: `the state directory belongs to plan ${known}`,
    hint: 'name another directory with --state',
  });
}

function routingChanged(key: string, state: string): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'go on with the plan',
    subject: 'stores, partitions or exclude',
    why: `they are not those under which objects have already moved (first: ${JSON.stringify(key)}, ${state})`,
    hint: 'put them back as they were, or give the changed plan another name',
  });
}
