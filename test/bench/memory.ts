/** How peak memory grows with the number of objects: `npm run bench:memory -- --objects 10000,1000000`; see docs/performance.md. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from './compare/measure.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '10000,1000000' },
    /** Where folders are made; one that is memory itself (`/dev/shm`) spares the disk. */
    source: { type: 'string', default: tmpdir() },
    centre: { type: 'string', default: tmpdir() },
    finish: { type: 'string', default: 'verified' },
  },
});
const FILES_IN_A_FOLDER = 1_000;
const ferry = new URL('../../bin/ferry.js', import.meta.url).pathname;

for (const objects of values.objects.split(',').map(Number)) one(objects);

/** A whole run of so many small files from a folder to a folder. */
function one(objects: number): void {
  const [source, centre] = [values.source, values.centre].map((base) => mkdtempSync(join(base, 'ferry-bench-')));
  if (source === undefined || centre === undefined) throw new Error('two folders were asked for');
  try {
    const [legacy, hamar] = [join(source, 'legacy'), join(centre, 'hamar')];
    mkdirSync(hamar);
    fill(legacy, objects);
    const plan = join(source, 'plan.json');
    writeFileSync(plan, JSON.stringify(planOf(legacy, hamar)));
    const state = join(source, 'state');
    const argv = [process.execPath, ferry, 'run', plan, '--state', state, '--progress', 'none'] as const;
    const { code, stderr, wall, cpu, peak } = measure({ argv: [...argv] });
    if (code !== 0) throw new Error(`ferry ended with ${code}: ${stderr}`);
    const told = `${wall.toFixed(0)} s, ${cpu.toFixed(0)} CPU-s, peak ${peak.toFixed(0)} MiB`;
    process.stdout.write(`${objects} objects, finish ${values.finish}: ${told}\n`);
  } finally {
    for (const dir of [source, centre]) rmSync(dir, { recursive: true, force: true });
  }
}

function fill(legacy: string, objects: number): void {
  for (let at = 0; at < objects; at += 1) {
    const folder = join(legacy, 'users', `u${String(Math.floor(at / FILES_IN_A_FOLDER)).padStart(6, '0')}`);
    if (at % FILES_IN_A_FOLDER === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `photo-${at}.jpg`), `the bytes of object ${at}`);
  }
}

function planOf(legacy: string, hamar: string): object {
  return {
    apiVersion: 'ferry/v1',
    name: 'bench',
    runner: { jurisdiction: 'IE' },
    stores: {
      legacy: { type: 'file', path: legacy, jurisdiction: 'SG' },
      hamar: { type: 'file', path: hamar, jurisdiction: 'NO' },
    },
    partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'hamar' }],
    finish: values.finish,
  };
}
