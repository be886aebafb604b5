import { z } from 'zod';
import { canonicalJson, type Json } from '../base/canonical.ts';
import { parseEnvelope, signEnvelope, signersOf } from '../base/dsse.ts';
import type { Ed25519PublicKey, Signer } from '../base/ed25519.ts';

/** https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md */
export const HEAD_TYPE = 'application/vnd.in-toto+json';
/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'urn:dataferry:evidence:v1';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();

const headSchema = z.strictObject({
  /** When it was signed, RFC 3339. */
  at: z.string(),
  /** Names the ledger. */
  ledger: z.string(),
  /** The leaves of objects: how many, and SHA-256 over their leaf hashes in their order. */
  objects: z.strictObject({ digest: hex, leaves: count }),
  plan: z.strictObject({ digest: z.string(), name: z.string() }),
  /** Hex, of the tree over all leaves. */
  root: hex,
  /** How many leaves. */
  size: count,
  tool: z.strictObject({ name: z.string(), version: z.string() }),
});

/** What is said, and signed, of a log at one size. */
export type Head = z.infer<typeof headSchema>;

const statementSchema = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  predicate: headSchema,
  predicateType: z.literal(PREDICATE_TYPE),
  subject: z.tuple([z.strictObject({ digest: z.strictObject({ sha256: hex }), name: z.string() })]),
});

/** Signs a head. @returns the text of its envelope: DSSE around an in-toto statement whose subject is the tree. */
export async function signHead(head: Head, signer: Signer): Promise<string> {
  const statement = {
    _type: STATEMENT_TYPE,
    predicate: head,
    predicateType: PREDICATE_TYPE,
    subject: [{ digest: { sha256: head.root }, name: `ferry log of ${head.plan.name}` }],
  };
  return await signEnvelope(HEAD_TYPE, Buffer.from(canonicalJson(statement as unknown as Json)), signer);
}

/** Reads a head that one of the keys has signed. @throws Error that says what is wrong. */
export function readHead(text: string, keys: readonly Ed25519PublicKey[]): Head {
  const { subject, predicate } = readSigned(text, HEAD_TYPE, keys, statementSchema);
  if (subject[0].digest.sha256 !== predicate.root) throw new Error('its subject is not the root that it tells');
  return predicate;
}

/** Reads what exactly one of the keys has signed. Only one text stands for it. @throws Error that says what is wrong. */
export function readSigned<T>(text: string, type: string, keys: readonly Ed25519PublicKey[], schema: z.ZodType<T>): T {
  const envelope = parseEnvelope(text);
  if (envelope.payloadType !== type) throw new Error('its payload type is another one');
  if (envelope.signatures.length !== 1) throw new Error('it must have exactly one signature');
  const [signer] = signersOf(envelope, type, keys);
  if (signer === undefined) throw new Error('the signature is not one of the given key for these bytes');
  if (envelope.signatures[0]?.keyid !== signer.id) throw new Error('it names another key than the one that signed it');
  const payload = envelope.payload.toString('utf8');
  const signature = { keyid: signer.id, sig: envelope.signatures[0].sig.toString('base64') };
  const one = { payload: envelope.payload.toString('base64'), payloadType: type, signatures: [signature] };
  if (canonicalJson(one) !== text) throw new Error('it is not written as ferry writes it');
  const value = JSON.parse(payload) as Json;
  if (canonicalJson(value) !== payload) throw new Error('what is signed is not canonical JSON');
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0] ?? { path: [], message: 'unknown' };
  throw new Error(`what is signed is not of this version: ${path.join('.')}: ${message}`);
}
