import { createPrivateKey, type KeyObject } from 'node:crypto';
import { publicKeyOfObject, publicKeyOfWire, SSH_ED25519 } from './ed25519.ts';
import { SshReader } from './ssh-wire.ts';

/** Before the 32 bytes of a private key in PKCS #8 (RFC 8410, section 7). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

const OPENSSH = /^-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----$/;

const ENCRYPTED =
  'it is encrypted; add it to an SSH agent (`ssh-add`) and name its public file instead, such as id_ed25519.pub';

/** Whether text is meant to be a private key. */
export function isPrivateKey(text: string): boolean {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
}

/**
 * Reads a private key of Ed25519: PEM of PKCS #8 (RFC 8410), or OpenSSH's own format without a passphrase
 * (https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key).
 *
 * @throws Error that says why it cannot be used and repeats nothing of the text.
 */
export function parsePrivateKey(text: string): KeyObject {
  const plain = text.trim();
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(plain)) throw new Error(ENCRYPTED);
  const body = OPENSSH.exec(plain)?.[1];
  if (body !== undefined) return parseOpenSsh(Buffer.from(body.replace(/\s/g, ''), 'base64'));
  const key = fromPem(plain);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('it is no key of Ed25519; `ferry keygen` makes one');
  return key;
}

function fromPem(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error('it is no private key that can be read; expected PEM of PKCS #8, or OpenSSH');
  }
}

/** PROTOCOL.key, sections 1 to 4. */
function parseOpenSsh(bytes: Buffer): KeyObject {
  const magic = 'openssh-key-v1\0';
  if (bytes.subarray(0, magic.length).toString('latin1') !== magic) throw new Error('it is damaged');
  const outer = new SshReader(bytes.subarray(magic.length));
  const cipher = outer.text();
  const kdf = outer.text();
  outer.string();
  if (cipher !== 'none' || kdf !== 'none') throw new Error(ENCRYPTED);
  if (outer.uint32() !== 1) throw new Error('it holds more than one key');
  const told = outer.string();
  const inner = new SshReader(outer.string());
  const [check, again] = [inner.uint32(), inner.uint32()];
  if (check !== again) throw new Error('it is damaged');
  if (inner.text() !== SSH_ED25519) throw new Error('it is no key of Ed25519; `ferry keygen` makes one');
  inner.string();
  const seedAndPublic = inner.string();
  if (seedAndPublic.byteLength !== 64) throw new Error('it is damaged');
  const der = Buffer.concat([PKCS8, seedAndPublic.subarray(0, 32)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  if (publicKeyOfObject(key).id !== publicKeyOfWire(told).id) throw new Error('its two halves are not of one key');
  return key;
}
