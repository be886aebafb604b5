import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { FerryError } from '../base/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { State } from '../ledger/lifecycle.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { AuditObject, AuditPopulation } from './audit.ts';

/** The states in which an object counts as migrated. */
const MIGRATED: readonly State[] = ['verified', 'tombstoned', 'purged'];

const PAGE = 1_000;

/** What stands for an object without bytes: a history of delete markers alone. */
const NONE = Buffer.alloc(32);

/**
 * The migrated objects of a ledger, in the order of their ids, which is the order in which they were first listed. Nothing is held but the page at
 * hand.
 *
 * @param partitions only these; left out: all.
 * @throws DOMException `AbortError` when stopped.
 */
export async function ledgerPopulation(
  ledger: Ledger,
  partitions: readonly string[] | undefined,
  stop: AbortSignal,
): Promise<AuditPopulation> {
  const counted = new Counted();
  for await (const { sha256 } of walk(ledger, partitions, stop)) counted.add(sha256);
  const { size } = counted;
  const digest = counted.digest();
  return {
    size,
    sha256: digest,
    at: (indices) => chosen(ledger, walk(ledger, partitions, stop), indices, digest),
  };
}

/** The population is walked to its end: a sample of one that has changed is none. */
async function* chosen(
  ledger: Ledger,
  walked: AsyncIterable<Migrated>,
  indices: Iterable<number>,
  digest: string,
): AsyncGenerator<AuditObject> {
  const counted = new Counted();
  const wanted = indices[Symbol.iterator]();
  let next = wanted.next();
  for await (const { id, sha256 } of walked) {
    const index = counted.size;
    counted.add(sha256);
    if (next.done === true || next.value !== index) continue;
    next = wanted.next();
    yield { ...stillMigrated(ledger.queries.byId(id)), index };
  }
  if (next.done !== true || counted.digest() !== digest) throw changed();
}

interface Migrated {
  readonly id: number;
  readonly sha256: string | undefined;
}

async function* walk(
  ledger: Ledger,
  partitions: readonly string[] | undefined,
  stop: AbortSignal,
): AsyncGenerator<Migrated> {
  for (let after = 0; ; ) {
    const page = ledger.queries.digestsAfter(after, PAGE, MIGRATED, partitions);
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.id;
    yield* page;
    await setImmediate(undefined, { signal: stop });
  }
}

class Counted {
  size = 0;
  readonly #hash = createHash('sha256');

  add(sha256: string | undefined): void {
    this.size += 1;
    this.#hash.update(sha256 === undefined ? NONE : Buffer.from(sha256, 'hex'));
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

function stillMigrated(row: ObjectRow): ObjectRow {
  if (!MIGRATED.includes(row.state)) throw changed();
  return row;
}

function changed(): FerryError {
  return new FerryError({
    fault: 'unreachable',
    op: 'audit',
    subject: 'the ledger',
    why: 'other objects are in it as migrated than when the sample was drawn',
    hint: 'audit again when no run and no restore is on',
  });
}
