import { createHash, X509Certificate } from 'node:crypto';
import { checkServerIdentity, type DetailedPeerCertificate, type PeerCertificate } from 'node:tls';
import { FerryError } from '../../base/errors.ts';

type Check = typeof checkServerIdentity;

/**
 * Node's own check of a certificate that verified, and then whether it, or one that it is signed by, has a pinned key (RFC 7469, 2.6).
 * Without pins the key is only told.
 */
export function identityCheck(store: string, pins: readonly string[] | undefined, shown: (pin: string) => void): Check {
  return (host, certificate) => {
    const wrong = checkServerIdentity(host, certificate);
    if (wrong !== undefined) return wrong;
    const chain = chainOf(certificate).map(pinOf);
    const [leaf] = chain;
    if (leaf !== undefined) shown(leaf);
    if (pins === undefined || chain.some((pin) => pins.includes(pin))) return undefined;
    return new FerryError({
      fault: 'refused',
      op: 'open a connection',
      subject: `store ${store} at ${host}`,
      why: `the server shows the key ${leaf ?? 'of no certificate'}, and the plan pins ${pins.join(', ')}`,
      hint: `someone else may answer for ${host}; if the server has a new key, put it into stores.${store}.pin. Nothing was sent`,
      field: `stores.${store}.pin`,
    });
  };
}

/** `sha256/` and the base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469, 2.4). */
export function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(key).digest('base64')}`;
}

/** From the server's certificate upwards, as far as each is really signed by the next: anything can be sent along. */
function chainOf(first: PeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let given: Partial<DetailedPeerCertificate> | undefined = first;
  while (given?.raw !== undefined) {
    const certificate = new X509Certificate(given.raw);
    const below = chain.at(-1);
    if (below !== undefined && !(below.checkIssued(certificate) && below.verify(certificate.publicKey))) break;
    chain.push(certificate);
    // Whoever signs itself is its own issuer.
    given = given.issuerCertificate === given ? undefined : given.issuerCertificate;
  }
  return chain;
}
