import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeStore } from '../../src/store/open-store.ts';
import type { ListEntry, Store } from '../../src/store/store.ts';
import { startMoto } from '../support/servers/moto.ts';
import {
  bucketAt,
  clientOf,
  envOf,
  type OwnServer,
  type S3Server,
  START_MS,
  specAt,
} from '../support/servers/server.ts';
import { startVersitygw } from '../support/servers/versitygw.ts';
import { conformance } from './conformance.ts';

let versitygw: OwnServer | undefined;
let moto: OwnServer | undefined;
beforeAll(async () => {
  versitygw = await startVersitygw();
  moto = await startMoto();
}, START_MS);
afterAll(async () => {
  await versitygw?.stop();
  await moto?.stop();
});

function up(server: OwnServer | undefined): OwnServer {
  if (server === undefined) throw new Error('the server did not start');
  return server;
}

async function open(server: S3Server, bucket: string): Promise<Store> {
  const store = await makeStore(specAt(server, bucket), envOf(server));
  await store.open({ create: false });
  return store;
}

// What every server here keeps apart; what some do not is in test/e2e/hostile-keys.test.ts and docs/stores.md.
const keys = [
  'a',
  'b/c/d',
  '.hidden',
  'é',
  'e\u0301',
  '\u{1F600}',
  'with space',
  '+',
  'a+b c',
  '%2F',
  '%',
  'back\\slash',
  'quote"',
  '*',
  '$',
  '&<>',
  ']]>',
  '&#10;',
  'carriage\rreturn',
  'y'.repeat(200),
];
const refused = ['', '\uD800', 'nul\0', 'x'.repeat(1_025)];

for (const versioned of [false, true]) {
  const title = versioned ? ', versioned' : '';
  conformance(`s3 (versitygw${title})`, {
    make: async () => await open(up(versitygw), await bucketAt(up(versitygw), versioned)),
    keys: [...keys, 'line\nfeed'],
    refused: [...refused, 'z'.repeat(256)],
    keeps: versioned,
    attributes: true,
  });
  conformance(`s3 (moto${title})`, {
    make: async () => await open(up(moto), await bucketAt(up(moto), versioned)),
    // Its routes do not match a line feed.
    keys: [...keys, '\u0001', '\uFFFE', 'd//e', 'f/./g', 'h/../i', '..', '/lead', 'dir/', '/', 'z'.repeat(1_024)],
    refused,
    keeps: versioned,
    attributes: true,
    // It knows `If-None-Match` alone, and stores the SHA-256 that it is told.
    revision: 'ignored',
    digest: 'ignored',
  });
}

describe('versitygw', () => {
  async function filled(keysOf: readonly (readonly [string, string])[]): Promise<Store> {
    const server = up(versitygw);
    const bucket = await bucketAt(server);
    const client = clientOf(server);
    for (let at = 0; at < keysOf.length; at += 50) {
      const some = keysOf.slice(at, at + 50);
      await Promise.all(some.map(([Key, Body]) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))));
    }
    client.destroy();
    const store = await open(server, bucket);
    onTestFinished(() => store.close());
    return store;
  }

  async function listed(store: Store, options = {}): Promise<ListEntry[]> {
    const all: ListEntry[] = [];
    for await (const page of store.list(options)) all.push(...page);
    return all;
  }

  it('lists keys that its XML cannot carry as ones that cannot be read, each once, and drops none', async () => {
    const real = ['a\uFFFD', 'b', 'same\uFFFD'];
    const bent = ['a\u0001', 'a\u0002', 'a\uFFFE', 'same\u0001', '\n', '\r\n'];
    const bodyOf = (key: string): string => (key.trim() === '' ? '' : key.startsWith('same') ? '=' : key);
    const store = await filled([...real, ...bent].map((key) => [key, bodyOf(key)]));
    const entries = await listed(store);
    const names = entries.filter(({ unusable }) => unusable === undefined).map(({ key }) => key);
    expect(names.sort()).toEqual([...real].sort());
    const unusable = entries.filter((entry) => entry.unusable !== undefined);
    expect(unusable).toHaveLength(bent.length);
    expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length);
    for (const entry of unusable) expect(entry.unusable).toContain('name its key in a manifest');
  });

  it('loses no key where a page ends in one that its XML cannot carry', async () => {
    // The 1,000th key of the listing is bent, and the shape that it has in the answer sorts after many that follow it.
    const before = Array.from({ length: 998 }, (_, n) => `a${String(n).padStart(4, '0')}`);
    const bent = ['b\u0001', 'b\u0002', 'b\u0003'];
    const after = Array.from({ length: 30 }, (_, n) => `b${String(n).padStart(4, '0')}`);
    const store = await filled([...before, ...bent, ...after].map((key) => [key, key]));
    const entries = await listed(store);
    const names = entries.filter(({ unusable }) => unusable === undefined).map(({ key }) => key);
    expect(names).toEqual([...before, ...after]);
    expect(entries.filter(({ unusable }) => unusable !== undefined)).toHaveLength(bent.length);
    expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length);
    for await (const page of store.list({})) expect(page.at(-1)?.unusable).toBeUndefined();
  });

  it('says so where it cannot go on, rather than to end there', async () => {
    const keysOf = Array.from({ length: 1_001 }, (_, n) => `a\u0001${n}`);
    const store = await filled(keysOf.map((key) => [key, '']));
    await expect(listed(store)).rejects.toThrow('does not encode keys');
  });
});
