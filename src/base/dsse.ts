import { canonicalJson } from './canonical.ts';
import { type Ed25519PublicKey, type Signer, verifies } from './ed25519.ts';

/** A signed message: DSSE v1 (https://github.com/secure-systems-lab/dsse/blob/v1.0.0/envelope.md). */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Buffer;
  /** `keyid` is a hint that is not signed. */
  readonly signatures: readonly { readonly keyid?: string; readonly sig: Buffer }[];
}

/** The bytes that are signed (https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md#signature-definition). */
export function pae(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.byteLength} `),
    type,
    Buffer.from(` ${payload.byteLength} `),
    payload,
  ]);
}

/** Signs with one key. @returns the envelope as canonical JSON (RFC 8785). */
export async function signEnvelope(payloadType: string, payload: Uint8Array, signer: Signer): Promise<string> {
  const sig = await signer.sign(pae(payloadType, payload));
  return canonicalJson({
    payload: Buffer.from(payload).toString('base64'),
    payloadType,
    signatures: [{ keyid: signer.key.id, sig: sig.toString('base64') }],
  });
}

/**
 * Reads an envelope, and believes nothing of it. Base64 is taken in either alphabet, but only as an encoder writes it: unused bits
 * must be zero, so that no bit of it can change unseen.
 *
 * @throws Error that says what is wrong.
 */
export function parseEnvelope(text: string): Envelope {
  const value = parseJson(text);
  const { payload, payloadType, signatures } = membersOf(value);
  if (typeof payloadType !== 'string' || !Array.isArray(signatures) || signatures.length === 0) {
    throw new Error('it is no DSSE envelope');
  }
  return {
    payloadType,
    payload: decoded(payload, 'payload'),
    signatures: signatures.map((signature: unknown) => {
      const { keyid, sig } = membersOf(signature);
      if (keyid !== undefined && typeof keyid !== 'string') throw new Error('its keyid is not text');
      return { ...(keyid === undefined ? {} : { keyid }), sig: decoded(sig, 'sig') };
    }),
  };
}

/** Which of the keys have signed an envelope. One with another payload type than the one asked for nobody has. */
export function signersOf(
  envelope: Envelope,
  payloadType: string,
  keys: readonly Ed25519PublicKey[],
): readonly Ed25519PublicKey[] {
  if (envelope.payloadType !== payloadType) return [];
  const message = pae(envelope.payloadType, envelope.payload);
  return keys.filter((key) => envelope.signatures.some(({ sig }) => verifies(key, message, sig)));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no DSSE envelope');
  return value as Record<string, unknown>;
}

function decoded(value: unknown, name: string): Buffer {
  if (typeof value !== 'string') throw new Error(`it has no ${name}`);
  for (const alphabet of ['base64', 'base64url'] as const) {
    const bytes: Buffer = Buffer.from(value, alphabet);
    const again: string = bytes.toString(alphabet);
    if (again === value || `${again}${'='.repeat((4 - (again.length % 4)) % 4)}` === value) return bytes;
  }
  throw new Error(`its ${name} is no base64`);
}
