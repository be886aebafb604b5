import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inShard, parseShard, shardOf } from '../../src/plan/shard.ts';

// Made with coreutils and Python, without any code of ferry's:
//   python3 -c "print(0x$(printf %s VALUE | sha256sum | cut -c1-16) % N)"
test.each([
  ['alice', 2, 1],
  ['alice', 64, 47],
  ['alice', 65536, 175],
  ['alice', 1000, 207],
  ['alice', 60013, 3506],
  ['bob', 2, 0],
  ['bob', 64, 26],
  ['bob', 65536, 50906],
  ['bob', 1000, 650],
  ['bob', 60013, 45677],
  ['Ærlig', 2, 0],
  ['Ærlig', 64, 18],
  ['Ærlig', 65536, 17618],
  ['Ærlig', 1000, 442],
  ['Ærlig', 60013, 31142],
  ['', 2, 0],
  ['', 64, 20],
  ['', 65536, 7188],
  ['', 1000, 652],
  ['', 60013, 37261],
  ['用户😀', 2, 1],
  ['用户😀', 64, 49],
  ['用户😀', 65536, 24561],
  ['用户😀', 1000, 585],
  ['用户😀', 60013, 49227],
])('%j modulo %d is %d', (value, modulus, shard) => {
  expect(shardOf(value, modulus)).toBe(shard);
});

test('every value is in exactly one of the shares that make up a whole', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 65_536 }), (value, modulus) => {
      const middle = Math.floor(modulus / 2);
      const low = inShard(value, { capture: 'u', modulus, from: 0, to: middle - 1 });
      const high = inShard(value, { capture: 'u', modulus, from: middle, to: modulus - 1 });
      return low !== high;
    }),
  );
});

test('the stated form is read', () => {
  expect(parseShard('hash(user) % 64 in 0..31')).toEqual({ capture: 'user', modulus: 64, from: 0, to: 31 });
  expect(parseShard('hash(u)%1 in 0..0')).toEqual({ capture: 'u', modulus: 1, from: 0, to: 0 });
});

test.each([
  ['', 'expected the form'],
  ['hash(user) % 64', 'expected the form'],
  ['hash() % 64 in 0..31', 'expected the form'],
  ['hash(user) % 64 in 0..31 ', 'expected the form'],
  ['hash(user) % -4 in 0..1', 'expected the form'],
  ['hash(user) % 0 in 0..0', 'must be from 1 to 65536'],
  ['hash(user) % 65537 in 0..1', 'must be from 1 to 65536'],
  ['hash(user) % 64 in 0..64', 'cannot end above 63'],
  ['hash(user) % 64 in 31..0', 'backwards'],
])('%j is refused', (text, message) => {
  expect(parseShard(text)).toEqual(expect.stringContaining(message));
});
