import { ATTRIBUTE_NAMES, type AttributeName } from '../base/attribute-names.ts';
import { canonicalJson, type Json } from '../base/canonical.ts';
import { decodeWords } from '../base/encoded-words.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { PartitionSpec } from '../plan/types.ts';
import { lockAt, protects, showLock } from '../store/object-lock.ts';
import type { Attributes, Store } from '../store/store.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';

/*
 * What an object carries beside its bytes survives, or its loss is accepted by name in the plan. Mode and time of a file are no data
 * of the object: no plan need accept that a bucket has none.
 */

/** What servers say of an object that was stored without a type: it tells nothing. */
const NO_TYPES: readonly string[] = ['binary/octet-stream', 'application/octet-stream'];

/** One attribute in a form in which equal means the same; `undefined` where there is none. */
function meaning(attributes: Attributes, name: Exclude<AttributeName, 'objectLock'>): Json | undefined {
  const value = attributes[name];
  if (value === undefined || (name === 'storageClass' && value === STANDARD)) return undefined;
  if (name === 'metadata' || name === 'tags') {
    const entries = Object.entries(value).map(([key, text]) => [key, decodeWords(String(text))] as const);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }
  if (typeof value !== 'string') return Object.keys(value).length === 0 ? undefined : { ...value };
  const text = value;
  // Servers write the same HTTP date in more than one way.
  if (name === 'expires' && / GMT$/.test(text) && !Number.isNaN(Date.parse(text))) return Date.parse(text);
  return name === 'contentType' && NO_TYPES.includes(text) ? undefined : text;
}

/** The attributes of an object that a store would lose at the time `now`: it does not hold them, or they are too large for it. */
export function losses(
  attributes: Attributes,
  centre: Pick<Store, 'holds' | 'tooLarge'>,
  now: number,
): AttributeName[] {
  const large = centre.tooLarge?.(attributes) ?? [];
  return ATTRIBUTE_NAMES.filter((name) => {
    if (centre.holds.has(name) && !large.includes(name)) return false;
    return name === 'objectLock'
      ? lockAt(attributes.objectLock, now) !== undefined
      : meaning(attributes, name) !== undefined;
  });
}

/** Whether an object could lose anything on its way between two such stores. */
export function canLose(source: Store, centre: Store): boolean {
  // Between two stores of the same bounds nothing is too large.
  if (centre.tooLarge !== undefined && source.tooLarge === undefined && source.holds.size > 0) return true;
  return ATTRIBUTE_NAMES.some((name) => mayCarry(source, name) && !centre.holds.has(name));
}

/** Whether objects of a store could carry an attribute: also where it would not say. */
export function mayCarry(store: Store, name: AttributeName): boolean {
  return store.holds.has(name) || store.mayHold?.has(name) === true;
}

/** Attributes of `copied` that `found` has not or has otherwise, at the time `now`. What `found` has beyond them is no loss. */
export function differing(copied: Attributes, found: Attributes, now: number): AttributeName[] {
  return ATTRIBUTE_NAMES.filter((name) => {
    if (name === 'objectLock') {
      const lock = lockAt(copied.objectLock, now);
      return lock !== undefined && !protects(found.objectLock, lock);
    }
    // An object's own STANDARD is told by no server; here it stands only where the plan asks for it.
    if (name === 'storageClass' && copied.storageClass === STANDARD) return meaning(found, name) !== undefined;
    const wanted = meaning(copied, name);
    return wanted !== undefined && canonicalJson(wanted) !== canonicalJson(meaning(found, name) ?? null);
  });
}

/** Whether nobody has changed an object's attributes. A file's mode and time may change without its being written. */
export function sameAttributes(a: Attributes, b: Attributes, now: number): boolean {
  return differing(a, b, now).length === 0 && differing(b, a, now).length === 0;
}

const STANDARD = 'STANDARD';

/** The storage class that the plan maps an object's own to, if it does; an object that has none is in STANDARD. */
function mappedClass({ storageClasses }: PartitionSpec, { storageClass = STANDARD }: Attributes): string | undefined {
  return Object.hasOwn(storageClasses, storageClass) ? storageClasses[storageClass] : storageClasses['*'];
}

/** The attributes as the plan wants them at the centre, where that holds them. */
export function mapped(partition: PartitionSpec, attributes: Attributes): Attributes {
  const storageClass = mappedClass(partition, attributes);
  return storageClass === undefined ? attributes : { ...attributes, storageClass };
}

/**
 * What is asked of the centre. A storage class that the plan gives up and maps to none is left to the centre: it may not know it, and
 * refuse it. So would a bucket without object lock refuse a lock, and any centre what is too large for it.
 */
export function carried(context: StepContext, row: ObjectRow, attributes: Attributes): Attributes {
  const partition = partitionOf(context, row);
  const { centre } = endsOf(context, row);
  const large = centre.tooLarge?.(attributes) ?? [];
  const givenUp: readonly string[] = partition.accept.filter((name) => large.includes(name));
  const { storageClass: own, objectLock, ...others } = attributes;
  const rest = Object.fromEntries(Object.entries(others).filter(([name]) => !givenUp.includes(name)));
  const kept = partition.accept.includes('storageClass') ? undefined : own;
  const storageClass = mappedClass(partition, attributes) ?? kept;
  const keepsLock = centre.holds.has('objectLock');
  return {
    ...rest,
    ...(storageClass !== undefined && { storageClass }),
    ...(objectLock !== undefined && keepsLock && { objectLock }),
  };
}

/** The outcome of an object that must not be copied: the plan leaves what is locked, or it would lose what the plan does not give up. */
export function refusedCopy(context: StepContext, row: ObjectRow, attributes: Attributes): Outcome | undefined {
  const { centre, source } = endsOf(context, row);
  const partition = partitionOf(context, row);
  const now = context.clock.now();
  const lock = lockAt(attributes.objectLock, now);
  if (lock !== undefined && partition.objectLock === 'refuse') {
    return unresolved(
      'held',
      `it is locked at ${source.name} (${showLock(lock)}), and the plan says objectLock: refuse`,
    );
  }
  const lost = losses(mapped(partition, attributes), centre, now).filter((name) => !partition.accept.includes(name));
  if (lost.length === 0) return undefined;
  const names = lost.join(', ');
  const unasked = lost.includes('objectLock') && centre.mayHold?.has('objectLock') === true;
  const unsure = unasked ? ' (it may not be asked about its object lock)' : '';
  const why = `it would lose ${names} at ${centre.name}${unsure}: name it in accept: or choose another centre`;
  return unresolved('failed', why);
}

/** The outcome of a copy whose bytes are right but whose attributes are not. */
export function refusedDifference(context: StepContext, row: ObjectRow, found: Attributes): Outcome | undefined {
  const partition = partitionOf(context, row);
  const asked = mapped(partition, row.attributes);
  const differs = differing(asked, found, context.clock.now()).filter((name) => !partition.accept.includes(name));
  if (differs.length === 0) return undefined;
  const { centre } = endsOf(context, row);
  const told = differs.map((name) => `${name} (${show(found, name)} there, ${show(asked, name)} copied)`);
  return unresolved('failed', `the bytes agree, but ${centre.name} has not kept ${told.join(', ')}`);
}

function partitionOf(context: StepContext, row: ObjectRow): PartitionSpec {
  const partition = context.plan.partitions.find(({ name }) => name === row.partition);
  if (partition === undefined) throw new Error(`the plan has no partition ${row.partition}`);
  return partition;
}

const LONGEST = 80;

/** A value for a reason. Metadata and tags may be about people: only their names are told. */
function show(attributes: Attributes, name: AttributeName): string {
  if (name === 'objectLock') return attributes.objectLock === undefined ? 'none' : showLock(attributes.objectLock);
  const value = attributes[name];
  if (value === undefined) return 'none';
  const text = typeof value === 'string' ? JSON.stringify(value) : Object.keys(value).sort().join(' ');
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
