import { hash } from 'node:crypto';

/** DER of the object identifier of SHA-256, 2.16.840.1.101.3.4.2.1 (RFC 5754, section 2.2). */
const SHA256 = Buffer.from('0609608648016503040201', 'hex');

/**
 * Looks at the answer of a time stamping authority (RFC 3161): that its imprint is the SHA-256 of these bytes, and what time it tells.
 * Its signature is for `openssl ts -verify`, with the authority's certificate, which only the reader can choose.
 *
 * @returns the time, RFC 3339. @throws Error where it is of other bytes.
 */
export function checkTimestamp(answer: Buffer, stamped: Buffer): string {
  const digest = hash('sha256', stamped, 'buffer');
  // messageImprint: an AlgorithmIdentifier, whose parameters may be NULL or left out, then the digest (RFC 3161, section 2.4.2).
  const imprints = [Buffer.from('05000420', 'hex'), Buffer.from('0420', 'hex')];
  const found = imprints
    .map((between) => {
      const imprint = Buffer.concat([SHA256, between, digest]);
      return answer.indexOf(imprint) < 0 ? -1 : answer.indexOf(imprint) + imprint.byteLength;
    })
    .find((end) => end >= 0);
  if (found === undefined) throw new Error('it is no answer of a time stamping authority for head.json, by SHA-256');
  // serialNumber INTEGER, then genTime GeneralizedTime.
  const serial = answer[found] === 0x02 ? found + 2 + (answer[found + 1] ?? 0) : -1;
  const time =
    serial > 0 && answer[serial] === 0x18
      ? answer.toString('latin1', serial + 2, serial + 2 + (answer[serial + 1] ?? 0))
      : '';
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d+)?Z$/.exec(time);
  if (parts === null) throw new Error('it tells no time that can be read');
  const [, year, month, day, hour, minute, second] = parts;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}
