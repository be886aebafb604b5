import { parseArgs } from 'node:util';
import { explore, replay, SETS } from './explore.ts';
import { plantAll } from './plant.ts';
import { simulate } from './simulation.ts';
import { seeded } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    bugs: { type: 'boolean', default: false },
    only: { type: 'string' },
    explore: { type: 'boolean', default: false },
    path: { type: 'string' },
    /** Ends after so long, whatever is left. */
    seconds: { type: 'string' },
    runs: { type: 'string', default: '100000' },
    first: { type: 'boolean', default: false },
  },
});

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
// Code of a simulated process that was killed may fail after its death, as nobody hears.
process.on('unhandledRejection', () => undefined);

if (values.bugs) {
  let missed = 0;
  for await (const { bug, seed, message, seconds } of plantAll(Number(values.seeds ?? 5_000), values.only)) {
    // A program that breaks down was not found out by a rule.
    const isFound = seed !== undefined && !message.startsWith('fault of its own');
    if (!isFound) missed += 1;
    say(`| ${bug} | ${isFound ? seed : 'NOT FOUND'} | ${seconds} s | ${message.split('\n')[0]} |`);
  }
  process.exitCode = missed === 0 ? 0 : 1;
} else if (values.explore) {
  for (const set of SETS.filter(({ name }) => values.only === undefined || name.includes(values.only))) {
    if (values.path !== undefined) {
      const { trace, violation } = await replay(set, values.path);
      for (const line of trace) say(line);
      say(violation === undefined ? 'no rule was broken' : `VIOLATION ${violation}`);
      continue;
    }
    const begun = performance.now();
    const { states, runs, whole, problems } = await explore(set, Number(values.runs));
    const seconds = Math.round((performance.now() - begun) / 1_000);
    say(`| ${set.name} | ${states} | ${runs} | ${whole ? 'all' : 'NOT ALL'} | ${problems.length} | ${seconds} s |`);
    for (const { path, violation } of problems) say(`  --path ${path}: ${violation}`);
    if (problems.length > 0) process.exitCode = 1;
  }
} else if (values.seed !== undefined) {
  const { trace, violation } = await simulate(seeded(Number(values.seed)));
  for (const line of trace) say(line);
  say(violation === undefined ? 'no rule was broken' : `VIOLATION ${violation}`);
  process.exitCode = violation === undefined ? 0 : 1;
} else {
  const begun = performance.now();
  const [from, count] = [Number(values.from), Number(values.seeds ?? 1_000)];
  const most = values.seconds === undefined ? Number.POSITIVE_INFINITY : Number(values.seconds) * 1_000;
  let [steps, failed, last] = [0, 0, from];
  for (let seed = from; seed < from + count && performance.now() - begun < most; seed += 1) {
    const ended = await simulate(seeded(seed));
    steps += ended.steps;
    last = seed;
    if ((seed - from + 1) % 1_000 === 0)
      process.stderr.write(`${seed - from + 1} seeds, ${Math.round((performance.now() - begun) / 1_000)} s\n`);
    if (ended.violation === undefined) continue;
    failed += 1;
    say(`seed ${seed}: ${ended.violation}`);
    if (values.first) break;
  }
  say(
    `seeds ${from} to ${last}: ${steps} steps, ${failed} failed, ${Math.round((performance.now() - begun) / 1_000)} s`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}
