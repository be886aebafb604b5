import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern, PatternSyntaxError } from '../../src/plan/pattern.ts';

const matches = (pattern: string, key: string) => compilePattern(pattern).match(key);

describe('what a pattern matches', () => {
  test.each([
    ['users/{country}/{user}/**', 'users/NO/alice/photos/1.jpg', { country: 'NO', user: 'alice' }],
    ['users/{country}/{user}/**', 'users/NO/alice/', { country: 'NO', user: 'alice' }],
    ['users/{id}', 'users/ola\nnordmann\u0000', { id: 'ola\nnordmann\u0000' }],
    ['{a}-{b}', 'x-y-z', { a: 'x-y', b: 'z' }],
    ['*', '', {}],
    ['*.jpg', '.jpg', {}],
    ['a?c', 'a😀c', {}],
    ['{x}?', '😀😀', { x: '😀' }],
    ['**/end', 'a//b/end', {}],
    ['a**', 'a/b\nc', {}],
    ['\\{x\\}\\*\\?\\\\', '{x}*?\\', {}],
    ['[ab].$^+(|)', '[ab].$^+(|)', {}],
    ['***', 'a/b', {}],
  ])('%j matches %j', (pattern, key, captures) => {
    expect({ ...matches(pattern, key) }).toEqual(captures);
    expect(matches(pattern, key)).toBeDefined();
  });

  test.each([
    ['users/{country}/{user}/**', 'users/NO/alice'],
    ['users/{country}/{user}/**', 'users//alice/x'],
    ['users/{country}/{user}/**', 'x/users/NO/alice/a'],
    ['*', 'a/b'],
    ['{a}', ''],
    ['a?c', 'a/c'],
    ['a?c', 'ac'],
    ['abc', 'abcd'],
    ['abc', 'ABC'],
    ['é', 'e\u0301'],
    ['{x}{y}', '😀'],
  ])('%j does not match %j', (pattern, key) => {
    expect(matches(pattern, key)).toBeUndefined();
  });

  test('a capture may be called like a member of every object', () => {
    expect(matches('{constructor}/{toString}', 'a/b')?.['constructor']).toBe('a');
    expect(matches('a', 'a')?.['constructor']).toBeUndefined();
  });

  test('captures are told in order', () => {
    expect(compilePattern('{b}/{a}/*').captures).toEqual(['b', 'a']);
  });
});

test.each([
  ['', 'empty'],
  ['a{b', 'character 2 is not closed'],
  ['a}b', 'closes nothing'],
  ['{}', 'needs a name'],
  ['{jpg,png}', 'alternatives go into "where"'],
  ['{1}', 'needs a name'],
  ['{__proto__}', 'needs a name'],
  ['{a}/{a}', '{a} stands twice'],
  ['a\\', 'escapes nothing'],
  ['\\d', 'letter or digit'],
  ['x'.repeat(5000), 'longer than'],
])('%j is refused', (pattern, message) => {
  expect(() => compilePattern(pattern)).toThrow(PatternSyntaxError);
  expect(() => compilePattern(pattern)).toThrow(message);
});

/** The same pattern as a regular expression: another way to the same answer, fit for short keys only. */
function reference(pattern: string): RegExp {
  const source = pattern.replaceAll(/\*\*|\*|\?|\{(\w+)\}|[\s\S]/gu, (item, name: string | undefined) => {
    if (item === '**') return '[\\s\\S]*';
    if (item === '*') return '[^/]*';
    if (item === '?') return '[^/]';
    return name === undefined ? `\\u{${item.codePointAt(0)?.toString(16)}}` : `(?<${name}>[^/]+)`;
  });
  return new RegExp(`^${source}$`, 'u');
}

test('a pattern matches what the regular expression of the same form matches, with the same captures', () => {
  const item = fc.constantFrom('a', 'b', '/', '😀', '\n', '*', '**', '?', '{x}', '{y}');
  const pattern = fc.array(item, { minLength: 1, maxLength: 7 }).map((items) => {
    const once = (name: string) => items.filter((each, i) => each !== name || items.indexOf(name) === i);
    return once('{x}')
      .filter((each, i, all) => each !== '{y}' || all.indexOf('{y}') === i)
      .join('');
  });
  const key = fc
    .array(fc.constantFrom('a', 'b', '/', '😀', '\n', '\u0000'), { maxLength: 9 })
    .map((all) => all.join(''));
  let matched = 0;
  fc.assert(
    fc.property(pattern, key, (text, tried) => {
      const expected = reference(text).exec(tried);
      const found = matches(text, tried);
      if (found !== undefined) matched += 1;
      expect(found === undefined ? undefined : { ...found }).toEqual(
        expected === null ? undefined : { ...expected.groups },
      );
    }),
    { numRuns: 3000 },
  );
  expect(matched).toBeGreaterThan(100);
});

test.each(['*a*a*a*a*a*a*a*a*b', '**a**a**a**a**a**a**b', '{p}a{q}a{r}a{s}a{t}b', '?*?*?*?*?*?*b'])(
  'the work for %s is bounded by the product of lengths, also for hostile keys',
  (pattern) => {
    const key = 'a'.repeat(1024);
    const work = { steps: 0 };
    expect(compilePattern(pattern).match(key, work)).toBeUndefined();
    expect(work.steps).toBeGreaterThan(0);
    expect(work.steps).toBeLessThanOrEqual((pattern.length + 1) * (key.length + 1));
  },
);
