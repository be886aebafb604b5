import fc from 'fast-check';
import { expect, it } from 'vitest';
import { safeLine, safeText } from '../../src/base/safe-text.ts';

const anything = fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units));

it('leaves nothing that a terminal takes as an order', () => {
  fc.assert(
    fc.property(anything, (text) => {
      expect(safeLine(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      expect(safeText(text).replaceAll(/[\n\t]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }),
  );
});

it('leaves JSON what it means', () => {
  fc.assert(
    fc.property(anything, (text) => {
      expect(JSON.parse(safeLine(JSON.stringify(text)))).toBe(text);
    }),
  );
});

it('leaves words as they are', () => {
  expect(safeLine('Kari Nordmann, 名前, Ærøskøbing')).toBe('Kari Nordmann, 名前, Ærøskøbing');
  expect(safeLine('a\u001b[2Jb\u009b\u202e\n')).toBe('a\\u001b[2Jb\\u009b\\u202e\\u000a');
  expect(safeText('a\n\tb\r')).toBe('a\n\tb\\u000d');
});
