import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { BUGS, type Bug } from './bugs.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How often each text of a bug stands in the sources; each must once. */
export function places({ edits }: Bug): number[] {
  return edits.map(({ file, from }) => readFileSync(join(ROOT, 'src', file), 'utf8').split(from).length - 1);
}

export interface Found {
  readonly bug: string;
  /** `undefined` where no seed found it. */
  readonly seed: number | undefined;
  readonly message: string;
  readonly seconds: number;
}

/** Plants each bug in a copy of the sources, one at a time, and tells at which seed it is found first. */
export async function* plantAll(seeds: number, only: string | undefined): AsyncGenerator<Found> {
  const copy = mkdtempSync(join(process.env['FERRY_SIMULATION_DIR'] ?? tmpdir(), 'ferry-planted-'));
  try {
    for (const name of ['src', 'test/simulator', 'package.json'])
      cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    for (const bug of BUGS) if (only === undefined || bug.name.includes(only)) yield await plant(bug, copy, seeds);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function plant({ name, edits }: Bug, copy: string, seeds: number): Promise<Found> {
  const begun = performance.now();
  const kept = new Map<string, string>();
  for (const { file, from, to } of edits) {
    const path = join(copy, 'src', file);
    const source = readFileSync(path, 'utf8');
    if (!kept.has(path)) kept.set(path, source);
    writeFileSync(
      path,
      source.replace(from, () => to),
    );
  }
  const child = spawn(process.execPath, [join(copy, 'test/simulator/main.ts'), '--seeds', String(seeds), '--first'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [told] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  for (const [path, source] of kept) writeFileSync(path, source);
  const [, seed, message = ''] = /^seed (\d+): (.*)/m.exec(told) ?? [];
  return {
    bug: name,
    seed: seed === undefined ? undefined : Number(seed),
    message,
    seconds: Math.round((performance.now() - begun) / 1_000),
  };
}
