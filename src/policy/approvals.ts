import { canonicalJson, type Json } from '../base/canonical.ts';
import { type Envelope, parseEnvelope, signEnvelope, signersOf } from '../base/dsse.ts';
import type { Signer } from '../base/ed25519.ts';
import { messageOf } from '../base/errors.ts';
import type { Approver } from '../plan/approver-keys.ts';

export const APPROVAL_TYPE = 'application/vnd.ferry.approval+json';
export const APPROVAL_FORMAT = 'ferry/approval/v1';

/** What can be approved. */
export const APPROVABLE = ['run', 'tombstone', 'purge'] as const;
export type Approvable = (typeof APPROVABLE)[number];

/** What an approver signs. docs/approvals.md tells it byte for byte. */
export interface Statement {
  /** The plan's name. */
  readonly plan: string;
  /** `sha256:…` over the sealed plan's bytes. */
  readonly sealed: string;
  readonly approver: string;
  readonly jurisdiction: string;
  readonly keyid: string;
  /** Times as RFC 3339 in UTC. It counts until before `until`. */
  readonly at: string;
  readonly until: string;
  readonly what: readonly Approvable[];
}

/** What approvals are judged by. */
export interface Ask {
  readonly plan: string;
  readonly sealed: string;
  readonly what: Approvable;
  readonly approvers: readonly Approver[];
  /** Ids of keys. */
  readonly revoked: ReadonlySet<string>;
  /** Countries that an approver may be under. */
  readonly zone: ReadonlySet<string>;
  /** How many must count. */
  readonly needed: number;
  /** Who runs ferry: never the only approver. */
  readonly operator: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** An envelope, and where it is from. */
export interface Given {
  readonly from: string;
  readonly text: string;
}

export interface Counted extends Given {
  readonly approver: Approver;
  /** Milliseconds since 1970. */
  readonly until: number;
}

export interface Judgement {
  readonly counted: readonly Counted[];
  /** What does not count, and why. */
  readonly rejected: readonly { readonly from: string; readonly why: string }[];
  /** Why the counted ones are not enough; `undefined` when they are. */
  readonly lacking: string | undefined;
}

/** How far the approver's clock may be ahead of this one. */
const SKEW_MS = 5 * 60_000;

/** Signs an approval. @returns the envelope's text. */
export async function signApproval(statement: Statement, signer: Signer): Promise<string> {
  const payload = canonicalJson({ format: APPROVAL_FORMAT, ...statement } as unknown as Json);
  return await signEnvelope(APPROVAL_TYPE, Buffer.from(payload), signer);
}

/** Which of the given approvals count, and whether they are enough. No file, no clock, no ledger. */
export function judgeApprovals(given: readonly Given[], ask: Ask): Judgement {
  const counted: Counted[] = [];
  const rejected: { from: string; why: string }[] = [];
  for (const one of given) {
    const verdict = judgeOne(one, ask);
    const before = counted.find(({ approver }) => typeof verdict !== 'string' && isSame(approver, verdict.approver));
    if (typeof verdict === 'string') rejected.push({ from: one.from, why: verdict });
    else if (before === undefined) counted.push(verdict);
    else rejected.push({ from: one.from, why: `duplicate: ${before.approver.name} has approved in ${before.from}` });
  }
  return { counted, rejected, lacking: lackingOf(counted, ask) };
}

function isSame(one: Approver, other: Approver): boolean {
  return one.key.id === other.key.id || sameName(one.name, other.name);
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function lackingOf(counted: readonly Counted[], { needed, operator }: Ask): string | undefined {
  if (counted.length < needed) return `${counted.length} of ${needed} approvals count`;
  const others = counted.filter(({ approver }) => !sameName(approver.name, operator));
  if (needed === 0 || others.length > 0) return undefined;
  return `the operator ${operator} is the only approver; someone else must approve too`;
}

/** An approval that counts, or why it does not. */
function judgeOne({ from, text }: Given, ask: Ask): Counted | string {
  let envelope: Envelope;
  try {
    envelope = parseEnvelope(text);
  } catch (error) {
    return `it cannot be read: ${messageOf(error)}`;
  }
  if (envelope.payloadType !== APPROVAL_TYPE) return 'it is no approval: it has another payload type';
  const signed = signersOf(
    envelope,
    APPROVAL_TYPE,
    ask.approvers.map(({ key }) => key),
  );
  const statement = parseStatement(envelope);
  if (signed.length !== 1 || envelope.signatures.length !== 1) return unsigned(envelope, ask);
  // Only from here on is anything in it the word of an approver.
  if (typeof statement === 'string') return statement;
  const approver = ask.approvers.find(({ key }) => key.id === signed[0]?.id);
  if (approver === undefined) return 'it was signed by nobody whom the plan lists as an approver';
  const why = disagreement(statement, envelope, approver, ask);
  return why ?? { from, text, approver, until: Date.parse(statement.until) };
}

/** Why no approver's signature is on it; what the envelope itself says is only a hint. */
function unsigned({ signatures }: Envelope, { approvers }: Ask): string {
  if (signatures.length !== 1) return 'it must have exactly one signature';
  const claimed = approvers.find(({ key }) => key.id === signatures[0]?.keyid);
  if (claimed === undefined) return 'the plan does not list the key that it names as one of an approver';
  return `forged or damaged: the signature is not one of ${claimed.name} for these bytes`;
}

function disagreement(statement: Statement, envelope: Envelope, approver: Approver, ask: Ask): string | undefined {
  const { name, jurisdiction, key } = approver;
  if (statement.sealed !== ask.sealed || statement.plan !== ask.plan) {
    return `replayed: it approves another sealed plan (${statement.sealed}), not ${ask.sealed}`;
  }
  if (statement.keyid !== key.id || envelope.signatures[0]?.keyid !== key.id)
    return `forged: it was signed with the key of ${name}, and names another one`;
  if (statement.approver !== name || statement.jurisdiction !== jurisdiction) {
    return `it names another approver or country than the plan has for the key of ${name}`;
  }
  if (ask.revoked.has(key.id)) return `revoked: the plan does not take the key ${key.id} of ${name} any more`;
  if (!ask.zone.has(jurisdiction)) return `${name} is under ${jurisdiction}, outside the residency zone`;
  if (!statement.what.includes(ask.what)) return `it approves ${statement.what.join(', ')}, not ${ask.what}`;
  if (ask.now >= Date.parse(statement.until)) return `expired: it counted until ${statement.until}`;
  if (Date.parse(statement.at) > ask.now + SKEW_MS)
    return `it was made in the future, at ${statement.at}; see to the clocks`;
  return undefined;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/;

/** The statement of an envelope, or why there is none. */
function parseStatement({ payload }: Envelope): Statement | string {
  let value: Readonly<Record<string, unknown>> | null;
  try {
    value = JSON.parse(payload.toString('utf8')) as Record<string, unknown> | null;
  } catch {
    return 'its statement is no JSON';
  }
  const { format, plan, sealed, approver, jurisdiction, keyid, at, until, what } = value ?? {};
  if (format !== APPROVAL_FORMAT) {
    return `its statement is of the format ${String(format).slice(0, 60)}; this ferry knows ${APPROVAL_FORMAT}`;
  }
  const texts = [plan, sealed, approver, jurisdiction, keyid, at, until];
  const times = [at, until].every(
    (time) => typeof time === 'string' && TIME.test(time) && !Number.isNaN(Date.parse(time)),
  );
  const isWhole = times && texts.every((text) => typeof text === 'string') && Array.isArray(what);
  // Only one text stands for one statement: who reads it sees all that was signed.
  if (!isWhole || canonicalJson(value as Json) !== payload.toString('utf8'))
    return 'its statement is not as ferry writes it';
  return value as unknown as Statement;
}
