/** How long a run takes whose objects are all finished: `npm run bench:resume -- --objects 1000000`; see docs/performance.md. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { Ledger } from '../../src/ledger/ledger.ts';
import { chainStart } from '../../src/migration/chain.ts';
import { measure } from './compare/measure.ts';

const { values } = parseArgs({ options: { objects: { type: 'string', default: '1000000' } } });
const objects = Number(values.objects);
const PAGE = 1_000;
const dir = mkdtempSync(join(tmpdir(), 'ferry-bench-'));
const [legacy, hamar, state, plan] = ['legacy', 'hamar', 'state', 'plan.json'].map((name) => join(dir, name)) as [
  string,
  string,
  string,
  string,
];
const ferry = new URL('../../bin/ferry.js', import.meta.url).pathname;
const call = (...more: string[]) =>
  measure({ argv: [process.execPath, ferry, 'run', plan, '--state', state, '--progress', 'none', ...more] });

try {
  for (const folder of [legacy, hamar]) mkdirSync(folder);
  writeFileSync(
    plan,
    JSON.stringify({
      apiVersion: 'ferry/v1',
      name: 'bench',
      runner: { jurisdiction: 'IE' },
      stores: {
        legacy: { type: 'file', path: legacy, jurisdiction: 'SG' },
        hamar: { type: 'file', path: hamar, jurisdiction: 'NO' },
      },
      partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }],
      finish: 'verified',
    }),
  );
  expectOk(call());
  fill();
  const size = statSync(join(state, 'ledger.db')).size;
  // The first run after that writes the evidence of all of them.
  const [first, again] = [call('--no-list'), call('--no-list')];
  for (const one of [first, again]) expectOk(one);
  const whole = statSync(join(state, 'ledger.db')).size;
  process.stdout.write(
    `${objects} finished objects\n` +
      `ledger: ${(size / objects).toFixed(0)} bytes an object, ${(whole / objects).toFixed(0)} with its evidence\n` +
      `first run, writes their evidence: ${told(first)}\nrun again: ${told(again)}\n`,
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}

/** As a run of all of them would have left the ledger, but for the evidence. */
function fill(): void {
  const ledger = Ledger.open(state);
  ledger.inventory.begin('legacy', chainStart('legacy'));
  const coverage = { excluded: { objects: 0, bytes: 0 }, unassigned: { objects: 0, bytes: 0, sample: [] } };
  for (let at = 0; at < objects; at += PAGE) {
    const listed = Array.from({ length: Math.min(PAGE, objects - at) }, (_, n) => ({
      partition: 'all',
      key: `users/u${String(at + n).padStart(9, '0')}/photo.jpg`,
      size: 4_096,
      revision: `${at + n}-1700000000000000000-4096`,
    }));
    const end = { after: listed.at(-1)?.key, chain: chainStart('legacy') };
    ledger.inventory.page('legacy', listed, { ...end, ...coverage });
  }
  ledger.inventory.finish('legacy');
  ledger.close();
  const db = new DatabaseSync(join(state, 'ledger.db'));
  const verified = JSON.stringify({ at: Date.now(), how: 'readback' });
  for (const [to, more] of [
    ['copied', `sha256 = lower(hex(randomblob(32))), centre_revision = revision, attributes = '{}'`],
    ['verified', 'verified = ?'],
  ] as const) {
    db.prepare(`UPDATE object SET state = '${to}', ${more}`).run(...(to === 'verified' ? [verified] : []));
  }
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}

function told({ wall, cpu, peak }: ReturnType<typeof measure>): string {
  return `${wall.toFixed(2)} s, ${cpu.toFixed(2)} CPU-s, peak ${peak.toFixed(0)} MiB`;
}

function expectOk({ code, stderr }: ReturnType<typeof measure>): void {
  if (code !== 0) throw new Error(`ferry ended with ${code}: ${stderr}`);
}
