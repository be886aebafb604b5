/**
 * How fast evidence of many objects is exported and checked, and in how much memory: `npm run bench:evidence -- --leaves 1000000`. Each part
 * runs in a process of its own, so that its peak is its own.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { newKeyPair, parsePublicKey, signerOf } from '../../src/base/ed25519.ts';
import { parsePrivateKey } from '../../src/base/private-key.ts';
import { checkBundle } from '../../src/engine/evidence/check.ts';
import { exportBundle } from '../../src/engine/evidence/export.ts';
import { gather } from '../../src/engine/evidence/gather.ts';
import { type Leaf, leafText } from '../../src/evidence/leaf.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { loadPlan } from '../../src/plan/load.ts';

const PLAN = `apiVersion: ferry/v1
name: bench
runner: { jurisdiction: IE }
stores:
  legacy: { type: s3, endpoint: "https://s3.legacy.example", region: sg-1, bucket: users, jurisdiction: SG }
  hamar: { type: s3, endpoint: "https://s3.hamar.example", region: no-1, bucket: users, jurisdiction: "NO", credentials: { accessKeyIdEnv: A, secretAccessKeyEnv: B } }
partitions:
  - { name: all, from: legacy, select: { prefix: "" }, to: hamar }
finish: tombstoned
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { leaves: { type: 'string', default: '1000000' }, dir: { type: 'string' } },
});
const leaves = Number(values.leaves);
const [part] = positionals;
if (part === undefined) main();
else await measured(part, values.dir ?? '');

function main(): void {
  const dir = mkdtempSync(join(tmpdir(), 'ferry-bench-'));
  try {
    writeFileSync(join(dir, 'plan.yaml'), PLAN);
    const { key, privatePem } = newKeyPair();
    writeFileSync(join(dir, 'key'), privatePem, { mode: 0o600 });
    writeFileSync(join(dir, 'pub'), key.openssh);
    process.stdout.write(`${leaves} leaves of objects\npart      wall s   CPU s   leaves/CPU s   peak MiB\n`);
    for (const one of ['fill', 'export', 'verify']) {
      const { status } = spawnSync(
        process.execPath,
        [...process.execArgv, import.meta.filename, one, '--leaves', String(leaves), '--dir', dir],
        { stdio: 'inherit' },
      );
      if (status !== 0) process.exit(1);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measured(name: string, dir: string): Promise<void> {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  if (name === 'fill') await fill(dir);
  else if (name === 'export') await exportAll(dir);
  else await checkBundle({ folder: join(dir, 'bundle'), key: parsePublicKey(readFileSync(join(dir, 'pub'), 'utf8')) });
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (user + system) / 1e6;
  const cells = [
    name.padEnd(8),
    ((performance.now() - wall) / 1e3).toFixed(2).padStart(7),
    seconds.toFixed(2).padStart(7),
    Math.round(leaves / seconds)
      .toString()
      .padStart(14),
    Math.round(process.resourceUsage().maxRSS / 1024)
      .toString()
      .padStart(10),
  ];
  process.stdout.write(`${cells.join(' ')}\n`);
}

async function opened(dir: string) {
  const loaded = await loadPlan(join(dir, 'plan.yaml'), { A: 'a', B: 'b' });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { plan } = loaded;
  const ledger = Ledger.open(join(dir, 'state'));
  const stores = Object.keys(plan.stores).map((name) => ({ name, location: `s3://${name}` }));
  const partitions = plan.partitions.map(({ name, from, to }) => ({ name, from, to }));
  ledger.bind({ plan: plan.name, planDigest: plan.digest, routing: plan.routing, stores, partitions });
  return { plan, ledger };
}

/** A log as a run of that many objects leaves it. */
async function fill(dir: string): Promise<void> {
  const { plan, ledger } = await opened(dir);
  gather({ plan, findings: [], ledger, version: '0' });
  for (let at = 0; at < leaves; at += 4_096) {
    const batch = Array.from({ length: Math.min(4_096, leaves - at) }, (_, i) => ({ text: leafText(leafOf(at + i)) }));
    ledger.log.append(batch);
  }
  const outcomes = { tombstoned: leaves };
  const tally: Leaf = { type: 'tally', planned: 0, partitions: [{ bytes: 0, name: 'all', objects: leaves, outcomes }] };
  ledger.log.append([{ text: leafText(tally) }]);
  ledger.close();
}

function leafOf(n: number): Leaf {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  return {
    type: 'object',
    partition: 'all',
    source: 'legacy',
    sourceVersion: hex(16),
    key: `sha256:${hex(32)}`,
    size: 1_000 + (n % 90_000),
    sha256: hex(32),
    centre: 'hamar',
    centreVersion: hex(16),
    outcome: 'tombstoned',
    verified: { at: '2026-03-01T12:00:00.000Z', how: 'readback' },
    tombstone: { at: '2026-03-01T12:00:01.000Z', holdUntil: '2026-03-31T12:00:01.000Z' },
  };
}

async function exportAll(dir: string): Promise<void> {
  const { plan, ledger } = await opened(dir);
  const signer = signerOf(parsePrivateKey(readFileSync(join(dir, 'key'), 'utf8')));
  const write = (file: string, bytes: Uint8Array | string): void => writeFileSync(file, bytes);
  await exportBundle({ plan, ledger, clock: systemClock, signer, version: '0', folder: join(dir, 'bundle'), write });
  ledger.close();
}
