import fc from 'fast-check';

type Change =
  | { readonly do: 'flip'; readonly at: number; readonly bit: number }
  | { readonly do: 'cut'; readonly at: number }
  | { readonly do: 'drop'; readonly at: number; readonly length: number }
  | { readonly do: 'double'; readonly at: number; readonly length: number }
  | { readonly do: 'put'; readonly at: number; readonly bytes: Uint8Array };

/** Places are given as shares of the length, so that one change fits any input. */
const place = fc.integer({ min: 0, max: 0xff_ffff });

/** What readers of text stumble over. */
export const ODD_TEXTS = [
  '\0',
  '\ufeff',
  '\u001b[2J\u001b[1;31m',
  '\u202e',
  '\u0085',
  '\\ud800',
  '__proto__',
  'constructor',
  '{',
  '[',
  '"',
  "'",
  '&a [*a]',
  '*a',
  `\${`,
  `\${X:-\${X}}`,
  '!!binary x',
  '---\n',
  '\r',
  '\r\n',
  '\t',
  '1e999',
  '-1',
  '9007199254740993',
  'null',
  '[]',
  '{}',
  '"'.repeat(100),
  '['.repeat(5_000),
  '{"a":'.repeat(5_000),
  'x'.repeat(70_000),
] as const;

const ODD_BYTES = [
  [0xff],
  [0xc0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xff, 0xfe],
  [0x28, 0xb5, 0x2f, 0xfd],
];

const put = fc.oneof(
  fc.constantFrom(...ODD_TEXTS).map((text) => new TextEncoder().encode(text)),
  fc.constantFrom(...ODD_BYTES).map((bytes) => Uint8Array.from(bytes)),
  fc.uint8Array({ maxLength: 12 }),
);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ do: fc.constant('flip' as const), at: place, bit: fc.nat(7) }),
  fc.record({ do: fc.constant('cut' as const), at: place }),
  fc.record({ do: fc.constant('drop' as const), at: place, length: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ do: fc.constant('double' as const), at: place, length: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ do: fc.constant('put' as const), at: place, bytes: put }),
);

export const changes = fc.array(change, { minLength: 1, maxLength: 5 });

/** The bytes with the changes made to them. */
export function changed(bytes: Uint8Array, all: readonly Change[]): Buffer {
  let now = Buffer.from(bytes);
  for (const one of all) {
    const at = Math.floor((one.at / 0x100_0000) * now.length);
    const [head, tail] = [now.subarray(0, at), now.subarray(at)];
    if (one.do === 'cut') now = Buffer.from(head);
    else if (one.do === 'put') now = Buffer.concat([head, one.bytes, tail]);
    else if (one.do === 'drop') now = Buffer.concat([head, tail.subarray(one.length)]);
    else if (one.do === 'double') now = Buffer.concat([head, tail.subarray(0, one.length), tail]);
    else if (one.do === 'flip' && now.length > 0) now[at] = (now[at] ?? 0) ^ (1 << one.bit);
  }
  return now;
}

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  Number.MAX_SAFE_INTEGER,
  2 ** 63,
  0.1,
  '',
  '\u001b[2J',
  '\ud800',
  '__proto__',
  '../../etc/passwd',
  'x'.repeat(5_000),
  [],
  {},
  [[]],
  { constructor: null },
];

/** A change of JSON that is still JSON: somewhere, a member becomes something else, vanishes, or gets a brother. */
export const jsonChanges = fc.array(
  fc.record({
    at: place,
    do: fc.constantFrom('set', 'drop', 'add', 'nest'),
    value: fc.oneof(fc.constantFrom(...ODD_VALUES), fc.jsonValue({ maxDepth: 2 })),
  }),
  { minLength: 1, maxLength: 3 },
);

type JsonChange = { readonly at: number; readonly do: string; readonly value: unknown };

export function changedJson(given: unknown, all: readonly JsonChange[]): unknown {
  const root = { whole: structuredClone(given) };
  for (const one of all) {
    const places: [holder: Record<string, unknown>, name: string][] = [];
    const visit = (holder: Record<string, unknown>): void => {
      for (const [name, member] of Object.entries(holder)) {
        places.push([holder, name]);
        if (typeof member === 'object' && member !== null) visit(member as Record<string, unknown>);
      }
    };
    visit(root);
    const found = places[Math.floor((one.at / 0x100_0000) * places.length)];
    if (found === undefined) continue;
    const [holder, name] = found;
    // A value of its own each time: put into itself it would have no end.
    const value = structuredClone(one.value);
    if (one.do === 'drop' && holder !== root) delete holder[name];
    else if (one.do === 'add') holder[`${name}2`] = value;
    else if (one.do === 'nest') holder[name] = nested(holder[name], 500);
    else holder[name] = value;
  }
  return root.whole;
}

function nested(value: unknown, depth: number): unknown {
  let deep = value;
  for (let i = 0; i < depth; i += 1) deep = [deep];
  return deep;
}
