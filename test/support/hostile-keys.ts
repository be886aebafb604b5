import fc from 'fast-check';

/** The longest key that S3 takes, in bytes of UTF-8. */
export const LONGEST_KEY = 1_024;

const joined = (segment: fc.Arbitrary<string>, most: number): fc.Arbitrary<string> =>
  fc
    .array(segment, { minLength: 1, maxLength: most })
    .map((segments) => segments.join('/'))
    .filter((text) => text !== '' && text.isWellFormed() && Buffer.byteLength(text) <= LONGEST_KEY);

/** Keys that are hard to tell from the names that `keys: escape` makes of others; NUL among them, which no bucket holds. */
export const nearEscapes: fc.Arbitrary<string> = joined(
  fc.oneof(
    fc.constantFrom(
      '',
      '.',
      '..',
      '%',
      '%-',
      '%+',
      '%2E',
      '%25',
      '%00',
      '\0',
      '.ferry-tmp',
      '.ferry-held',
      '%2Eferry-tmp',
    ),
    fc.string({
      maxLength: 3,
      unit: fc.constantFrom('a', '!', '0', '%', '.', '+', '-', '\0', '\n', '\\', 'é', '\u{1F600}', '\uFFFD'),
    }),
    // Around the length at which a name is cut, with characters of 1 to 4 bytes at the cut.
    fc
      .tuple(
        fc.integer({ min: 244, max: 258 }),
        fc.constantFrom('', 'é', '漢', '\u{1F600}', '%', '%+', '%-', '.', '..', '!', 'z', '\0'),
        fc.constantFrom('', 'x', '!', '.'),
      )
      .map(([length, middle, end]) => 'n'.repeat(length) + middle + end),
    fc.constantFrom('%'.repeat(300), 'é'.repeat(400), '\u{1F600}'.repeat(130)),
  ),
  4,
);

/** Text that URLs, forms, XML, shells, paths or Unicode treat in a way of their own. */
const HOSTILE: readonly string[] = [
  ...['%2F', '%2f', '%', '%%', '%00', '%zz', '+', 'a+b', ' ', '  ', ' a', 'a ', '\t', '\r', '\r\n', '\n', 'l\nf'],
  ...['.', '..', '...', '.hidden', 'a.', '~', '$HOME', '`id`', '*', '?', '?versionId=null', '#frag', ';x=1', ':', '|'],
  ...['\\', '..\\up', 'C:\\x', '"', "'", '&', '&amp;', '&#10;', '&#0;', ']]>', '<![CDATA[', '<a/>', '<!--', '{}', '[]'],
  ...['\u0001', '\b', '\u000B', '\u001B[2J', '\u001F', '\u007F', '\u0080', '\u0085', '\u009F', '\u00A0', '\u00AD'],
  ...['é', 'e\u0301', 'Å', 'A\u030A', '\u212B', 'ﬁ', 'ß', 'SS', 'İ', 'ı', 'ſ', '가', '\u1100\u1161', 'क़'],
  ...['\u{1F600}', '👩‍👩‍👧', '🇳🇴', '\u{1F3FB}', '\u200B', '\u200D', '\u202E', '\u2028', '\u2029', '\uFEFF', 'x\uFEFF'],
  ...['\uFFFD', '\uFFFE', '\uFFFF', '\uFDD0', '\uE000', '\u{1FFFE}', '\u{50000}', '\u{E0001}', '\u{10FFFF}'],
  ...[
    'CON',
    'nul',
    'Case',
    'case',
    'x'.repeat(255),
    'y'.repeat(256),
    'é'.repeat(127),
    'é'.repeat(128),
    '漢'.repeat(85),
  ],
  ...['.ferry-tmp', '.ferry-held', '.minio.sys', '.sgwtmp', '.git', 'part.1', 'xl.meta', 'uploads', 'list-type=2'],
];

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HOSTILE) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...HOSTILE), fc.constantFrom(...HOSTILE)).map((two) => two.join('')),
  },
  // Any code point, assigned or not; of the surrogates none stands alone.
  { weight: 3, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }) },
  { weight: 2, arbitrary: fc.constantFrom('a', 'b', 'users') },
  { weight: 1, arbitrary: fc.constant('') },
);

/** Any key that S3 may hold, the hard ones more often than others. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const legalKeys: fc.Arbitrary<string> = fc
  .oneof({ weight: 12, arbitrary: joined(segment, 4) }, { weight: 1, arbitrary: joined(segment, 3).map(toLongest) })
  .filter((text) => !text.includes('\0') && Buffer.byteLength(text) <= LONGEST_KEY);

/** The key filled up to the last byte that S3 takes, in segments that most servers take. */
function toLongest(key: string): string {
  const room = LONGEST_KEY - Buffer.byteLength(key);
  return key + `/${'k'.repeat(199)}`.repeat(Math.ceil(room / 200)).slice(0, room);
}

/** Keys that someone who is not careful takes for the same, each of which is another one. */
export function lookalikesOf(key: string): string[] {
  const others = [
    key.normalize('NFC'),
    key.normalize('NFD'),
    key.toLowerCase(),
    `/${key}`,
    `${key}/`,
    `${key}/under`,
    `./${key}`,
    `x/../${key}`,
    key.replaceAll('/', '//'),
    key.replaceAll('/', '%2F'),
    key.replaceAll('+', ' '),
    key.replaceAll(/[^\x20-\x7e]/gu, '\uFFFD'),
    key.trim(),
    encodeURIComponent(key),
  ];
  return others.filter((text) => text !== '' && text !== key && Buffer.byteLength(text) <= LONGEST_KEY);
}

/** `count` different keys, lookalikes of some among them, all by the seed. */
export function hostileKeys(count: number, seed: number): string[] {
  const keys = new Set<string>();
  for (const [at, key] of fc.sample(legalKeys, { numRuns: count * 2, seed }).entries()) {
    keys.add(key);
    const others = lookalikesOf(key);
    const other = others[at % (others.length + 1)];
    if (other !== undefined && at % 3 === 0) keys.add(other);
    if (keys.size >= count) break;
  }
  return [...keys].slice(0, count);
}
