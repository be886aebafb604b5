import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pae, parseEnvelope, signEnvelope, signersOf } from '../../src/base/dsse.ts';
import { newKeyPair, signerOf } from '../../src/base/ed25519.ts';
import { parsePrivateKey } from '../../src/base/private-key.ts';

/** https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md#test-vectors */
const VECTOR = {
  x: 46950820868899156662930047687818585632848591499744589407958293238635476079160n,
  y: 5640078356564379163099075877009565129882514886557779369047442380624545832820n,
  pae: 'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  envelope: `{"payload": "aGVsbG8gd29ybGQ=",
 "payloadType": "http://example.com/HelloWorld",
 "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}`,
};

const coordinate = (n: bigint): string => Buffer.from(n.toString(16).padStart(64, '0'), 'hex').toString('base64url');

it('reads and authenticates the published test vector', () => {
  const { payloadType, payload, signatures } = parseEnvelope(VECTOR.envelope);
  const message = pae(payloadType, payload);
  expect(message.toString()).toBe(VECTOR.pae);
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(VECTOR.x), y: coordinate(VECTOR.y) };
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const sig = signatures[0]?.sig ?? Buffer.alloc(0);
  expect(verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, sig)).toBe(true);
  expect(verify('sha256', pae(payloadType, Buffer.from('hello World')), { key, dsaEncoding: 'ieee-p1363' }, sig)).toBe(
    false,
  );
});

it('counts bytes, not characters, and keeps type and payload apart', () => {
  expect(pae('é', Buffer.from('x')).toString()).toBe('DSSEv1 2 é 1 x');
  fc.assert(
    fc.property(fc.string(), fc.uint8Array(), fc.string(), fc.uint8Array(), (t1, p1, t2, p2) => {
      const isSame = Buffer.from(t1).equals(Buffer.from(t2)) && Buffer.from(p1).equals(Buffer.from(p2));
      return isSame === pae(t1, p1).equals(pae(t2, p2));
    }),
  );
});

it('tells who signed, for the very type and bytes', async () => {
  const [mine, other] = [newKeyPair(), newKeyPair()];
  const text = await signEnvelope('a/b', Buffer.from('payload'), signerOf(parsePrivateKey(mine.privatePem)));
  const envelope = parseEnvelope(text);
  const keys = [other.key, mine.key];
  expect(signersOf(envelope, 'a/b', keys).map(({ id }) => id)).toEqual([mine.key.id]);
  expect(signersOf(envelope, 'a/c', keys)).toEqual([]);
  expect(signersOf({ ...envelope, payloadType: 'a/c' }, 'a/c', keys)).toEqual([]);
  expect(signersOf({ ...envelope, payload: Buffer.from('Payload') }, 'a/b', keys)).toEqual([]);
  expect(envelope.signatures[0]?.keyid).toBe(mine.key.id);
});

it('takes base64 in either alphabet, and none with bits that an encoder leaves empty', () => {
  const of = (payload: unknown): string => JSON.stringify({ payload, payloadType: 't', signatures: [{ sig: 'AA==' }] });
  for (const payload of ['+/8=', '-_8=', '-_8']) {
    expect(parseEnvelope(of(payload)).payload).toEqual(Buffer.from([0xfb, 0xff]));
  }
  for (const payload of ['+/9=', '-_9', '+/8', '+_8=', '+/8= ', 'a', 7, undefined]) {
    expect(() => parseEnvelope(of(payload)), String(payload)).toThrow(/payload/);
  }
});

it('takes no JSON of another shape', () => {
  for (const text of ['', 'null', '[]', '{}', '{"payload":"","payloadType":"t","signatures":[]}', '{"payload":""']) {
    expect(() => parseEnvelope(text), text).toThrow(/DSSE envelope|JSON/);
  }
  const odd = '{"payload":"","payloadType":"t","signatures":[{"sig":"AA==","keyid":1}]}';
  expect(() => parseEnvelope(odd)).toThrow(/keyid/);
});
