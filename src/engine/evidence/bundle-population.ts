import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../../base/errors.ts';
import { readLeaf } from '../../evidence/leaf.ts';
import type { Manifest } from '../../evidence/manifest.ts';
import type { ObjectLeaf } from '../../evidence/object-leaf.ts';
import { type Looking, stillThere } from '../../migration/absence.ts';
import { digestOfObject } from '../../migration/bytes.ts';
import { endsOf } from '../../migration/context.ts';
import { markerFor } from '../../migration/marker.ts';
import { StoreError } from '../../store/store.ts';
import type { AuditObject, AuditPopulation } from '../audit.ts';
import { linesIn } from './check-segment.ts';
import { openingsIn } from './openings.ts';

const MIGRATED: ReadonlySet<string> = new Set(['verified', 'tombstoned', 'purged']);

/** What stands for an object without bytes: a history of delete markers alone. */
const NONE = Buffer.alloc(32);

/**
 * The migrated objects of a bundle that was checked, in the order of their newest leaves. It needs no ledger; the bundle must have the keys in
 * plain. One segment is in memory at a time.
 *
 * @throws FerryError `usage` for a bundle without keys.
 */
export async function bundlePopulation(
  folder: string,
  manifest: Manifest,
  partitions: ReadonlySet<string> | undefined,
): Promise<AuditPopulation> {
  const isAsked = ({ partition, outcome }: ObjectLeaf): boolean =>
    MIGRATED.has(outcome) && partitions?.has(partition) !== false;
  let size = 0;
  const digest = createHash('sha256');
  for await (const { leaf } of walk(folder, manifest, isAsked)) {
    size += 1;
    digest.update(leaf.sha256 === undefined ? NONE : Buffer.from(leaf.sha256, 'hex'));
  }
  return {
    size,
    sha256: digest.digest('hex'),
    at: (indices) => chosen(walk(folder, manifest, isAsked), indices),
  };
}

export interface Told {
  readonly at: number;
  readonly leaf: ObjectLeaf;
  readonly key: string;
}

/** Objects whose newest leaf is wanted, each with its key, in the order of the leaves. @throws FerryError `usage` for a bundle without keys. */
export async function* walk(
  folder: string,
  { files, segments }: Manifest,
  isAsked: (leaf: ObjectLeaf) => boolean,
): AsyncGenerator<Told> {
  const names = files.map(({ name }) => name).filter((name) => name.startsWith('keys/'));
  if (names.length === 0 && files.length > 0) throw withoutKeys(folder);
  const keys = openingsIn(folder, names);
  let next = keys.next().value;
  for (const { first, lines } of segments) {
    let at = first;
    const bytes = readFileSync(join(folder, lines.name));
    for await (const some of linesIn(bytes, lines.name, () => at)) {
      for (const line of some) {
        if (next?.leaf === at) {
          const leaf = readLeaf(line.toString('utf8'));
          if (leaf.type === 'object' && isAsked(leaf)) yield { at, leaf, key: next.key };
          next = keys.next().value;
        }
        at += 1;
      }
    }
  }
}

async function* chosen(walked: AsyncIterable<Told>, indices: Iterable<number>): AsyncGenerator<AuditObject> {
  const wanted = indices[Symbol.iterator]();
  let next = wanted.next();
  let index = 0;
  for await (const told of walked) {
    if (next.done === true) return;
    if (next.value === index) {
      next = wanted.next();
      yield { ...rowOf(told), index };
    }
    index += 1;
  }
}

/** A leaf as the row that it was made of, as far as it tells it. */
function rowOf({ at, leaf, key }: Told): Omit<AuditObject, 'index'> {
  const { partition, size, sha256, outcome, tombstone } = leaf;
  return {
    id: at,
    partition,
    key,
    state: outcome,
    size,
    revision: leaf.sourceVersion ?? '',
    sha256,
    composite: undefined,
    centreRevision: leaf.centreVersion,
    attributes: {},
    intent: undefined,
    // The marker's own revision is put in by who knows the plan.
    tombstone: tombstone && { revision: '', at: Date.parse(tombstone.at), holdUntil: Date.parse(tombstone.holdUntil) },
    purge: undefined,
    verified: undefined,
    reason: undefined,
    integrity: false,
  };
}

/**
 * Why an object is not as its leaf has it: bytes at the centre, which are all read, and what is at its source. Attributes and older states
 * are not in a leaf, so they are not looked at.
 */
export async function differsFromLeaf(context: Looking, object: AuditObject): Promise<string | undefined> {
  const { centre } = endsOf(context, object);
  const { sha256, size, tombstone } = object;
  if (sha256 !== undefined) {
    const wrong = await differsAtCentre(centre, object.key, { sha256, size }, context.signal);
    if (wrong !== undefined) return wrong;
  }
  if (object.state === 'verified' || tombstone === undefined) return undefined;
  const { at, holdUntil } = tombstone;
  const { bytes } = markerFor(context, object, { step: 'tombstone', at, holdUntil, revision: '' }, centre);
  // The ETag that a bucket gives to an object of one part that it does not encrypt with a key of KMS or of the client.
  const revision = createHash('md5').update(bytes).digest('hex');
  return await stillThere(context, { ...object, tombstone: { ...tombstone, revision } });
}

async function differsAtCentre(
  centre: ReturnType<typeof endsOf>['centre'],
  key: string,
  told: { readonly sha256: string; readonly size: number },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const there = await digestOfObject(centre, key, { signal });
    if (there.sha256 === told.sha256 && there.size === told.size) return undefined;
    return `${centre.name} gives back ${there.size} bytes with SHA-256 ${there.sha256}; the evidence has ${told.size} with ${told.sha256}`;
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'absent') return `the copy has vanished from ${centre.name}`;
    throw error;
  }
}

function withoutKeys(folder: string): FerryError {
  return new FerryError({
    fault: 'usage',
    op: 'audit',
    subject: folder,
    why: 'the bundle has no keys in plain, so that no object can be found',
    hint: 'ask for one that was made with `ferry evidence export --keys plain`',
  });
}
