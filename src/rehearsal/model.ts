import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FerryError, messageOf } from '../base/errors.ts';
import type { Plan } from '../plan/types.ts';
import { parseSealed } from '../policy/sealed-plan.ts';
import { histogramOf, meanOf, mixOf, type SizeBucket, type SizeDraw, type SizeMix } from './sizes.ts';

/** What the made-up population is like: per partition of the plan, in its order. */
export interface PopulationModel {
  readonly from: 'options' | 'ledger' | 'sealed plan';
  readonly partitions: readonly { readonly objects: number; readonly users: number; readonly sizes: SizeDraw }[];
}

export interface ModelOptions {
  /** Users for each partition. */
  readonly users: number;
  /** Objects of all partitions together; left out: some two or three for each user. */
  readonly objects?: number | undefined;
  /** Left out: as the ledger or the sealed plan tells, else `mixed`. */
  readonly sizes?: SizeMix | undefined;
  /** Where the ledger of the real plan would be. */
  readonly stateDir: string;
  /** A sealed plan, as a file. */
  readonly sealed?: string | undefined;
}

const OBJECTS_A_USER = 2.5;

/** What a partition really has, as far as it is known. */
interface Known {
  readonly objects: number;
  readonly sizes: SizeDraw;
}

/**
 * Takes the sizes, and how the objects are spread over the partitions, from the plan's own ledger, else from a sealed plan, else from
 * the options. Only counts and sizes are read there, no key. Changes nothing.
 */
export function modelOf(plan: Plan, options: ModelOptions): PopulationModel {
  const known = options.sizes === undefined ? (ofLedger(options.stateDir) ?? ofSealed(options.sealed)) : undefined;
  const total = known && [...known.of.values()].reduce((sum, { objects }) => sum + objects, 0);
  return {
    from: known?.from ?? 'options',
    partitions: plan.partitions.map(({ name }) => {
      const its = known?.of.get(name);
      const share = its === undefined || !total ? 1 / plan.partitions.length : its.objects / total;
      const objects =
        options.objects === undefined
          ? Math.ceil(options.users * OBJECTS_A_USER)
          : Math.max(1, Math.round(options.objects * share));
      const sizes = its?.sizes ?? mixOf(options.sizes ?? 'mixed');
      return { objects, users: Math.min(options.users, objects), sizes };
    }),
  };
}

type Found = { readonly from: 'ledger' | 'sealed plan'; readonly of: ReadonlyMap<string, Known> };

/** By powers of two. A ledger of another version, or none, tells nothing. */
function ofLedger(stateDir: string): Found | undefined {
  const file = join(stateDir, 'ledger.db');
  if (!existsSync(file)) return undefined;
  const db = new DatabaseSync(file, { readOnly: true, timeout: 10_000 });
  try {
    const rows = db
      .prepare(`
        SELECT partition.name AS name, CASE size WHEN 0 THEN -1 ELSE CAST(log2(size) AS INTEGER) END AS power, count(*) AS n
        FROM object JOIN partition ON partition.id = object.partition GROUP BY 1, 2 ORDER BY 1, 2`)
      .all();
    const buckets = new Map<string, SizeBucket[]>();
    for (const row of rows) {
      const name = String(row['name']);
      const power = Number(row['power']);
      const [least, most] = power < 0 ? [0, 0] : [2 ** power, 2 ** (power + 1) - 1];
      buckets.set(name, [...(buckets.get(name) ?? []), { least, most, objects: Number(row['n']) }]);
    }
    if (buckets.size === 0) return undefined;
    const known = [...buckets].map(([name, its]): [string, Known] => {
      return [name, { objects: its.reduce((sum, { objects }) => sum + objects, 0), sizes: histogramOf(its) }];
    });
    return { from: 'ledger', of: new Map(known) };
  } catch {
    return undefined;
  } finally {
    db.close();
  }
}

/** A sealed plan tells only counts and sums. @throws FerryError where it is none. */
function ofSealed(file: string | undefined): Found | undefined {
  if (file === undefined) return undefined;
  const { partitions } = parseSealed(read(file), file);
  const known = partitions.map(({ name, objects, bytes }): [string, Known] => {
    return [name, { objects, sizes: meanOf(objects === 0 ? 0 : bytes / objects) }];
  });
  return { from: 'sealed plan', of: new Map(known) };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const hint = '`ferry plan PLAN --out FILE` writes one';
    const why = messageOf(error);
    throw new FerryError({ fault: 'usage', op: 'read the sealed plan', subject: file, why, hint, cause: error });
  }
}
