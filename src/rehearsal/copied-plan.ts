import type { Json } from '../base/canonical.ts';
import type { Plan } from '../plan/types.ts';

type Document = { readonly [name: string]: Json | undefined };

/** What a copy of a plan needs beside the plan. */
export interface CopyOptions {
  /** Documents of the stand-ins, by the names of the stores. */
  readonly stores: Readonly<Record<string, Json>>;
  /** Absolute paths of made-up manifests, by the index of the partition. */
  readonly manifests: ReadonlyMap<number, string>;
  /** Milliseconds; rounded up to whole seconds. */
  readonly holdMs: number;
}

/** Fields that a copy does without. A rehearsal has no one to ask, and no one's limits to keep. */
const LEFT_OUT: readonly (readonly [field: string, why: string])[] = [
  ['approvers', 'a rehearsal has no one to ask'],
  ['revoked', 'a rehearsal has no one to ask'],
  ['drift', 'nothing is sealed'],
  ['evidence', 'its secret stays with the real plan'],
  ['storageClass', 'the stand-in servers have no such classes'],
];

/**
 * The plan's own document with other stores, its own manifests, and without what a rehearsal has no use for. Everything else is as in
 * the plan, whatever the plan's format learns.
 */
export function copyOfPlan(plan: Plan, { stores, manifests, holdMs }: CopyOptions): Document {
  const dropped = new Set(LEFT_OUT.map(([field]) => field));
  const kept = Object.entries(plan.document).filter(([name]) => !dropped.has(name));
  const { concurrency } = plan.limits;
  return {
    ...Object.fromEntries(kept),
    stores: stores as Json,
    partitions: listOf(plan.document['partitions']).map((partition, index) => {
      const { storageClass: _, select, ...rest } = partition;
      const path = manifests.get(index);
      return { ...rest, select: path === undefined ? select : { manifest: { path, format: 'ndjson' } } };
    }) as Json,
    exclude: listOf(plan.document['exclude']).filter((rule) => rule['manifest'] === undefined) as Json,
    tombstone: { ...objectOf(plan.document['tombstone']), hold: `${Math.ceil(holdMs / 1_000)}s`, approvals: 0 } as Json,
    limits: { concurrency, minConcurrency: Math.min(concurrency, plan.limits.minConcurrency) },
  };
}

/** One sentence for each thing of the plan that is not rehearsed. */
export function notRehearsed(plan: Plan): string[] {
  const said = LEFT_OUT.flatMap(([field, why]) => (isGiven(plan.document[field]) ? [`${field}: ${why}`] : []));
  if (plan.tombstone.approvals > 0) said.push('tombstone.approvals: a rehearsal has no one to ask');
  const { bandwidth, requests, windows } = plan.limits;
  if (bandwidth !== undefined || requests !== undefined || windows.length > 0)
    said.push('limits other than concurrency: it would only take longer');
  if (plan.exclude.some(({ select }) => select.by === 'manifest'))
    said.push('excludes by manifest: their keys are real ones');
  for (const spec of Object.values(plan.stores)) {
    if (spec.type !== 's3') continue;
    if (spec.encryption?.type === 'SSE-C')
      said.push(`stores.${spec.name}: SSE-C needs https; the stand-in encrypts with a key of its own`);
    if (spec.pin !== undefined || spec.expect !== undefined || spec.ca !== undefined)
      said.push(`stores.${spec.name}: pin, expect and ca are about the real server`);
  }
  return said;
}

function isGiven(value: Json | undefined): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

function listOf(value: Json | undefined): Document[] {
  return Array.isArray(value) ? (value as Document[]) : [];
}

function objectOf(value: Json | undefined): Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Document) : {};
}
