import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect } from 'vitest';
import { type MortalServer, startMortal } from '../../support/servers/mortal.ts';
import { START_MS, sharedMinio } from '../../support/servers/server.ts';
import { tempDir } from '../../support/temp.ts';
import { endedAs, fault, Trial } from './trial.ts';

let versitygw: MortalServer;
beforeAll(async () => {
  versitygw = await startMortal('versitygw');
}, START_MS);
afterAll(async () => {
  await versitygw?.stop();
});

async function trialOf(seed: string): Promise<Trial> {
  return await Trial.between(tempDir(), { server: sharedMinio() }, { server: versitygw }, { seed });
}

fault('SIGTERM', async (row) => {
  const trial = await trialOf(row.name);
  const run = trial.start();
  await run.copied(20);
  run.signal('SIGTERM');
  await run.endsAs(row);
  expect(await trial.nothingIsLost()).toBeLessThan(trial.objects);
  await trial.comesToItsEnd();
});

fault('SIGSTOP, and SIGCONT later', async (row) => {
  const trial = await trialOf(row.name);
  const run = trial.start();
  await run.copied(20);
  run.signal('SIGSTOP');
  // Longer than either side keeps an idle connection.
  await delay(6_000);
  await trial.nothingIsLost();
  run.signal('SIGCONT');
  await run.endsAs(row);
  await trial.isDone();
});

fault('a second operator starts the same plan', async (row) => {
  const trial = await trialOf(row.name);
  const run = trial.start();
  await run.copied(20);
  run.signal('SIGSTOP');
  const before = await trial.nothingIsLost();
  endedAs(row, await trial.ferry('run'));
  endedAs(row, await trial.ferry('restore'));
  expect(await trial.nothingIsLost()).toBe(before);
  run.signal('SIGCONT');
  expect((await run.said).code).toBe(0);
  await trial.isDone();
});

const JUMP = pathToFileURL('test/support/clock-jump.ts').href;
const DAY_MS = 24 * 60 * 60 * 1_000;

async function jumps(trial: Trial, days: number) {
  const run = trial.start({ NODE_OPTIONS: `--import=${JUMP}`, FERRY_TEST_JUMP_MS: String(days * DAY_MS) });
  await run.copied(20);
  run.signal('SIGUSR2');
  await run.says('the date has jumped');
  return run;
}

fault('the date jumps forward by 40 days', async (row) => {
  const trial = await trialOf(row.name);
  await (await jumps(trial, 40)).endsAs(row);
  await trial.isDone();
});

fault('the date jumps back by 40 days', async (row) => {
  const trial = await trialOf(row.name);
  await (await jumps(trial, -40)).endsAs(row);
  await trial.isDone();
});
