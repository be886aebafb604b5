import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FerryError } from '../../src/base/errors.ts';
import { type ManifestSource, readManifest } from '../../src/plan/manifest.ts';
import type { ManifestFormat } from '../../src/plan/types.ts';
import { tempDir } from '../support/temp.ts';

async function read(
  content: string | Uint8Array,
  format: ManifestFormat,
  more: Partial<ManifestSource> & { name?: string } = {},
) {
  const path = join(tempDir(), more.name ?? 'keys');
  writeFileSync(path, content);
  return await Array.fromAsync(readManifest({ path, format, bucket: more.bucket }));
}

async function fails(
  content: string | Uint8Array,
  format: ManifestFormat,
  more: Partial<ManifestSource> & { name?: string } = {},
) {
  const error = await read(content, format, more).catch((thrown: unknown) => thrown);
  if (!(error instanceof FerryError)) throw new Error(`expected a FerryError, not ${String(error)}`);
  expect(error.fault).toBe('usage');
  return { line: Number(error.subject.split(':').at(-1)), why: error.why };
}

describe('lines', () => {
  test('are taken as they stand; line ends and empty lines are dropped', async () => {
    expect(await read('\ufeffa b \r\n\r\n\n  c\t\nd%2F+\nlast', 'lines')).toEqual(['a b ', '  c\t', 'd%2F+', 'last']);
    expect(await read('', 'lines')).toEqual([]);
  });

  test('gunzipped where the name says so', async () => {
    expect(await read(gzipSync('a\nb\n'), 'lines', { name: 'keys.txt.gz' })).toEqual(['a', 'b']);
    const cut = gzipSync('a\n'.repeat(10_000)).subarray(0, -12);
    expect(await fails(cut, 'lines', { name: 'keys.gz' })).toMatchObject({
      why: expect.stringContaining('cannot be read'),
    });
  });

  test('are found whatever the pieces in which the file is read', async () => {
    // Longer than several chunks, with lines of every length so that ends fall everywhere.
    const keys = Array.from({ length: 3_000 }, (_, i) => `${i}/${'ø'.repeat(i % 700)}`);
    expect(await read(keys.join('\n'), 'lines')).toEqual(keys);
  });

  test('that are no UTF-8, or endless, are errors with their number', async () => {
    expect(await fails(Buffer.from('a\nb\n\xff\n', 'latin1'), 'lines')).toEqual({
      line: 3,
      why: expect.stringContaining('UTF-8'),
    });
    expect(await fails(`a\n${'x'.repeat(2_000_000)}`, 'lines')).toEqual({
      line: 2,
      why: expect.stringContaining('1 MiB'),
    });
  });
});

describe('NDJSON', () => {
  test('holds strings and objects with a key', async () => {
    const text = '"a\\nb"\n{"key":"c","size":1}\r\n  \n{"size":2,"key":"😀"}\n';
    expect(await read(text, 'ndjson')).toEqual(['a\nb', 'c', '😀']);
  });

  test.each(['{"key":1}', '{}', '[]', 'null', '7', 'a', '{"key":"a"', '""', '"\\ud800"'])(
    '%s is malformed',
    async (line) => {
      expect((await fails(`"ok"\n\n${line}\n`, 'ndjson')).line).toBe(3);
    },
  );

  test('gives back every key that was written', async () => {
    const key = fc.string({ unit: 'grapheme', minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(key), async (keys) => {
        const lines = keys.map((each, i) => JSON.stringify(i % 2 === 0 ? each : { key: each }));
        expect(await read(lines.join('\n'), 'ndjson')).toEqual(keys);
      }),
      { numRuns: 50 },
    );
  });
});

describe('CSV of S3 Inventory', () => {
  test('has bucket and key first, quoted or not, and the key URL-encoded', async () => {
    const text = '"users","a%2Fb/c%20d","123","true"\r\nusers,e+f%2Bg%0A\n"users","x,""y""","1"\n';
    expect(await read(text, 'csv')).toEqual(['a/b/c d', 'e f+g\n', 'x,"y"']);
  });

  test('is of one bucket; rows outside the prefix of the store are skipped, and the prefix is taken off', async () => {
    const bucket = { name: 'users', prefix: 'eu/' };
    expect(await read('users,eu/a\nusers,us/b\nusers,eu/\nusers,eu/c\n', 'csv', { bucket })).toEqual(['a', 'c']);
    expect(await fails('users,eu/a\nother,eu/b\n', 'csv', { bucket })).toEqual({
      line: 2,
      why: expect.stringContaining('another bucket'),
    });
  });

  test.each(['users', '"users"', 'users,', 'users,"a', 'users,a"b', 'users,%zz', 'users,%ff', '"users" ,a'])(
    '%s is malformed',
    async (line) => {
      expect((await fails(`users,ok\n${line}\n`, 'csv')).line).toBe(2);
    },
  );

  test('gives back every key that was encoded, as S3 does it or as URLs do', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme', minLength: 1 })), async (keys) => {
        const lines = keys.map((key, i) => {
          const encoded = encodeURIComponent(key);
          return `"users","${i % 2 === 0 ? encoded : encoded.replaceAll('%20', '+')}","1"`;
        });
        expect(await read(lines.join('\n'), 'csv')).toEqual(keys);
      }),
      { numRuns: 50 },
    );
  });
});

test('a manifest that is not there is an error that names it', async () => {
  const path = join(tempDir(), 'none.gz');
  for (const name of [path, path.replace('.gz', '')]) {
    await expect(Array.fromAsync(readManifest({ path: name, format: 'lines' }))).rejects.toThrow(name);
  }
});
