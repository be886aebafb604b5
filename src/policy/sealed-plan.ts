import { z } from 'zod';
import { canonicalJson, type Json } from '../base/canonical.ts';
import { digestOf, sha256Hex } from '../base/digest.ts';
import { type Ed25519PublicKey, parsePublicKey } from '../base/ed25519.ts';
import { FerryError } from '../base/errors.ts';
import { type Approver, approversOf } from '../plan/approver-keys.ts';
import type { Plan } from '../plan/types.ts';
import { formatBytes } from '../plan/units.ts';

export const SEALED_FORMAT = 'ferry/sealed-plan/v1';

/** The listing of one source: everything in it, whatever the plan does with it. */
export interface SealedInventory {
  readonly source: string;
  /** Of every entry in its order; hex SHA-256. */
  readonly digest: string;
  readonly objects: number;
  readonly bytes: number;
}

/** What a dry run found, as it is sealed. docs/approvals.md tells it byte for byte. */
export interface SealedSurvey {
  readonly inventories: readonly SealedInventory[];
  readonly totals: { readonly objects: number; readonly bytes: number };
  readonly partitions: readonly Readonly<Record<'name' | 'from' | 'to', string> & Record<SealedCount, number>>[];
  readonly unassigned: { readonly objects: number; readonly bytes: number };
  readonly excluded: { readonly objects: number; readonly bytes: number };
  readonly findings: readonly Readonly<Record<'rule' | 'severity' | 'subject' | 'message', string>>[];
}

type SealedCount = 'objects' | 'bytes' | 'alreadyThere' | 'conflicts' | 'tombstones';

/** A sealed plan as it was read. */
export interface SealedPlan extends SealedSurvey {
  /** `sha256:…` over the bytes of the file; what approvals are bound to. */
  readonly digest: string;
  readonly text: string;
  readonly at: string;
  readonly plan: { readonly name: string; readonly digest: string; readonly document: PlanDocument };
  readonly approvers: readonly Approver[];
}

type PlanDocument = Plan['document'];

/** The text of a sealed plan: canonical JSON (RFC 8785), without an end of line. */
export function sealedText(plan: Plan, found: SealedSurvey, version: string, at: Date): string {
  return canonicalJson({
    format: SEALED_FORMAT,
    tool: { name: 'ferry', version },
    at: at.toISOString(),
    plan: { name: plan.name, digest: plan.digest, document: plan.document },
    approvers: approversOf(plan).map(sealedApprover),
    ...(found as unknown as { readonly [name: string]: Json }),
  });
}

export function sealedDigest(text: string): string {
  return `sha256:${sha256Hex(text)}`;
}

function sealedApprover({ name, jurisdiction, key }: Approver): Record<string, string> {
  return { name, jurisdiction, keyid: key.id, key: key.openssh };
}

/**
 * Reads a sealed plan.
 *
 * @param from where it is from, for messages.
 * @throws FerryError `usage` for what is none, or of a newer version; `integrity` where its parts do not agree with each other.
 */
export function parseSealed(text: string, from: string): SealedPlan {
  const value = parseCanonical(text, from);
  const plan = value.plan;
  if (digestOf(plan.document) !== plan.digest || plan.document['name'] !== plan.name) {
    throw broken('integrity', from, 'its plan is not the one of the digest that it tells');
  }
  const approvers = value.approvers.map(({ name, jurisdiction, keyid, key }) => {
    const parsed = keyOf(key, from);
    if (parsed.id !== keyid) throw broken('integrity', from, `the key of ${name} is not the one of its id`);
    return { name, jurisdiction, key: parsed };
  });
  return { ...value, approvers, digest: sealedDigest(text), text };
}

const sum = z.looseObject({ objects: z.number(), bytes: z.number() });

/** Members that are not named here may be added within a version. */
const writtenSchema = z.looseObject({
  at: z.string(),
  plan: z.looseObject({ name: z.string(), digest: z.string(), document: z.record(z.string(), z.json()) }),
  approvers: z.array(z.looseObject({ name: z.string(), jurisdiction: z.string(), keyid: z.string(), key: z.string() })),
  inventories: z.array(
    z.looseObject({ source: z.string(), digest: z.string(), objects: z.number(), bytes: z.number() }),
  ),
  totals: sum,
  partitions: z.array(
    z.looseObject({
      name: z.string(),
      from: z.string(),
      to: z.string(),
      objects: z.number(),
      bytes: z.number(),
      alreadyThere: z.number(),
      conflicts: z.number(),
      tombstones: z.number(),
    }),
  ),
  unassigned: sum,
  excluded: sum,
  findings: z.array(
    z.looseObject({ rule: z.string(), severity: z.string(), subject: z.string(), message: z.string() }),
  ),
});

type Written = z.output<typeof writtenSchema>;

function parseCanonical(text: string, from: string): Written {
  let value: { readonly format?: unknown } | null;
  try {
    value = JSON.parse(text) as { readonly format?: unknown } | null;
  } catch {
    throw broken('usage', from, 'it is no JSON');
  }
  const format = value?.format;
  if (format !== SEALED_FORMAT) {
    const isNewer = typeof format === 'string' && /^ferry\/sealed-plan\/v\d+$/.test(format);
    const why = isNewer ? `it is of version ${format}; this ferry knows ${SEALED_FORMAT}` : 'it is no sealed plan';
    throw broken('usage', from, why);
  }
  const written = asWritten(value, text);
  if (written === undefined) throw broken('integrity', from, CHANGED);
  return written;
}

const CHANGED = 'it is not as ferry writes it: something of it was changed';

function asWritten(value: unknown, text: string): Written | undefined {
  try {
    const parsed = writtenSchema.safeParse(value);
    return parsed.success && canonicalJson(value as Json) === text ? parsed.data : undefined;
  } catch (error) {
    // Half of a surrogate pair, or nested more deeply than the stack goes: ferry writes neither.
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function keyOf(text: string, from: string): Ed25519PublicKey {
  try {
    return parsePublicKey(text);
  } catch {
    throw broken('integrity', from, 'a key in it is damaged');
  }
}

function broken(fault: 'usage' | 'integrity', from: string, why: string): FerryError {
  const hint = '`ferry plan PLAN --out FILE` writes one; approvals are bound to its very bytes';
  return new FerryError({ fault, op: 'read the sealed plan', subject: from, why, hint });
}

/**
 * Whether a plan is the one that was sealed: the same document, and the same keys of approvers. `revoked` alone may differ: a key
 * can be revoked after the sealing, and the ids of both count.
 *
 * @returns what differs, or `undefined`.
 */
export function planChange(plan: Plan, sealed: SealedPlan): string | undefined {
  const rest = ({ revoked: _, ...document }: PlanDocument): string => digestOf(document);
  if (rest(plan.document) !== rest(sealed.plan.document)) {
    return `the plan changed since it was sealed (sealed ${sealed.plan.digest}, now ${plan.digest})`;
  }
  const keys = (approvers: readonly Approver[]): string => canonicalJson(approvers.map(sealedApprover));
  if (keys(approversOf(plan)) === keys(sealed.approvers)) return undefined;
  return 'the key of an approver is another one than when the plan was sealed';
}

/** Ids of keys that do not count: of the plan as it is now and of the sealed one. */
export function revokedIn(plan: Plan, sealed: SealedPlan): ReadonlySet<string> {
  const before = sealed.plan.document['revoked'];
  return new Set([...plan.revoked, ...(Array.isArray(before) ? before.map(String) : [])]);
}

/**
 * Whether the sources differ more from what was sealed than the plan's `drift` allows, each by itself and all together. What was
 * replaced by as many bytes cannot be counted, so another digest is at least one object.
 *
 * @returns what differs, or `undefined`.
 */
export function driftBeyond(
  allowed: Plan['drift'],
  sealed: readonly SealedInventory[],
  now: readonly SealedInventory[],
): string | undefined {
  let [objects, bytes] = [0, 0];
  for (const is of now) {
    const was = sealed.find(({ source }) => source === is.source);
    if (was === undefined) return `${is.source} was not listed when the plan was sealed`;
    if (was.digest === is.digest) continue;
    objects += Math.max(1, Math.abs(is.objects - was.objects));
    bytes += Math.abs(is.bytes - was.bytes);
  }
  if (objects <= allowed.objects && bytes <= allowed.bytes) return undefined;
  const more = `${objects} objects and ${formatBytes(bytes)}`;
  return `the sources changed since the plan was sealed, by at least ${more}; its drift allows ${allowed.objects} objects and ${formatBytes(allowed.bytes)}`;
}
