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
  if (known['routing'] !== plan.routing || !sameStores(db, plan)) takeOver(db, plan);
  db.prepare('UPDATE ledger SET plan_digest = ?, routing = ?').run(plan.planDigest, plan.routing);
}

/**
 * Takes over a plan whose routing has changed. Objects that were copied, or are on their way, keep their partition and their stores, so these must be in
 * the plan as they were; all others are forgotten and listed anew.
 */
function takeOver(db: DatabaseSync, plan: Routing): void {
  for (const used of db.prepare(USED).all()) {
    const partition = plan.partitions.find(({ name }) => name === used['partition']);
    const isSame =
      partition?.from === used['source'] &&
      partition?.to === used['centre'] &&
      locationOf(plan, partition?.from) === used['source_location'] &&
      locationOf(plan, partition?.to) === used['centre_location'];
    if (!isSame) throw routingChanged(String(used['partition']));
  }
  db.exec(FORGET);
  insertRouting(db, plan);
}

const USED = `
  SELECT DISTINCT partition.name AS partition, source.name AS source, source.location AS source_location,
    centre.name AS centre, centre.location AS centre_location
  FROM partition
  JOIN store AS source ON source.id = partition.source
  JOIN store AS centre ON centre.id = partition.centre
  WHERE EXISTS (
    SELECT 1 FROM object WHERE object.partition = partition.id
    AND (object.sha256 IS NOT NULL OR object.id IN (SELECT object FROM upload)))`;

const FORGET = `
  DELETE FROM object WHERE sha256 IS NULL AND id NOT IN (SELECT object FROM upload);
  DELETE FROM inventory;
  DELETE FROM tally WHERE partition NOT IN (SELECT partition FROM object);
  DELETE FROM partition WHERE id NOT IN (SELECT partition FROM object);
  DELETE FROM probe WHERE store NOT IN (SELECT source FROM partition UNION SELECT centre FROM partition);
  DELETE FROM store WHERE id NOT IN (SELECT source FROM partition UNION SELECT centre FROM partition);`;

function locationOf(plan: Routing, store: string | undefined): string | undefined {
  return plan.stores.find(({ name }) => name === store)?.location;
}

function insertRouting(db: DatabaseSync, plan: Routing): void {
  const store = db.prepare('INSERT OR IGNORE INTO store (name, location) VALUES (?, ?)');
  for (const { name, location } of plan.stores) store.run(name, location);
  const partition = db.prepare(
    'INSERT OR IGNORE INTO partition (name, source, centre) SELECT ?, s.id, c.id FROM store s, store c WHERE s.name = ? AND c.name = ?',
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

function routingChanged(partition: string): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'go on with the plan',
    subject: `partition ${partition}`,
    why: 'objects of it have been copied, and it or one of its stores is no longer what it was then',
    hint: 'put it back as it was (other partitions and excludes may change), or give the changed plan another name',
  });
}
