import { canonicalJson, type Json } from '../base/canonical.ts';
import { sha256Hex } from '../base/digest.ts';
import { signEnvelope } from '../base/dsse.ts';
import type { Signer } from '../base/ed25519.ts';

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
