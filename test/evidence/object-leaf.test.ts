import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leafText, readLeaf } from '../../src/evidence/leaf.ts';
import {
  keyDigest,
  type ObjectLeaf,
  OUTCOMES,
  objectText,
  readObject,
  saltOf,
} from '../../src/evidence/object-leaf.ts';

const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const time = fc
  .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((at) => at.toISOString());
const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,8}$/);
const version = fc.option(fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }), { nil: undefined });
const option = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
const count = fc.nat();

const leaves: fc.Arbitrary<ObjectLeaf> = fc.record({
  type: fc.constant('object' as const),
  partition: name,
  source: name,
  sourceVersion: version,
  key: hex.map((digest) => `sha256:${digest}`),
  size: count,
  sha256: option(hex),
  centre: name,
  centreVersion: version,
  outcome: fc.constantFrom(...OUTCOMES),
  history: option(fc.record({ digest: hex, states: count })),
  verified: option(fc.record({ at: time, how: fc.constantFrom('readback', 'attested') })),
  tombstone: option(fc.record({ at: time, holdUntil: time })),
  purge: option(
    fc.record({
      at: time,
      marker: fc.constantFrom('removed', 'left'),
      markers: count,
      uploads: count,
      versions: count,
    }),
  ),
  integrity: option(fc.constant(true as const)),
  was: option(count),
});

/** Without members that are undefined, which the text does not have. */
const plain = (leaf: object): unknown => JSON.parse(JSON.stringify(leaf));

describe('the leaf of an object', () => {
  it('is read as it was written, the quick way and the other', () => {
    fc.assert(
      fc.property(leaves, (leaf) => {
        const text = objectText(leaf);
        const quick = readObject(text);
        if (quick !== undefined) expect(plain(quick)).toEqual(plain(leaf));
        expect(plain(readLeaf(text))).toEqual(plain(leaf));
        expect(leafText(readLeaf(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('is always read the quick way where no version has a character that JSON escapes', () => {
    fc.assert(
      fc.property(leaves, (leaf) => {
        const text = objectText({ ...leaf, sourceVersion: '0-a/b', centreVersion: undefined });
        expect(plain(readObject(text) ?? {})).toEqual(
          plain({ ...leaf, sourceVersion: '0-a/b', centreVersion: undefined }),
        );
      }),
    );
  });

  it('has one text: any other that is read says something else', () => {
    fc.assert(
      fc.property(leaves, fc.nat(), fc.constantFrom('', ' ', '0', 'a', '"', ',', '}', '\\u0061'), (leaf, at, put) => {
        const text = objectText(leaf);
        const place = at % text.length;
        for (const other of [
          text.slice(0, place) + put + text.slice(place + 1),
          text.slice(0, place) + put + text.slice(place),
        ]) {
          if (other === text) continue;
          try {
            expect(plain(readLeaf(other))).not.toEqual(plain(leaf));
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('what stands for a key', () => {
  const secret = Buffer.alloc(32, 7);

  it('differs for each key, store and secret, and does not show the key', () => {
    const of = (key: string, source = 'legacy', by = secret) => keyDigest(saltOf(by, source, key), key);
    expect(of('users/NO/kari')).toMatch(/^sha256:[0-9a-f]{64}$/);
    const all = [of('a'), of('b'), of('a', 'other'), of('a', 'legacy', Buffer.alloc(32, 8)), of('ä')];
    expect(new Set(all).size).toBe(all.length);
    expect(of('a')).toBe(of('a'));
  });

  it('is what it always was', () => {
    // HMAC-SHA256 and SHA-256 by Python's hmac and hashlib.
    expect(keyDigest(saltOf(secret, 'legacy', 'users/NO/kari/a.json'), 'users/NO/kari/a.json')).toBe(KNOWN);
  });
});

const KNOWN = 'sha256:69374c69b9d51a2d614fc37a5a5f87d52d78093ab4b45e15bd1fa1f28cb96a82';
