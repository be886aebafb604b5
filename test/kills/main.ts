import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startMinio } from '../../src/rehearsal/minio.ts';
import { KINDS, type Kind } from '../race/places.ts';
import { type Command, killedRound, type RoundResult } from './round.ts';

/** `npm run kills -- --kills N [--seed S] [--store file|minio|minio-versioned] [--objects N] [--keep]`; see docs/safety.md. SIGINT ends it after the round. */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    store: { type: 'string', default: 'minio' },
    objects: { type: 'string', default: '60' },
    keep: { type: 'boolean', default: false },
  },
});

const kind = KINDS.find((one) => one === values.store);
const wanted = Number(values.kills);
const objects = Number(values.objects);
if (kind === undefined || !Number.isInteger(wanted) || wanted < 1 || !Number.isInteger(objects) || objects < 1) {
  process.stderr.write(`--store takes one of ${KINDS.join(', ')}; --kills and --objects a whole number from 1\n`);
  process.exit(2);
}

const tell = (text: string): void => void process.stdout.write(`${text}\n`);
const COMMANDS: readonly Command[] = ['run', 'restore', 'purge'];
const results: RoundResult[] = [];
const began = performance.now();
let isStopped = false;
process.on('SIGINT', () => {
  isStopped = true;
});
const server = kind === 'file' ? undefined : await startMinio({ tell });
try {
  while (!isStopped && killsOf(COMMANDS) < wanted) await take(kind, results.length);
} finally {
  await server?.stop();
}
summarise();
process.exitCode = results.some(isBad) ? 1 : 0;

async function take(of: Kind, nth: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-kills-'));
  const result = await killedRound({
    kind: of,
    objects,
    mostKills: wanted - killsOf(COMMANDS),
    seed: `${values.seed}/${nth}`,
    second: nth % 2 === 0 ? 'restore' : 'purge',
    dir,
    server,
  });
  results.push(result);
  const { lost, wronglyTombstoned, problems } = result;
  for (const line of [...lost, ...wronglyTombstoned, ...problems].slice(0, 20)) tell(`  ${line}`);
  tell(`round ${nth + 1}: ${killsOf(COMMANDS)} of ${wanted} kills`);
  if (values.keep && isBad(result)) tell(`  kept: ${dir}`);
  else await rm(dir, { recursive: true, force: true });
}

function killsOf(commands: readonly Command[]): number {
  return results.reduce((sum, { kills }) => sum + commands.reduce((more, one) => more + kills[one], 0), 0);
}

function isBad({ lost, wronglyTombstoned, problems }: RoundResult): boolean {
  return lost.length + wronglyTombstoned.length + problems.length > 0;
}

function summarise(): void {
  const sum = (of: (result: RoundResult) => number): number => results.reduce((all, one) => all + of(one), 0);
  const states = new Map<string, number>();
  for (const { atEnd } of results) {
    for (const [state, n] of Object.entries(atEnd)) states.set(state, (states.get(state) ?? 0) + n);
  }
  const seconds = (performance.now() - began) / 1_000;
  tell(`\n${kind}, seed ${values.seed}: ${results.length} rounds of ${objects} objects in ${seconds.toFixed(0)} s`);
  for (const command of COMMANDS) tell(`killed during ${command.padEnd(8)} ${killsOf([command])}`);
  tell(`objects compared      ${sum(({ comparisons }) => comparisons * objects)}`);
  for (const [state, n] of states) tell(`${state.padEnd(21)} ${n}`);
  tell(`lost                  ${sum(({ lost }) => lost.length)}`);
  tell(`wrongly tombstoned    ${sum(({ wronglyTombstoned }) => wronglyTombstoned.length)}`);
  tell(`other problems        ${sum(({ problems }) => problems.length)}`);
}
