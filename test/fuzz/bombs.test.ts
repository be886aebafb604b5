import { execFile, execFileSync } from 'node:child_process';
import { closeSync, cpSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { exported, type Made } from '../support/bundle.ts';
import { ferry } from '../support/cli.ts';
import { layOut } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

const CHILD = new URL('bomb-child.ts', import.meta.url).pathname;

/** Node itself takes some 60 to 100 MiB; what these inputs unpack to is gigabytes. */
const MOST_MIB = 700;

async function read(what: string, key: string, ...paths: readonly string[]): Promise<string[]> {
  const options = { timeout: 250_000, maxBuffer: 1024 ** 2 };
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, what, key, ...paths], options);
  const { texts, mib } = JSON.parse(stdout) as { texts: string[]; mib: number };
  expect(mib, `${what}: MiB`).toBeLessThan(MOST_MIB);
  return texts;
}

/** Frames of Zstandard, or members of gzip, one after another: they unpack to as many times what the one does. */
function repeated(file: string, part: Uint8Array, times: number): void {
  const fd = openSync(file, 'w');
  for (let i = 0; i < times; i += 1) writeSync(fd, part);
  closeSync(fd);
}

const MIB = 1024 ** 2;

async function bundle(): Promise<Made> {
  const laid = layOut({}, { 'users/NO/a': 'first' });
  expect((await ferry(['run', laid.plan])).code).toBe(0);
  return await exported(laid);
}

describe('what unpacks to gigabytes, or does not end', () => {
  it('in a bundle is refused within a bound', { timeout: 300_000 }, async () => {
    const made = await bundle();
    const tried: { folder: string; expected: RegExp }[] = [];
    const add = (name: string, expected: RegExp, spoil: (file: string) => void): void => {
      const folder = join(tempDir(), 'copy');
      cpSync(made.folder, folder, { recursive: true });
      spoil(join(folder, name));
      tried.push({ folder, expected });
    };
    const lines = 'segments/000000.ndjson.zst';
    for (const [fill, expected] of [
      ['\0', /longer than a leaf|cannot be decompressed/],
      ['\n', /leaf 0/],
    ] as const)
      add(lines, expected, (file) => repeated(file, zstdCompressSync(Buffer.alloc(64 * MIB, fill)), 64));
    // Sparse: no room is taken on the disk.
    for (const name of [lines, 'segments/000000.hashes', 'head.json', 'manifest.json', 'plan.json', 'head.json.tsr'])
      add(name, new RegExp(name), (file) => {
        writeFileSync(file, '{', { flag: 'a' });
        truncateSync(file, 1_900 * MIB);
      });
    const deep = `{"payload":${'['.repeat(MIB)}`;
    for (const text of ['[]', 'null', deep, '{"payload":"","payloadType":"","signatures":[null]}'])
      for (const name of ['head.json', 'manifest.json'])
        add(name, new RegExp(name), (file) => writeFileSync(file, text));
    add('key.pem', /it is not a file/, (file) => {
      rmSync(file);
      execFileSync('mkfifo', [file]);
    });
    const told = await read('bundle', made.publicFile, ...tried.map(({ folder }) => folder));
    for (const [i, { expected }] of tried.entries()) expect(told[i]).toMatch(expected);
  });

  it('in a manifest of keys is refused within a bound', async () => {
    const file = join(tempDir(), 'keys.ndjson.gz');
    repeated(file, gzipSync(Buffer.alloc(64 * MIB, 'x')), 64);
    expect((await read('manifest', '', file))[0]).toContain('the line is longer than 1 MiB');
  });

  it('as a plan is refused within a bound', async () => {
    const levels = Array.from({ length: 40 }, (_, i) => `b${i}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`);
    const texts = ['['.repeat(4 * MIB - 1), '- '.repeat(2 * MIB - 1), `a: &l0 [x]\n${levels.join('\n')}\n`];
    const files = texts.map((text) => {
      const file = join(tempDir(), 'plan.yaml');
      writeFileSync(file, text);
      return file;
    });
    expect(await read('plan', '', ...files, '/dev/zero')).toEqual(['false', 'false', 'false', 'false']);
  });
});
