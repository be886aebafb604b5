import { z } from 'zod';
import { canonicalJson, type Json } from '../base/canonical.ts';
import { type ObjectLeaf, OUTCOMES, readObject } from './object-leaf.ts';

/** Everything that can be a leaf of the log. docs/evidence.md tells each; nothing is added to a type within a version of the format. */

const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const count = z.number().int().nonnegative();
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const sum = z.strictObject({ bytes: count, objects: count });

const objectLeaf = z.strictObject({
  type: z.literal('object'),
  centre: z.string(),
  centreVersion: z.string().optional(),
  history: z.strictObject({ digest: hex, states: count }).optional(),
  integrity: z.literal(true).optional(),
  key: digest,
  outcome: z.enum(OUTCOMES),
  partition: z.string(),
  purge: z
    .strictObject({ at: time, marker: z.enum(['removed', 'left']), markers: count, uploads: count, versions: count })
    .optional(),
  sha256: hex.optional(),
  size: count,
  source: z.string(),
  sourceVersion: z.string().optional(),
  tombstone: z.strictObject({ at: time, holdUntil: time }).optional(),
  verified: z.strictObject({ at: time, how: z.enum(['readback', 'attested']) }).optional(),
  was: count.optional(),
});

const planLeaf = z.strictObject({
  type: z.literal('plan'),
  digest,
  document: z.record(z.string(), z.json()),
  findings: z.array(
    z.strictObject({ message: z.string(), rule: z.string(), severity: z.string(), subject: z.string() }),
  ),
  name: z.string(),
  tool: z.strictObject({ name: z.string(), version: z.string() }),
});

const sealLeaf = z.strictObject({
  type: z.literal('seal'),
  approvers: z.array(
    z.strictObject({ jurisdiction: z.string(), key: z.string(), keyid: z.string(), name: z.string() }),
  ),
  digest,
  inventories: z.array(z.strictObject({ bytes: count, digest: z.string(), objects: count, source: z.string() })),
  plan: digest,
  planName: z.string(),
  revoked: z.array(z.string()),
});

const approvalLeaf = z.strictObject({
  type: z.literal('approval'),
  at: time,
  envelope: z.string(),
  seal: digest,
  what: z.string(),
});

const inventoryLeaf = z.strictObject({
  type: z.literal('inventory'),
  begun: time.optional(),
  digest: z.string(),
  excluded: sum,
  listed: sum,
  pass: count,
  source: z.string(),
  unassigned: sum,
});

const observedLeaf = z.strictObject({
  type: z.literal('observed'),
  addresses: z.array(z.string()),
  at: time,
  host: z.string(),
  pin: z.string().optional(),
  region: z.string().optional(),
  store: z.string(),
});

const probeLeaf = z.strictObject({
  type: z.literal('probe'),
  at: time,
  capability: z.string(),
  result: z.enum(['yes', 'no', 'unknown']),
  store: z.string(),
});

const accessLeaf = z.strictObject({
  type: z.literal('access'),
  at: time,
  command: z.string().optional(),
  event: z.enum(['begin', 'end']),
  host: z.string().optional(),
  /** Calls are counted from 1. */
  invocation: count,
  jurisdiction: z.string().optional(),
  operator: z.string().optional(),
  outcome: z.string().optional(),
  partitions: z.array(z.string()).optional(),
  version: z.string().optional(),
});

const egressLeaf = z.strictObject({
  type: z.literal('egress'),
  invocation: count,
  reached: z.array(
    z.strictObject({
      address: z.string(),
      bytesIn: count,
      bytesOut: count,
      connections: count,
      host: z.string(),
      port: count,
      store: z.string().optional(),
    }),
  ),
});

const scanLeaf = z.strictObject({
  type: z.literal('scan'),
  at: time,
  stores: z.array(
    z.strictObject({
      clean: z.boolean(),
      deleteMarkers: count,
      kept: count,
      late: count,
      name: z.string(),
      objects: count,
      proven: z.boolean(),
      tombstones: count,
      uploads: count,
      versions: count,
    }),
  ),
});

/** What an auditor signed; the envelope is judged by who knows the auditor's key. */
const auditLeaf = z.strictObject({ type: z.literal('audit'), at: time, envelope: z.string() });

/** An object that a change of the plan took out; nothing had been written for it. */
const droppedLeaf = z.strictObject({ type: z.literal('dropped'), was: count });

/** How many objects of each partition have which newest outcome; those that are only planned are not counted. */
const tallyLeaf = z.strictObject({
  type: z.literal('tally'),
  partitions: z.array(
    z.strictObject({
      bytes: count,
      name: z.string(),
      objects: count,
      outcomes: z.partialRecord(z.enum(OUTCOMES), count),
    }),
  ),
  planned: count,
});

/** The ledger was lost and rebuilt: this log begins anew, and tombstones that are older than it are of the log before. */
const recoveryLeaf = z.strictObject({
  type: z.literal('recovery'),
  at: time,
  /** The head of the log before, where there was one to go by. */
  earlier: z.strictObject({ at: z.string(), root: hex, size: count }).optional(),
});

const leafSchema = z.discriminatedUnion('type', [
  objectLeaf,
  planLeaf,
  sealLeaf,
  approvalLeaf,
  inventoryLeaf,
  observedLeaf,
  probeLeaf,
  accessLeaf,
  egressLeaf,
  scanLeaf,
  auditLeaf,
  droppedLeaf,
  tallyLeaf,
  recoveryLeaf,
]);

/** A leaf of anything but an object. */
export type OtherLeaf = Exclude<z.infer<typeof leafSchema>, { type: 'object' }>;
export type Leaf = ObjectLeaf | OtherLeaf;
export type LeafOf<T extends Leaf['type']> = Extract<Leaf, { type: T }>;

/** The canonical JSON (RFC 8785) of a leaf; members that are `undefined` are left out. */
export function leafText(leaf: Leaf): string {
  return canonicalJson(leaf as unknown as Json);
}

/** Reads a leaf. @throws Error that says what is wrong: no JSON, not canonical, or of no type that this version knows. */
export function readLeaf(text: string): Leaf {
  const object = readObject(text);
  if (object !== undefined) return object;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
  const read = leafSchema.safeParse(value);
  if (!read.success) {
    const { path, message } = read.error.issues[0] ?? { path: [], message: 'unknown' };
    throw new Error(`it is no leaf that this version knows: ${path.join('.')}${path.length > 0 ? ': ' : ''}${message}`);
  }
  if (!isCanonical(value as Json, text)) throw new Error('it is not canonical JSON');
  return read.data as Leaf;
}

function isCanonical(value: Json, text: string): boolean {
  try {
    return canonicalJson(value) === text;
  } catch {
    return false;
  }
}

/** Types of leaves and their members, in the order of the schemas: docs/evidence.md is checked against it. */
export const MEMBERS = leafSchema.options.map(({ shape }) => ({
  type: shape.type.value,
  members: Object.entries(shape)
    .filter(([name]) => name !== 'type')
    .map(([name, schema]) => ({ name, optional: schema instanceof z.ZodOptional }))
    .sort((a, b) => (a.name < b.name ? -1 : 1)),
}));
