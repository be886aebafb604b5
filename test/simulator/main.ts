import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';
import { seeded } from './world.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    bugs: { type: 'boolean', default: false },
    explore: { type: 'boolean', default: false },
    first: { type: 'boolean', default: false },
  },
});

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};
// Code of a simulated process that was killed may fail after its death, as nobody hears.
process.on('unhandledRejection', () => undefined);

if (values.seed !== undefined) {
  const { trace, violation } = await simulate(seeded(Number(values.seed)));
  for (const line of trace) say(line);
  say(violation === undefined ? 'no rule was broken' : `VIOLATION ${violation}`);
  process.exitCode = violation === undefined ? 0 : 1;
} else {
  const begun = performance.now();
  const [from, count] = [Number(values.from), Number(values.seeds)];
  let [steps, failed] = [0, 0];
  for (let seed = from; seed < from + count; seed += 1) {
    const ended = await simulate(seeded(seed));
    steps += ended.steps;
    if ((seed - from + 1) % 1_000 === 0) process.stderr.write(`${seed - from + 1} seeds, ${Math.round((performance.now() - begun) / 1_000)} s\n`);
    if (ended.violation === undefined) continue;
    failed += 1;
    say(`seed ${seed}: ${ended.violation}`);
    if (values.first) break;
  }
  say(`seeds ${from} to ${from + count - 1}: ${steps} steps, ${failed} failed, ${Math.round((performance.now() - begun) / 1_000)} s`);
  process.exitCode = failed === 0 ? 0 : 1;
}
