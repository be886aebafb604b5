import fc from 'fast-check';
import { makeStore } from '../../../src/store/open-store.ts';
import type { Store } from '../../../src/store/store.ts';
import { type HostileAnswer, hostileServer } from '../hostile-server.ts';
import { changed, changes, ODD_TEXTS } from '../mutate.ts';
import { checkText, tame } from '../tame.ts';
import type { Target } from '../target.ts';

const ENV = { K: 'access', S: 'secret' };

const ODD = [
  '',
  ' ',
  '-1',
  'NaN',
  '1e400',
  '9007199254740993',
  '99999999999999999999999',
  '0x10',
  '1.5',
  'not a date',
  '2026-13-45T99:99:99Z',
  '+275760-09-14T00:00:00Z',
  'Mon, 99 Foo 2026 00:00:00 GMT',
  '%',
  '%zz',
  '%00',
  '%ED%A0%80',
  '&#0;',
  '&#27;[2J',
  '&#xD800;',
  '&bomb;',
  '&lt;Key&gt;',
  '<Key>x</Key>',
  '<![CDATA[<x>]]>',
  '\ufffd',
  '../../x',
  '__proto__',
  'constructor',
  'AbortError',
  'TimeoutError',
  'p/',
  'p/a',
  'other/a',
  'x'.repeat(5_000),
] as const;

const odd = fc.oneof(fc.constantFrom(...ODD), fc.constantFrom(...ODD_TEXTS.slice(0, 20)), fc.string({ maxLength: 12 }));

/** A field as it should be, mostly; else odd, doubled, or not there. */
function field(name: string, ...good: readonly string[]): fc.Arbitrary<string> {
  const one = (value: string): string => `<${name}>${value}</${name}>`;
  return fc.oneof(
    { weight: 24, arbitrary: fc.constantFrom(...good).map(one) },
    { weight: 2, arbitrary: odd.map(one) },
    { weight: 1, arbitrary: fc.tuple(odd, odd).map(([a, b]) => one(a) + one(b)) },
    { weight: 1, arbitrary: fc.constantFrom('', `<${name}/>`, `<${name}>`, `</${name}>`) },
  );
}

function element(name: string, ...fields: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc.tuple(...fields).map((all) => `<${name}>${all.join('')}</${name}>`);
}

function some(one: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.array(one, { maxLength: 4 }).map((all) => all.join(''));
}

const KEYS = ['p/a', 'p/b', 'p/c%20d', 'p/%E2%82%AC', 'p/z/1'];
const TIME = field('LastModified', '2026-01-02T03:04:05.000Z');
const ETAG = field('ETag', '&quot;d41d8cd98f00b204e9800998ecf8427e&quot;');
const onward = [field('IsTruncated', 'true', 'false', 'false'), field('EncodingType', 'url')];

const objects = element(
  'ListBucketResult',
  ...onward,
  field('NextContinuationToken', 'next', 'later'),
  some(element('Contents', field('Key', ...KEYS), TIME, ETAG, field('Size', '0', '12'))),
);
const state = [field('Key', ...KEYS), field('VersionId', 'v1', 'null'), field('IsLatest', 'true', 'false'), TIME];
const versions = element(
  'ListVersionsResult',
  ...onward,
  field('NextKeyMarker', ...KEYS),
  field('NextVersionIdMarker', 'v1', 'v2'),
  some(element('Version', ...state, ETAG, field('Size', '0', '12'))),
  some(element('DeleteMarker', ...state)),
);
const uploads = element(
  'ListMultipartUploadsResult',
  ...onward,
  field('NextKeyMarker', ...KEYS),
  field('NextUploadIdMarker', 'u1', 'u2'),
  some(element('Upload', field('Key', ...KEYS), field('UploadId', 'u1'), field('Initiated', '2026-01-02T03:04:05Z'))),
);
const parts = element(
  'ListPartsResult',
  field('IsTruncated', 'true', 'false', 'false'),
  field('NextPartNumberMarker', '1', '2'),
  some(element('Part', field('PartNumber', '1', '2'), field('Size', '5'), ETAG, TIME)),
);
const tags = element('Tagging', element('TagSet', some(element('Tag', field('Key', 'a'), field('Value', 'b')))));
const failure = element(
  'Error',
  field('Code', 'NoSuchKey', 'SlowDown', 'AccessDenied', 'InternalError'),
  field('Message', 'it is so'),
  field('StorageClass', 'GLACIER'),
);

const BOMB = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">${'bcdefghi'.replace(
  /./g,
  (name) => `<!ENTITY ${name} "${`&${String.fromCharCode(name.charCodeAt(0) - 1)};`.repeat(10)}">`,
)}<!ENTITY bomb "&i;&i;">]>`;

const xml = fc
  .tuple(
    fc.oneof(objects, versions, uploads, parts, tags, failure),
    fc.constantFrom('', '<?xml version="1.0" encoding="UTF-8"?>', '<?xml version="1.1" encoding="UTF-16"?>', BOMB),
  )
  .map(([text, head]) => Buffer.from(head + text));

const body = fc.oneof(
  { weight: 6, arbitrary: xml },
  { weight: 2, arbitrary: fc.tuple(xml, changes).map(([bytes, all]) => changed(bytes, all)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        '',
        'null',
        '<html><body>It works!</body></html>',
        '<a>'.repeat(20_000),
        `<ListBucketResult>${'<Contents>'.repeat(3_000)}`,
        `<ListBucketResult>${'<a><b/></a>'.repeat(20_000)}</ListBucketResult>`,
        `<!--${'-'.repeat(50_000)}`,
      )
      .map((text) => Buffer.from(text)),
  },
);

const header = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'etag',
      'last-modified',
      'content-type',
      'content-encoding',
      'content-range',
      'expires',
      'x-amz-checksum-sha256',
      'x-amz-version-id',
      'x-amz-delete-marker',
      'x-amz-tagging-count',
      'x-amz-object-lock-mode',
      'x-amz-object-lock-retain-until-date',
      'x-amz-server-side-encryption',
      'x-amz-bucket-region',
      'x-amz-meta-a',
      'x-amz-meta-__proto__',
      'x-amz-meta-constructor',
      'x-amz-meta-ferry-mtime',
      'x-amz-meta-ferry-mode',
      'transfer-encoding',
      'location',
      'date',
      'constructor',
      '__proto__',
    ),
    fc.oneof(
      odd,
      fc.constantFrom('"abc"', 'Wed, 21 Oct 2026 07:28:00 GMT', '=?utf-8?Q?=E2=82?=', '=?x?b?!!?=', '3', 'gzip'),
    ),
  ),
  fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), odd),
);

const answer: fc.Arbitrary<HostileAnswer> = fc.record({
  status: fc.oneof(
    { weight: 6, arbitrary: fc.constant(200) },
    { weight: 3, arbitrary: fc.constantFrom(206, 204, 301, 307, 304, 400, 403, 404, 412, 500, 503, 599, 999, 102) },
  ),
  headers: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 2,
      arbitrary: fc.array(header, { maxLength: 4 }).map((all) =>
        // What would only end the answer's head is no header.
        all.map(([name, value]) => [name, value.replaceAll(/[\r\n]/g, '')] as const),
      ),
    },
  ),
  body,
  length: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 2, arbitrary: fc.constantFrom('0', '5', '-1', '99999999999999999999', 'abc', '', '10, 10', '1e3') },
  ),
});

type Call = readonly [name: string, work: (store: Store, signal: AbortSignal) => Promise<void>];

async function listed<T>(pages: AsyncIterable<readonly T[]>, check: (entry: T) => void): Promise<void> {
  for await (const page of pages) for (const entry of page) check(entry);
}

/** What the ledger will take as it is. */
function checkEntry(entry: { readonly key: string; readonly size: number; readonly modified: number }): void {
  const { key, size, modified } = entry;
  const right = typeof key === 'string' && key.isWellFormed() && Number.isSafeInteger(size) && size >= 0;
  if (!right || !Number.isSafeInteger(modified)) throw new Error(`no entry of a listing: ${JSON.stringify(entry)}`);
}

const CALLS: readonly Call[] = [
  ['list', async (store, signal) => await listed(store.list({ signal }), checkEntry)],
  ['versions', async (store, signal) => await listed(store.versions?.list({ signal }) ?? none(), checkEntry)],
  [
    'history',
    async (store, signal) => {
      for (const one of (await store.versions?.of('a', { signal })) ?? []) checkEntry({ ...one, key: 'a' });
    },
  ],
  [
    'states',
    async (store, signal) => {
      for await (const { states } of store.states?.({ signal }) ?? none()) states.forEach(checkEntry);
    },
  ],
  [
    'uploads',
    async (store, signal) => await listed(store.parts?.all?.({ prefix: '', signal }) ?? none(), ({ id }) => void id),
  ],
  ['parts', async (store, signal) => void (await store.parts?.list('a', 'u1', { signal }))],
  [
    'kept',
    async (store, signal) => {
      for await (const { size } of store.keptBytes?.({ signal }) ?? none()) checkEntry({ key: '', size, modified: 0 });
    },
  ],
  [
    'head',
    async (store, signal) => {
      const head = await store.head('a', { signal });
      if (head !== undefined) checkEntry(head);
      checkAttributes(head?.attributes);
    },
  ],
  [
    'read',
    async (store, signal) => {
      const { head, body: bytes } = await store.read('a', { signal });
      let size = 0;
      for await (const chunk of bytes) size += chunk.byteLength;
      checkEntry(head);
      checkAttributes(head.attributes);
      if (size !== head.size) throw new Error(`${size} bytes were read of ${head.size}`);
    },
  ],
  [
    'read a part',
    async (store, signal) => await drained((await store.read('a', { signal, range: { start: 0, end: 5 } })).body),
  ],
  ['create', async (store, signal) => void (await store.create('a', Buffer.from('hello'), { size: 5, signal }))],
];

/** Text that a file of ferry's own can hold. */
function checkAttributes(attributes: object | undefined): void {
  const visit = (value: unknown): void => {
    if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`an attribute is ${value}`);
    if (typeof value === 'string' && !value.isWellFormed()) throw new Error(`an attribute is ${JSON.stringify(value)}`);
    if (value instanceof Date && Number.isNaN(value.getTime())) throw new Error('an attribute is no time');
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(visit);
  };
  visit(attributes);
}

async function drained(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}

async function* none(): AsyncGenerator<never> {}

/** A server that says anything: to every request of the store's, with any status, headers and body. */
export const s3: Target = {
  name: 's3',
  runs: 150,
  begin: async () => {
    const servers = {
      plain: await hostileServer({ versioned: false }),
      versioned: await hostileServer({ versioned: true }),
    };
    const property = fc.asyncProperty(
      fc.constantFrom(...CALLS.map(([name]) => name)),
      fc.boolean(),
      fc.array(answer, { minLength: 1, maxLength: 3 }),
      async (name, versioned, answers) => {
        const server = versioned ? servers.versioned : servers.plain;
        let asked = 0;
        server.answer = () => answers[asked++ % answers.length];
        const [, work] = CALLS.find(([one]) => one === name) ?? [];
        const store = await makeStore(server.spec, ENV);
        try {
          await store.open({ create: false });
          const ended = await tame(async (signal) => await work?.(store, signal));
          if (!ended.ok) checkText(ended.error.message);
        } finally {
          await store.close?.();
        }
      },
    );
    return {
      property,
      end: async () => {
        await servers.plain[Symbol.asyncDispose]();
        await servers.versioned[Symbol.asyncDispose]();
      },
    };
  },
};
