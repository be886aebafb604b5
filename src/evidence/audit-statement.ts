import { canonicalJson, type Json } from '../base/canonical.ts';
import { sha256Hex } from '../base/digest.ts';
import { parseEnvelope, signEnvelope, signersOf } from '../base/dsse.ts';
import type { Ed25519PublicKey, Signer } from '../base/ed25519.ts';

/** The format that docs/audit.md specifies. */
export const AUDIT_FORMAT = 'ferry/audit/v1';
export const AUDIT_TYPE = 'application/vnd.ferry.audit+json';

/** What an auditor signs. No key of an object is in it. */
export interface AuditStatement {
  readonly plan: { readonly name: string; readonly digest: string };
  /** UUID of the ledger. */
  readonly ledger: string;
  /** Names of those that the population is of. */
  readonly partitions: readonly string[];
  readonly population: { readonly size: number; readonly sha256: string };
  /** `drawn`: by the program, so that it proves nothing. */
  readonly seed: { readonly text: string; readonly from: 'given' | 'drawn' };
  readonly sample: { readonly size: number; readonly sha256: string };
  readonly checked: number;
  readonly ok: number;
  readonly mismatched: readonly { readonly index: number; readonly partition: string; readonly key: string }[];
  readonly confidence: number;
  readonly claim: { readonly maxBad: number };
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly keyid: string;
  /** Name and version of the program. */
  readonly tool: string;
}

/** @returns the text of the envelope. */
export async function signStatement(statement: AuditStatement, signer: Signer): Promise<string> {
  const payload = canonicalJson({ format: AUDIT_FORMAT, ...statement } as unknown as Json);
  return await signEnvelope(AUDIT_TYPE, Buffer.from(payload), signer);
}

/**
 * Reads whom an auditor's statement is about, and whose it is.
 *
 * @param auditors keys that are known; without any, a signature is not judged.
 * @throws Error that says what is wrong.
 */
export function readAudit(
  text: string,
  auditors: readonly Ed25519PublicKey[],
): { readonly ledger: string; readonly plan: string; readonly keyid: string | undefined } {
  const envelope = parseEnvelope(text);
  if (envelope.payloadType !== AUDIT_TYPE) throw new Error('it is no statement of an audit');
  const value = JSON.parse(envelope.payload.toString('utf8')) as Partial<AuditStatement> & { format?: unknown };
  if (value.format !== AUDIT_FORMAT || typeof value.ledger !== 'string' || typeof value.plan?.name !== 'string')
    throw new Error(`its statement is not of the format ${AUDIT_FORMAT}`);
  const [signer] = signersOf(envelope, AUDIT_TYPE, auditors);
  if (auditors.length > 0 && signer === undefined) throw new Error('no auditor whose key was given has signed it');
  return { ledger: value.ledger, plan: value.plan.name, keyid: signer?.id };
}

/** What stands for the key of an object: the same key has another digest in another ledger. 64 hex digits. */
export function keyDigest(ledger: string, key: string): string {
  return sha256Hex(`ferry/audit/key/v1\0${ledger}\0${key}`);
}

/** What an audit claims, in one sentence. */
export function claimText(ask: {
  readonly population: number;
  readonly sample: number;
  readonly bad: number;
  readonly confidence: number;
  readonly maxBad: number;
}): string {
  const { population, sample, bad, confidence, maxBad } = ask;
  if (sample === population) return `${bad} of ${population} objects differ; all were looked at.`;
  const sure = Number((confidence * 100).toPrecision(15));
  const most = `${percentUp(maxBad, population)} % (${maxBad} of ${population})`;
  return `${bad} of ${sample} sampled objects differ; with ${sure} % confidence at most ${most} do.`;
}

/** A part in percent, as a decimal with three digits that count, rounded up: "at most" has to stay true. */
export function percentUp(part: number, whole: number): string {
  if (part === 0) return '0';
  const places = Math.max(0, 2 - Math.floor(Math.log10((100 * part) / whole)));
  const [over, under] = [BigInt(part) * 100n * 10n ** BigInt(places), BigInt(whole)];
  const digits = String((over + under - 1n) / under).padStart(places + 1, '0');
  const point = digits.length - places;
  return `${digits.slice(0, point)}.${digits.slice(point)}`.replace(/\.?0*$/, '');
}
