import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ancestorsOf, isUnder } from '../../src/migration/key-hazards.ts';
import { FileStore } from '../../src/store/file/file-store.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { hostileKeys } from '../support/hostile-keys.ts';
import { planDocument } from '../support/plan.ts';
import { startMoto } from '../support/servers/moto.ts';
import { getOutside, inTurns, listOutside, type OutsideObject, putOutside } from '../support/servers/outside.ts';
import { bucketAt, clientOf, envOf, type S3Server, START_MS, sharedMinio, storeAt } from '../support/servers/server.ts';
import { startVersitygw } from '../support/servers/versitygw.ts';
import { tempDir } from '../support/temp.ts';

/** Another seed finds other keys: `FERRY_TEST_SEED=123 npx vitest run …`. */
const SEED = Number(process.env['FERRY_TEST_SEED'] ?? '20261125');
const COUNT = 500;
const AT_ONCE = 8;

interface RunDocument {
  readonly totals: { readonly objects: number; readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

interface Place {
  readonly server: S3Server;
  readonly client: S3Client;
  readonly bucket: string;
}

interface Legacy extends Place {
  readonly items: ReadonlyMap<string, OutsideObject>;
}

let servers: readonly S3Server[] = [];
let legacies: readonly Legacy[] = [];
const stops: (() => unknown)[] = [];
const reached = new Set<string>();

beforeAll(async () => {
  const moto = await startMoto();
  stops.push(moto.stop);
  const versitygw = await startVersitygw();
  stops.push(versitygw.stop);
  servers = [sharedMinio(), versitygw, moto];
  legacies = await fillSources(moto, sharedMinio());
}, START_MS);

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

async function placeAt(server: S3Server): Promise<Place> {
  const client = clientOf(server);
  stops.push(() => client.destroy());
  return { server, client, bucket: await bucketAt(server) };
}

/** Puts each key at the first of these servers that takes it and lists it as it is. */
async function fillSources(...at: readonly S3Server[]): Promise<Legacy[]> {
  const keys = hostileKeys(COUNT + 80, SEED);
  // A line feed and a key under a key together: no bucket here holds them both.
  const apart = keys.filter(
    (key) => !key.includes('\n') || !keys.some((other) => isUnder(key, other) || isUnder(other, key)),
  );
  let left = apart.map((key, n) => describeObject(key, n));
  const filled: Legacy[] = [];
  for (const server of at) {
    const place = await placeAt(server);
    const taken = new Set<string>();
    await inTurns(left, AT_ONCE, async (item) => {
      if (await putOutside(place.client, place.bucket, item)) taken.add(item.key);
    });
    const listed = new Set(await listOutside(place.client, place.bucket));
    // What it took for another key lies under that one, and is none of ours.
    for (const Key of [...listed].filter((key) => !taken.has(key))) {
      await place.client.send(new DeleteObjectCommand({ Bucket: place.bucket, Key }));
    }
    const mine = left.filter(({ key }) => taken.has(key) && listed.has(key));
    left = left.filter((item) => !mine.includes(item));
    filled.push({ ...place, items: new Map(mine.map((item) => [item.key, item])) });
  }
  // What is left has a line feed, and something that MinIO refuses: no server here takes it.
  expect(left.filter(({ key }) => !key.includes('\n'))).toEqual([]);
  return filled;
}

/** Some lookalikes carry the same bytes: the one must not pass for the other. */
function describeObject(key: string, n: number): OutsideObject {
  const body = n % 4 === 0 ? 'the same bytes' : `of ${key}`;
  return { key, body, metadata: { number: String(n), note: 'a; b=c' }, tags: { number: String(n), 'a b': '+/=' } };
}

/** Runs all sources to one centre for real, and gives the keys that are verified there, and why the others are not. */
async function migrate(
  centre: unknown,
  more: object = {},
): Promise<{ verified: ReadonlySet<string>; failed: ReadonlyMap<string, string> }> {
  const dir = tempDir();
  const file = join(dir, 'plan.json');
  const sources = legacies.map((legacy, n) => [`legacy${n}`, storeAt(legacy.server, legacy.bucket, 'SG')] as const);
  const partitions = sources.map(([name]) => ({
    name: `of-${name}`,
    from: name,
    select: { prefix: '' },
    to: 'centre',
  }));
  const stores = { ...Object.fromEntries(sources), centre };
  const document = { ...planDocument(), stores, partitions, exclude: [], finish: 'verified', ...more };
  writeFileSync(file, JSON.stringify(document));
  const env = envOf(...servers);
  const planned = documentOf<RunDocument>(await ferry(['plan', file, '--json'], env));
  const ended = await ferry(['run', file, '--json', '--progress', 'none'], env);
  const { totals, unresolved } = documentOf<RunDocument>(ended);
  const keys = legacies.flatMap(({ items }) => [...items.keys()]);
  const sum = Object.values(totals.states).reduce((all, count) => all + count, 0);
  expect([planned.totals.objects, totals.objects, sum]).toEqual([keys.length, keys.length, keys.length]);
  const failed = new Map(unresolved.map(({ key, reason }) => [key, reason]));
  expect(unresolved.every(({ state, reason }) => ['failed', 'conflict'].includes(state) && reason !== '')).toBe(true);
  expect(totals.states['verified']).toBe(keys.length - failed.size);
  expect(ended.code, ended.stderr).toBe(failed.size === 0 ? 0 : 4);
  const verified = new Set(keys.filter((key) => !failed.has(key)));
  for (const key of verified) reached.add(key);
  return { verified, failed };
}

const itemOf = (key: string): OutsideObject | undefined =>
  legacies.map(({ items }) => items.get(key)).find((item) => item !== undefined);

/** What servers do not keep: the facts of docs/stores.md, here to the letter. */
const RULES = {
  leadingSlash: (key) => key.startsWith('/'),
  emptySegment: (key) => /[^/]\/\//.test(key),
  dotSegment: (key) => key.split('/').some((segment) => segment === '.' || segment === '..'),
  dotSegmentBehindBackslash: (key) => key.split(/[/\\]/).some((segment) => segment === '.' || segment === '..'),
  longSegment: (key) => key.split('/').some((segment) => Buffer.byteLength(segment) > 255),
  // It appends `__XLDIR__` to the name of a folder.
  longFolder: (key) => key.endsWith('/') && Buffer.byteLength(key.split('/').at(-2) ?? '') > 246,
  underAnother: (key, keys) => ancestorsOf(key).some((other) => keys.has(other)),
  trailingSlash: (key) => key.endsWith('/'),
  notInXml: (key) =>
    [...key].some((letter) => (letter < ' ' && !'\t\n\r'.includes(letter)) || /[\uFFFE\uFFFF]/.test(letter)),
  blankWithLineFeed: (key) => key.includes('\n') && key.trim() === '',
  lineFeed: (key) => key.includes('\n'),
  ownFolder: (key) => key.split('/').includes('.sgwtmp'),
} as const satisfies Record<string, (key: string, keys: ReadonlySet<string>) => boolean>;

const CENTRES: readonly { readonly name: string; readonly cannot: readonly (keyof typeof RULES)[] }[] = [
  {
    name: 'MinIO',
    cannot: ['leadingSlash', 'emptySegment', 'dotSegmentBehindBackslash', 'longSegment', 'longFolder', 'underAnother'],
  },
  {
    name: 'versitygw',
    cannot: [
      ...(['leadingSlash', 'emptySegment', 'dotSegment', 'longSegment', 'underAnother'] as const),
      ...(['trailingSlash', 'notInXml', 'blankWithLineFeed', 'ownFolder'] as const),
    ],
  },
  { name: 'moto', cannot: ['lineFeed'] },
];

describe(`${COUNT} hostile keys (seed ${SEED})`, () => {
  for (const [at, { name, cannot }] of CENTRES.entries()) {
    it(`reach ${name} as they are, or stay where they are with a reason`, { timeout: 600_000 }, async () => {
      const server = servers[at];
      if (server?.name !== name) throw new Error(`${name} is not there`);
      const place = await placeAt(server);
      const { verified, failed } = await migrate(storeAt(server, place.bucket, 'NO'));
      const keys = new Set(legacies.flatMap(({ items }) => [...items.keys()]));
      const barred = new Set([...keys].filter((key) => cannot.some((rule) => RULES[rule](key, keys))));
      expect([...verified].filter((key) => barred.has(key))).toEqual([]);
      // What no rule bars arrives: the rules are all that the server does to keys.
      const missing = [...keys].filter((key) => !barred.has(key) && !verified.has(key));
      expect(missing.map((key) => [key, failed.get(key)])).toEqual([]);
      await inTurns([...verified], AT_ONCE, async (key) => {
        expect(await getOutside(place.client, place.bucket, key), JSON.stringify(key)).toEqual(itemOf(key));
      });
      const listed = await listOutside(place.client, place.bucket);
      expect([...verified].filter((key) => !listed.includes(key))).toEqual([]);
    });
  }

  it('reach a folder that escapes', { timeout: 600_000 }, async () => {
    const dir = tempDir();
    const path = join(dir, 'centre');
    const centre = { type: 'file', path, jurisdiction: 'NO', keys: 'escape' };
    const { verified, failed } = await migrate(centre, { accept: ['contentType', 'metadata', 'tags'] });
    for (const reason of failed.values()) expect(reason).toMatch(/a file system cannot hold a key (beside|below)/);
    const store = new FileStore({ name: 'centre', path, keys: 'escape' });
    await store.open({ create: false });
    for (const key of verified) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of (await store.read(key)).body) chunks.push(chunk);
      expect(Buffer.concat(chunks).toString(), JSON.stringify(key)).toBe(itemOf(key)?.body);
    }
    await store.close();
  });

  it('reach one centre at least, each of them', () => {
    const missing = legacies.flatMap(({ items }) => [...items.keys()]).filter((key) => !reached.has(key));
    expect(missing).toEqual([]);
    expect(reached.size).toBeGreaterThanOrEqual(COUNT);
  });
});
