import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../../src/base/order.ts';
import { aliasesOf, ancestorsOf, KeyHazards } from '../../src/migration/key-hazards.ts';

const found = (keys: readonly string[]): string[] => {
  const hazards = new KeyHazards();
  return keys.flatMap((key) => hazards.next(key).map(({ rule, key: of, other }) => `${rule} ${of} ${other}`));
};

/** Every pair compared with every other, with no thought of an order. */
const oracle = (keys: readonly string[]): string[] =>
  keys.flatMap((key) => {
    const above = keys.filter(
      (other) => other.length > 0 && other.at(-1) !== '/' && key.startsWith(`${other}/`) && key !== `${other}/`,
    );
    const longest = above.sort((a, b) => b.length - a.length)[0];
    return [
      ...(longest === undefined ? [] : [`key-under-key ${key} ${longest}`]),
      ...(key[0] === '/' ? [`leading-slash ${key} ${key.split(/^\/+/)[1] ?? ''}`] : []),
      ...(key.slice(key.search(/[^/]/) + 1).includes('//') && /[^/]/.test(key)
        ? [`empty-segment ${key} ${/^\/*/.exec(key)?.[0]}${key.replace(/^\/+/, '').split(/\/+/).join('/')}`]
        : []),
    ];
  });

const key = fc.array(fc.constantFrom('a', 'b', '/', '-', '0', '\uE000', '\u{1F600}'), { minLength: 1, maxLength: 7 });

describe('hazards in a stream of keys', () => {
  it('sees a key under a key also where others sort between them', () => {
    expect(found(['p/q', 'p/q!', 'p/q-x', 'p/q-x/y', 'p/q/r', 'p/q/r/s', 'p/q0', 'p/qr/s'])).toEqual(
      ['key-under-key p/q/r p/q', 'key-under-key p/q/r/s p/q/r'].toSpliced(0, 0, 'key-under-key p/q-x/y p/q-x'),
    );
  });

  it('takes a folder marker for what it is, and tells the alias of a leading slash', () => {
    expect(found(['/', '//x', '/lead', 'd', 'd/', 'e/', 'e/x'])).toEqual([
      'leading-slash / ',
      'leading-slash //x x',
      'leading-slash /lead lead',
    ]);
  });

  it('tells what a server that takes keys for paths would take them for', () => {
    const aliases = (key: string) => aliasesOf(key).map(({ rule, other }) => `${rule} ${other}`);
    expect(aliases('a//b///c')).toEqual(['empty-segment a/b/c']);
    expect(aliases('d//')).toEqual(['empty-segment d/']);
    expect(aliases('a/./b')).toEqual(['dot-segment a/b']);
    expect(aliases('a/x/../b/.')).toEqual(['dot-segment a/b']);
    expect(aliases('..')).toEqual(['dot-segment ']);
    expect(aliases('/a//..')).toEqual(['leading-slash a//..', 'empty-segment /a/..', 'dot-segment /a']);
    for (const key of ['.hidden', 'a..b', '...', 'a/', 'a./b', 'a/.b/c', 'https:/x']) expect(aliases(key)).toEqual([]);
  });

  it('finds what comparing all pairs finds', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          key.map((parts) => parts.join('')),
          { maxLength: 60 },
        ),
        (keys) => {
          const sorted = [...keys].sort(compareUtf8);
          expect(found(sorted)).toEqual(oracle(sorted));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('names as ancestors exactly what a key lies under', () => {
    expect(ancestorsOf('a/b/c')).toEqual(['a', 'a/b']);
    expect(ancestorsOf('a/')).toEqual([]);
    expect(ancestorsOf('/a//b/')).toEqual(['/a']);
    expect(aliasesOf('a')).toEqual([]);
  });
});
