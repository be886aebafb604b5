import { execFile, execFileSync } from 'node:child_process';
import { cpSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
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

async function read(what: string, path: string, key = ''): Promise<string> {
  const options = { timeout: 100_000, maxBuffer: 1024 ** 2 };
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, what, path, key], options);
  const { text, mib } = JSON.parse(stdout) as { text: string; mib: number };
  expect(mib, `${what}: MiB`).toBeLessThan(MOST_MIB);
  return text;
}

/** Frames of Zstandard, or members of gzip, one after another: they unpack to as many times what the one does. */
function repeated(file: string, part: Uint8Array, times: number): void {
  const fd = openSync(file, 'w');
  for (let i = 0; i < times; i += 1) writeSync(fd, part);
}

const MIB = 1024 ** 2;

async function bundle(): Promise<Made> {
  const laid = layOut({}, { 'users/NO/a': 'first' });
  expect((await ferry(['run', laid.plan])).code).toBe(0);
  return await exported(laid);
}

describe('what unpacks to gigabytes, or does not end', () => {
  it('in a bundle is refused within a bound', async () => {
    const made = await bundle();
    const check = async (name: string, spoil: (file: string) => void): Promise<string> => {
      const folder = join(tempDir(), 'copy');
      cpSync(made.folder, folder, { recursive: true });
      spoil(join(folder, name));
      return await read('bundle', folder, made.publicFile);
    };
    const lines = 'segments/000000.ndjson.zst';
    const bomb = (part: Uint8Array) => (file: string) => repeated(file, zstdCompressSync(part), 64);
    expect(await check(lines, bomb(Buffer.alloc(64 * MIB)))).toMatch(/longer than a leaf|cannot be decompressed/);
    expect(await check(lines, bomb(Buffer.alloc(64 * MIB, '\n')))).toContain('leaf 0');
    expect(await check(lines, bomb(Buffer.alloc(64 * MIB, 'x')))).toMatch(/longer than a leaf|cannot be decompressed/);
    // Sparse: no room is taken on the disk.
    for (const name of [lines, 'segments/000000.hashes', 'head.json', 'manifest.json', 'plan.json', 'head.json.tsr']) {
      const told = await check(name, (file) => {
        writeFileSync(file, '{', { flag: 'a' });
        truncateSync(file, 1_900 * MIB);
      });
      expect(told, name).toContain(name.split('/').at(-1));
    }
    for (const text of [
      '[]',
      'null',
      '[[]]',
      `{"payload":${'['.repeat(MIB)}`,
      '{"payload":"","payloadType":"","signatures":[null]}',
    ])
      for (const name of ['head.json', 'manifest.json'])
        expect(await check(name, (file) => writeFileSync(file, text)), text.slice(0, 40)).toContain(name);
    const pipe = await check('key.pem', (file) => {
      rmSync(file);
      execFileSync('mkfifo', [file]);
    });
    expect(pipe).toContain('it is not a file');
  });

  it('in a manifest of keys is refused within a bound', async () => {
    const file = join(tempDir(), 'keys.ndjson.gz');
    repeated(file, gzipSync(Buffer.alloc(64 * MIB, 'x')), 64);
    expect(await read('manifest', file)).toContain('the line is longer than 1 MiB');
    writeFileSync(file, gzipSync(readFileSync('/dev/null')));
    expect(await read('manifest', file)).toBe('good');
  });

  it('as a plan is refused within a bound', async () => {
    const file = join(tempDir(), 'plan.yaml');
    const levels = Array.from({ length: 40 }, (_, i) => `b${i}: &l${i + 1} [${`*l${i}, `.repeat(9)}*l${i}]`);
    for (const text of ['['.repeat(4 * MIB - 1), '- '.repeat(2 * MIB - 1), `a: &l0 [x]\n${levels.join('\n')}\n`]) {
      writeFileSync(file, text);
      expect(await read('plan', file)).toBe('false');
    }
    expect(await read('plan', '/dev/zero')).toBe('false');
  });
});
