/**
 * How long an inventory of very many objects takes, and in how much memory: `npm run bench:inventory -- --keys 1000000 --delay 20`. The server
 * holds no objects: it makes pages of keys by a formula and answers each after a delay, as a real one far away does. `ferry plan` lists it
 * with one lister, and with eight (the most that there are).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { measure } from './compare/measure.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keys: { type: 'string', default: '1000000' },
    delay: { type: 'string', default: '20' },
    listers: { type: 'string', default: '1,8' },
  },
});
const keys = Number(values.keys);
const delayMs = Number(values.delay);
if (positionals[0] === 'serve') await serve();
else await main();

async function main(): Promise<void> {
  const args = [import.meta.filename, 'serve', '--keys', String(keys), '--delay', String(delayMs)];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const dir = mkdtempSync(join(tmpdir(), 'ferry-bench-'));
  try {
    const [port] = (await once(server.stdout, 'data')) as [Buffer];
    process.stdout.write(`${keys} keys, each page after ${delayMs} ms\n`);
    for (const listers of values.listers.split(',').map(Number)) {
      const plan = join(dir, `${listers}.json`);
      writeFileSync(plan, JSON.stringify(planOf(Number(port), listers)));
      const ferry = new URL('../../bin/ferry.js', import.meta.url).pathname;
      const { code, wall, cpu, peak, stderr } = measure({
        argv: [process.execPath, ferry, 'plan', plan, '--json', '--state', join(dir, String(listers))],
        env: { BENCH_KEY: 'bench', BENCH_SECRET: 'bench-secret' },
      });
      if (code !== 0) throw new Error(`ferry ended with ${code}: ${stderr}`);
      process.stdout.write(
        `listers: ${listers}  ${wall.toFixed(1)} s  ${cpu.toFixed(1)} CPU-s  peak ${peak.toFixed(0)} MiB\n`,
      );
    }
  } finally {
    server.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

function planOf(port: number, concurrency: number) {
  const credentials = { accessKeyIdEnv: 'BENCH_KEY', secretAccessKeyEnv: 'BENCH_SECRET' };
  const endpoint = `http://127.0.0.1:${port}`;
  const store = { type: 's3', endpoint, region: 'us-east-1', credentials };
  return {
    apiVersion: 'ferry/v1',
    name: 'bench',
    runner: { jurisdiction: 'IE' },
    stores: {
      legacy: { ...store, bucket: 'legacy', jurisdiction: 'SG' },
      hamar: { ...store, bucket: 'hamar', jurisdiction: 'NO' },
    },
    partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }],
    limits: { concurrency },
  };
}

function keyOf(n: number): string {
  return `users/u${String(n).padStart(9, '0')}/photo.jpg`;
}

/** The first key after one, by its number. */
function after(key: string): number {
  let [low, high] = [0, keys];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(middle) > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

async function serve(): Promise<void> {
  const server = createServer(async (asked, told) => {
    const query = new URL(asked.url ?? '/', 'http://server').searchParams;
    const answer = (xml: string): void => void told.writeHead(200, { 'content-type': 'application/xml' }).end(xml);
    if (asked.method === 'HEAD') return void told.writeHead(200).end();
    if (query.has('location')) return answer('<LocationConstraint>us-east-1</LocationConstraint>');
    if (query.has('versioning')) return answer('<VersioningConfiguration></VersioningConfiguration>');
    if (query.get('list-type') !== '2') return void told.writeHead(501).end();
    await delay(delayMs);
    const isLegacy = asked.url?.startsWith('/legacy') === true && (query.get('prefix') ?? '') === '';
    answer(page(isLegacy ? after(query.get('continuation-token') ?? query.get('start-after') ?? '') : keys));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  process.stdout.write(String(typeof address === 'object' && address !== null ? address.port : 0));
}

function page(start: number): string {
  const end = Math.min(keys, start + 1_000);
  let contents = '';
  for (let n = start; n < end; n += 1) {
    contents += `<Contents><Key>${encodeURIComponent(keyOf(n))}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;${n}&quot;</ETag><Size>4096</Size></Contents>`;
  }
  const more = end < keys;
  const next = more ? `<NextContinuationToken>${keyOf(end - 1)}</NextContinuationToken>` : '';
  return `<ListBucketResult><Name>legacy</Name><EncodingType>url</EncodingType><IsTruncated>${more}</IsTruncated>${next}${contents}</ListBucketResult>`;
}
