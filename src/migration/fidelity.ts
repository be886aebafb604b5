import { ATTRIBUTE_NAMES, type AttributeName } from '../base/attribute-names.ts';
import { canonicalJson, type Json } from '../base/canonical.ts';
import { decodeWords } from '../base/encoded-words.ts';
import type { ObjectRow } from '../ledger/rows.ts';
import type { Attributes, Store } from '../store/store.ts';
import { endsOf, type Outcome, type StepContext, unresolved } from './context.ts';

/*
 * What an object carries beside its bytes survives, or its loss is accepted by name in the plan. Mode and time of a file are no data
 * of the object: no plan need accept that a bucket has none.
 */

/** What servers say of an object that was stored without a type: it tells nothing. */
const NO_TYPES: readonly string[] = ['binary/octet-stream', 'application/octet-stream'];

/** One attribute in a form in which equal means the same; `undefined` where there is none. */
function meaning(attributes: Attributes, name: AttributeName): Json | undefined {
  const value = attributes[name];
  if (value === undefined) return undefined;
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

/** The attributes of an object that a store would lose: it does not hold them, or they are too large for it. */
export function losses(attributes: Attributes, centre: Pick<Store, 'holds' | 'tooLarge'>): AttributeName[] {
  const large = centre.tooLarge?.(attributes) ?? [];
  const lost = (name: AttributeName) => !centre.holds.has(name) || large.includes(name);
  return ATTRIBUTE_NAMES.filter((name) => lost(name) && meaning(attributes, name) !== undefined);
}

/** Whether an object could lose anything on its way between two such stores. */
export function canLose(source: Store, centre: Store): boolean {
  // Between two stores of the same bounds nothing is too large.
  if (centre.tooLarge !== undefined && source.tooLarge === undefined && source.holds.size > 0) return true;
  return ATTRIBUTE_NAMES.some((name) => source.holds.has(name) && !centre.holds.has(name));
}

/** Attributes of `copied` that `found` has not or has otherwise. What `found` has beyond them is no loss. */
export function differing(copied: Attributes, found: Attributes): AttributeName[] {
  return ATTRIBUTE_NAMES.filter((name) => {
    const wanted = meaning(copied, name);
    return wanted !== undefined && canonicalJson(wanted) !== canonicalJson(meaning(found, name) ?? null);
  });
}

/** Whether nobody has changed an object's attributes. A file's mode and time may change without its being written. */
export function sameAttributes(a: Attributes, b: Attributes): boolean {
  return differing(a, b).length === 0 && differing(b, a).length === 0;
}

/**
 * What is asked of the centre. A storage class that the plan gives up is left to the centre: it may not know it, and refuse it. So it
 * would what is too large for it.
 */
export function carried(context: StepContext, row: ObjectRow, attributes: Attributes): Attributes {
  const large = endsOf(context, row).centre.tooLarge?.(attributes) ?? [];
  const givenUp = accepted(context, row).filter((name) => name === 'storageClass' || large.includes(name));
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !givenUp.some((lost) => lost === name)));
}

/** The outcome of an object that must not be copied, because it would lose what the plan does not give up. */
export function refusedLoss(context: StepContext, row: ObjectRow, attributes: Attributes): Outcome | undefined {
  const { centre } = endsOf(context, row);
  const lost = losses(attributes, centre).filter((name) => !accepted(context, row).includes(name));
  if (lost.length === 0) return undefined;
  const names = lost.join(', ');
  return unresolved('failed', `it would lose ${names} at ${centre.name}: name it in accept: or choose another centre`);
}

/** The outcome of a copy whose bytes are right but whose attributes are not. */
export function refusedDifference(context: StepContext, row: ObjectRow, found: Attributes): Outcome | undefined {
  const differs = differing(row.attributes, found).filter((name) => !accepted(context, row).includes(name));
  if (differs.length === 0) return undefined;
  const { centre } = endsOf(context, row);
  const told = differs.map((name) => `${name} (${show(found, name)} there, ${show(row.attributes, name)} copied)`);
  return unresolved('failed', `the bytes agree, but ${centre.name} has not kept ${told.join(', ')}`);
}

function accepted(context: StepContext, row: ObjectRow): readonly AttributeName[] {
  return context.plan.partitions.find(({ name }) => name === row.partition)?.accept ?? [];
}

const LONGEST = 80;

/** A value for a reason. Metadata and tags may be about people: only their names are told. */
function show(attributes: Attributes, name: AttributeName): string {
  const value = attributes[name];
  if (value === undefined) return 'none';
  const text = typeof value === 'string' ? JSON.stringify(value) : Object.keys(value).sort().join(' ');
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
