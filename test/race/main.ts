import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startMinio } from '../../src/rehearsal/minio.ts';
import { KINDS, type Kind } from './places.ts';
import { type RoundResult, race, VARIANTS, type Variant } from './round.ts';

/** `npm run race -- --store file|minio|minio-versioned [--rounds N] [--objects N] [--seed N] [--variant V] [--keep]`; see docs/safety.md. */
const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    rounds: { type: 'string', default: '20' },
    objects: { type: 'string', default: '5000' },
    seed: { type: 'string', default: '1' },
    variant: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

const kind = oneOf('--store', KINDS, values.store);
const only = values.variant === undefined ? undefined : oneOf('--variant', VARIANTS, values.variant);
const tell = (text: string): void => void process.stdout.write(`${text}\n`);
const server = kind === 'file' ? undefined : await startMinio({ tell });
const results: RoundResult[] = [];
try {
  tell(row(['round', 'seed', 'variant', 'writes', 'kills', 'tombstoned', 'restored', 'conflicts', 'lost', 'seconds']));
  for (let round = 0; round < Number(values.rounds); round += 1) await take(round);
} finally {
  await server?.stop();
}
const sum = (of: (result: RoundResult) => number): number => results.reduce((total, result) => total + of(result), 0);
tell(
  `${kind}: ${results.length} rounds of ${values.objects} objects, ${sum((r) => r.acknowledged)} writes acknowledged, ` +
    `${sum((r) => r.kills)} kills, ${sum((r) => r.conflicts)} conflicts, ${sum((r) => r.lost.length)} lost`,
);
process.exitCode = results.some(({ lost, problems }) => lost.length + problems.length > 0) ? 1 : 0;

async function take(round: number): Promise<void> {
  const variant = only ?? (VARIANTS[round % VARIANTS.length] as Variant);
  const seed = Number(values.seed) + round;
  const dir = await mkdtemp(join(tmpdir(), 'ferry-race-'));
  const result = await race({ kind: kind as Kind, variant, objects: Number(values.objects), seed, dir, server });
  results.push(result);
  const { acknowledged, kills, tombstoned, restored, conflicts, lost, problems, seconds } = result;
  tell(row([round + 1, seed, variant, acknowledged, kills, tombstoned, restored, conflicts, lost.length, seconds]));
  for (const line of [...lost, ...problems].slice(0, 20)) tell(`  ${line}`);
  if (values.keep && lost.length + problems.length > 0) tell(`  kept: ${dir}`);
  else await rm(dir, { recursive: true, force: true });
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell) => String(cell).padEnd(cell === 'variant' ? 14 : 11)).join(' ');
}

function oneOf<T extends string>(option: string, known: readonly T[], given: string | undefined): T {
  const found = known.find((one) => one === given);
  if (found !== undefined) return found;
  process.stderr.write(`${option} takes one of ${known.join(', ')}\n`);
  return process.exit(2);
}
