import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { keepSecretLines } from './secrets.ts';
import { SshReader, sshString } from './ssh-wire.ts';

/** How SSH names these keys (RFC 8709, section 4). */
export const SSH_ED25519 = 'ssh-ed25519';

/** Before the 32 bytes of a public key in its SubjectPublicKeyInfo (RFC 8410, section 4). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** A public key of Ed25519 (RFC 8032), in whatever form it was read. */
export interface Ed25519PublicKey {
  /** `SHA256:…`: the fingerprint of its SSH wire form, as `ssh-keygen -l` shows it. One key has one id, in whatever file it is. */
  readonly id: string;
  /** The wire form: `string "ssh-ed25519"`, `string key` (RFC 8709, section 4). */
  readonly wire: Buffer;
  /** `ssh-ed25519 AAAA…`, without a comment. */
  readonly openssh: string;
}

/** Something that signs with one key, which it need not hold itself. */
export interface Signer {
  readonly key: Ed25519PublicKey;
  /** The 64 bytes of a signature (RFC 8032, section 5.1.6). */
  sign(message: Uint8Array): Promise<Buffer>;
}

/** @param raw 32 bytes. */
export function publicKeyOf(raw: Uint8Array): Ed25519PublicKey {
  if (raw.byteLength !== 32) throw new Error('a public key of Ed25519 has 32 bytes');
  const wire = Buffer.concat([sshString(SSH_ED25519), sshString(raw)]);
  const id = `SHA256:${createHash('sha256').update(wire).digest('base64').replace(/=+$/, '')}`;
  return { id, wire, openssh: `${SSH_ED25519} ${wire.toString('base64')}` };
}

/** The key of a wire form. @throws Error for a key of another kind. */
export function publicKeyOfWire(wire: Uint8Array): Ed25519PublicKey {
  const reader = new SshReader(wire);
  const kind = reader.text();
  if (kind !== SSH_ED25519) throw new Error('it is no key of Ed25519');
  const key = publicKeyOf(reader.string());
  if (reader.rest.byteLength > 0) throw new Error('something follows the key');
  return key;
}

/** Of a public or private key of node:crypto. @throws Error for a key that is not of Ed25519. */
export function publicKeyOfObject(key: KeyObject): Ed25519PublicKey {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is no key of Ed25519');
  const open = key.type === 'private' ? createPublicKey(key) : key;
  return publicKeyOf(open.export({ format: 'der', type: 'spki' }).subarray(SPKI.byteLength));
}

/**
 * Reads a public key: a line `ssh-ed25519 AAAA… comment` (RFC 4253, section 6.6), or PEM (`-----BEGIN PUBLIC KEY-----`, RFC 8410).
 *
 * @throws Error that says why it is none; the text is not repeated, since it may be a private key.
 */
export function parsePublicKey(text: string): Ed25519PublicKey {
  const plain = text.trim();
  if (/PRIVATE KEY/.test(plain)) throw new Error('it is a private key; name the public one');
  if (plain.startsWith('-----BEGIN PUBLIC KEY-----')) return publicKeyOfObject(pemKey(plain));
  const [kind, base64] = plain.split(/[ \t]+/);
  if (kind !== SSH_ED25519 || base64 === undefined || /[\r\n]/.test(plain)) {
    throw new Error('it is no public key of Ed25519, neither a line "ssh-ed25519 AAAA…" nor PEM');
  }
  const wire = Buffer.from(base64, 'base64');
  if (wire.toString('base64') !== base64) throw new Error('its base64 is damaged or cut off');
  return publicKeyOfWire(wire);
}

function pemKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    // The messages of OpenSSL say nothing that helps.
    throw new Error('it is PEM, but no public key that can be read');
  }
}

/** Whether a signature (64 bytes) of these very bytes was made with the key. Never throws. */
export function verifies(key: Ed25519PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.byteLength !== 64) return false;
  const raw = key.wire.subarray(-32);
  const object = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
  return verify(null, message, object, signature);
}

export function signerOf(key: KeyObject): Signer {
  return { key: publicKeyOfObject(key), sign: async (message) => sign(null, message, key) };
}

/** A new key pair: the private key as PEM of PKCS #8 (RFC 5958, RFC 8410), which is all that there is of it. */
export function newKeyPair(): { readonly key: Ed25519PublicKey; readonly privatePem: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const privatePem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  keepSecretLines(privatePem);
  return { key: publicKeyOfObject(privateKey), privatePem };
}
