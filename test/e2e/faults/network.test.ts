import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import type { FaultRow } from '../../support/faults-table.ts';
import { type MortalServer, startMortal } from '../../support/servers/mortal.ts';
import { START_MS } from '../../support/servers/server.ts';
import { startToxiproxy, type Toxic, type Toxiproxy, type Way } from '../../support/servers/toxiproxy.ts';
import { fault, type Running, Trial } from './trial.ts';

let minio: MortalServer;
let versitygw: MortalServer;
let toxiproxy: Toxiproxy;
let forgotten: ReturnType<typeof forgetConnections>;
const dirs: string[] = [];

beforeAll(async () => {
  [minio, versitygw, toxiproxy] = [await startMortal('MinIO'), await startMortal('versitygw'), await startToxiproxy()];
  forgotten = forgetConnections();
  // A failure is the last test's.
  forgotten.catch(() => undefined);
}, START_MS);
afterAll(async () => {
  await Promise.all([toxiproxy?.stop(), minio?.stop(), versitygw?.stop()]);
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

/** A migration between the two servers over ways that can be made worse. */
interface Between {
  readonly trial: Trial;
  readonly ways: readonly Way[];
}

async function between(direction: (typeof DIRECTIONS)[number], seed: string): Promise<Between> {
  const dir = mkdtempSync(join(tmpdir(), 'ferry-faults-'));
  dirs.push(dir);
  const servers = direction === 'from MinIO' ? [minio, versitygw] : [versitygw, minio];
  const [from, to] = servers as [MortalServer, MortalServer];
  const ways = [await toxiproxy.to(from.endpoint), await toxiproxy.to(to.endpoint)] as const;
  const trial = await Trial.between(
    dir,
    { server: from, endpoint: ways[0].endpoint },
    { server: to, endpoint: ways[1].endpoint },
    { seed },
  );
  return { trial, ways };
}

const DIRECTIONS = ['from MinIO', 'from versitygw'] as const;

/** Both ways of moving between the two servers, at once: they mostly wait. */
function eachWay(name: string, body: (at: Between, row: FaultRow) => Promise<void>): void {
  fault(name, async (row) => {
    await Promise.all(DIRECTIONS.map(async (direction) => await body(await between(direction, name), row)));
  });
}

async function poison(ways: readonly Way[], toxic: Omit<Toxic, 'stream'>): Promise<void> {
  for (const way of ways) {
    await way.poison({ ...toxic, stream: 'upstream' });
    await way.poison({ ...toxic, stream: 'downstream' });
  }
}

async function forgetConnections(): Promise<{ readonly run: Running; readonly trial: Trial }> {
  const at = await between('from MinIO', 'forgotten');
  const run = await deadInTheMiddle(at);
  for (const way of at.ways) await way.forget();
  return { run, trial: at.trial };
}

async function heal(ways: readonly Way[]): Promise<void> {
  for (const way of ways) await way.heal();
}

eachWay('every answer is late', async ({ trial, ways }, row) => {
  await poison(ways, { type: 'latency', attributes: { latency: 30, jitter: 15 } });
  await trial.start().endsAs(row);
  await heal(ways);
  await trial.isDone();
});

eachWay('the line is narrow', async ({ trial, ways }, row) => {
  await poison(ways, { type: 'bandwidth', attributes: { rate: 4_000 } });
  await trial.start().endsAs(row);
  await heal(ways);
  await trial.isDone();
});

eachWay('connections are reset in the middle of bodies, for a while', async ({ trial, ways }, row) => {
  await poison(ways, { type: 'bandwidth', attributes: { rate: 2_000 } });
  const run = trial.start();
  await run.copied(20);
  await poison(ways, { type: 'reset_peer', toxicity: 0.5, attributes: { timeout: 20 } });
  await run.tells({ type: 'retry' }, 3);
  await heal(ways);
  await run.endsAs(row);
  await trial.isDone();
});

eachWay('connections are reset without end', async ({ trial, ways }, row) => {
  const run = trial.start();
  await run.copied(20);
  await poison(ways, { type: 'reset_peer', attributes: { timeout: 0 } });
  await run.endsAs(row);
  await heal(ways);
  expect(await trial.nothingIsLost()).toBeLessThan(trial.objects);
  await trial.comesToItsEnd();
});

eachWay('every stream is cut after 300 kB', async ({ trial, ways }, row) => {
  await poison(ways, { type: 'limit_data', attributes: { bytes: 300_000 } });
  await trial.start().endsAs(row);
  await heal(ways);
  expect(await trial.nothingIsLost()).toBe(trial.objects - 1);
  await trial.comesToItsEnd();
});

/** No event tells that nothing comes. Milliseconds. */
const DEAD_MS = 2_000;

/** Leaves a run with connections that have lost what was sent over them. */
async function deadInTheMiddle({ trial, ways }: Between): Promise<Running> {
  const run = trial.start();
  await run.copied(20);
  await poison(ways, { type: 'timeout', attributes: { timeout: 0 } });
  await delay(DEAD_MS);
  return run;
}

eachWay('connections are open and dead, and are closed at last', async (at, row) => {
  const run = await deadInTheMiddle(at);
  expect(run.isOver).toBe(false);
  await heal(at.ways);
  await run.endsAs(row);
  await at.trial.isDone();
});

eachWay('connections are open and dead, and the operator gives up', async (at, row) => {
  const run = await deadInTheMiddle(at);
  run.signal('SIGTERM');
  await run.says('once more to end at once');
  run.signal('SIGTERM');
  await run.endsAs(row);
  await heal(at.ways);
  expect(await at.trial.nothingIsLost()).toBeLessThan(at.trial.objects);
  await at.trial.comesToItsEnd();
});

// The last one: it was begun before the others, since it takes two minutes, of which it waits for all but some seconds.
fault(
  'connections are open and dead, and nobody closes them',
  async (row) => {
    const { run, trial } = await forgotten;
    await run.endsAs(row);
    await trial.isDone();
  },
  300_000,
);
