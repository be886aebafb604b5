import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { countingProxy } from '../../support/proxy.ts';
import { type MortalServer, startMortal } from '../../support/servers/mortal.ts';
import { START_MS } from '../../support/servers/server.ts';
import { newKeys } from '../../support/servers/versitygw.ts';
import { tempDir } from '../../support/temp.ts';
import { endedAs, fault, type Running, Trial } from './trial.ts';

let minio: MortalServer;
let versitygw: MortalServer;

beforeAll(async () => {
  [minio, versitygw] = [await startMortal('MinIO'), await startMortal('versitygw')];
}, START_MS);
afterAll(async () => {
  await Promise.all([minio?.stop(), versitygw?.stop()]);
});

// What one test has killed and not brought back is not the next one's.
beforeEach(async () => {
  await Promise.all([minio.up(), versitygw.up()]);
});

/** How long a server takes to start is not the test's affair: the run sleeps meanwhile, and its patience with it. */
async function meanwhile(run: Running, work: () => Promise<void>): Promise<void> {
  run.signal('SIGSTOP');
  await work();
  run.signal('SIGCONT');
}

fault('the server says SlowDown for a while', async (row) => {
  // So many answers of one storm.
  let left = 0;
  const storms = (): boolean => {
    left -= 1;
    return left >= 0;
  };
  const proxy = await countingProxy(minio.endpoint, { storms });
  const trial = await Trial.between(
    tempDir(),
    { server: minio, endpoint: proxy.endpoint },
    { server: versitygw },
    { seed: row.name },
  );
  const run = trial.start();
  await run.copied(20);
  left = 15;
  await run.endsAs(row);
  expect(proxy.slowed()).toBeGreaterThan(5);
  await trial.isDone();
});

fault('the server says SlowDown without end', async (row) => {
  let isStorm = false;
  const proxy = await countingProxy(minio.endpoint, { storms: () => isStorm });
  const trial = await Trial.between(
    tempDir(),
    { server: versitygw },
    { server: minio, endpoint: proxy.endpoint },
    { seed: row.name },
  );
  const run = trial.start();
  await run.copied(20);
  isStorm = true;
  await run.endsAs(row);
  isStorm = false;
  expect(await trial.nothingIsLost()).toBeLessThan(trial.objects);
  await trial.comesToItsEnd();
});

fault('the source is killed and comes back', async (row) => {
  const trial = await Trial.between(tempDir(), { server: minio }, { server: versitygw }, { seed: row.name });
  const run = trial.start();
  await run.copied(20);
  await minio.kill();
  await meanwhile(run, () => minio.revive());
  await run.endsAs(row);
  await trial.isDone();
});

fault('the centre is killed and comes back', async (row) => {
  const trial = await Trial.between(tempDir(), { server: minio }, { server: versitygw }, { seed: row.name });
  const run = trial.start();
  await run.copied(20);
  await versitygw.kill();
  await meanwhile(run, () => versitygw.revive());
  await run.endsAs(row);
  await trial.isDone();
});

fault('the source is killed and stays away', async (row) => {
  const trial = await Trial.between(tempDir(), { server: versitygw }, { server: minio }, { seed: row.name });
  const run = trial.start();
  await run.copied(20);
  await versitygw.kill();
  await run.endsAs(row);
  await versitygw.revive();
  expect(await trial.nothingIsLost()).toBeLessThan(trial.objects);
  await trial.comesToItsEnd();
});

fault('the centre is killed and stays away', async (row) => {
  const trial = await Trial.between(tempDir(), { server: versitygw }, { server: minio }, { seed: row.name });
  const run = trial.start();
  await run.copied(20);
  await minio.kill();
  await run.endsAs(row);
  await minio.revive();
  expect(await trial.nothingIsLost()).toBeLessThan(trial.objects);
  await trial.comesToItsEnd();
});

fault('the source takes the credentials no more', async (row) => {
  const trial = await Trial.between(tempDir(), { server: minio }, { server: versitygw }, { seed: row.name });
  const run = trial.start();
  await run.copied(20);
  await meanwhile(run, () => minio.revive(newKeys()));
  await run.endsAs(row);
  expect(await trial.nothingIsLost()).toBeLessThan(trial.objects);
  await trial.comesToItsEnd();
});

fault('the centre takes the credentials no more', async (row) => {
  const trial = await Trial.between(tempDir(), { server: versitygw }, { server: minio }, { seed: row.name });
  const run = trial.start();
  await run.copied(20);
  await meanwhile(run, () => minio.revive(newKeys()));
  await run.endsAs(row);
  expect(await trial.nothingIsLost()).toBeLessThan(trial.objects);
  await trial.comesToItsEnd();
});

fault('the credentials are wrong from the start', async (row) => {
  const trial = await Trial.between(tempDir(), { server: minio }, { server: versitygw }, { seed: row.name, small: 3 });
  endedAs(row, await trial.start({ FERRY_TEST_MINIO_SECRET: newKeys().secretKey }).said);
  expect(await trial.nothingIsLost()).toBe(0);
  await trial.comesToItsEnd();
});

fault('the server is frozen and thaws', async (row) => {
  const trial = await Trial.between(tempDir(), { server: minio }, { server: versitygw }, { seed: row.name });
  const run = trial.start();
  await run.copied(20);
  versitygw.freeze();
  // What was asked before is told; then nothing comes, until it may.
  const told = run.count({ type: 'moved' });
  await trial.ferry('status');
  expect(run.isOver).toBe(false);
  expect(run.count({ type: 'moved', to: 'copied' })).toBeLessThan(told + 16);
  versitygw.thaw();
  await run.endsAs(row);
  await trial.isDone();
});
