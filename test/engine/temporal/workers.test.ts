import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { looksLikeMarker } from '../../../src/migration/marker.ts';
import { documentOf, ferry, type Started, startFerry } from '../../support/cli.ts';
import { minioClient, minioEnv, newBucket } from '../../support/minio.ts';
import { type Laid, layOut, planDocument } from '../../support/plan.ts';
import { countingProxy } from '../../support/proxy.ts';
import { inTurns } from '../../support/servers/outside.ts';
import { START_MS } from '../../support/servers/server.ts';
import { startTemporal, type TemporalServer } from '../../support/servers/temporal.ts';

const OBJECTS = 1_200;
const SHARD_OBJECTS = 100;
const CONCURRENCY = 12;

let server: TemporalServer;

beforeAll(async () => {
  server = await startTemporal();
}, START_MS);

afterAll(async () => {
  await server.stop();
});

const environment = (): Record<string, string> => ({
  ...minioEnv(),
  TEMPORAL_ADDRESS: server.address,
  TEMPORAL_NAMESPACE: server.namespace,
  FERRY_SHARD_OBJECTS: String(SHARD_OBJECTS),
  FERRY_LEASE_MS: '4000',
});

/** A worker that is there again after each kill, until it is let go. */
class Worker {
  readonly #args: readonly string[];
  #started: Started;
  kills = 0;

  constructor(laid: Laid, name: string, queue: string) {
    const work = `${laid.dir}/${name}`;
    this.#args = ['worker', laid.plan, '--jurisdiction', 'NO', '--task-queue', queue, '--work', work];
    this.#started = startFerry(this.#args, environment());
  }

  async kill(): Promise<void> {
    this.#started.child.kill('SIGKILL');
    await this.#started.ended;
    this.kills += 1;
    this.#started = startFerry(this.#args, environment());
  }

  async end(): Promise<number | null> {
    this.#started.child.kill('SIGTERM');
    const { code } = await this.#started.ended;
    return code;
  }
}

describe('three workers over a real Temporal server and MinIO', () => {
  it('bring all home although workers are killed all the time and the server once', async () => {
    const proxy = await countingProxy(inject('minio').endpoint);
    const [legacy, hamar, control] = [await newBucket(), await newBucket(), await newBucket()];
    const client = minioClient();
    const keys = Array.from({ length: OBJECTS }, (_, n) => `users/${n % 3 === 0 ? 'NO' : 'DE'}/u${n % 97}/o ${n}`);
    await inTurns(keys, 50, async (Key) => {
      await client.send(new PutObjectCommand({ Bucket: legacy, Key, Body: `bytes of ${Key}` }));
    });
    const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };
    const store = (bucket: string, jurisdiction: string) => {
      return { type: 's3', endpoint: proxy.endpoint, region: 'us-east-1', bucket, jurisdiction, credentials };
    };
    const stores = { legacy: store(legacy, 'SG'), hamar: store(hamar, 'NO'), control: store(control, 'IE') };
    const partitions = [
      {
        name: 'nordic',
        from: 'legacy',
        select: { pattern: 'users/{country}/**', where: { country: ['NO'] } },
        to: 'hamar',
      },
      { name: 'rest', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' },
    ];
    const limits = { concurrency: CONCURRENCY };
    const laid = layOut({ ...planDocument(), stores, partitions, control: 'control', limits, exclude: [] }, {});
    const queue = `kills-${legacy}`;
    const workers = ['a', 'b', 'c'].map((name) => new Worker(laid, name, queue));
    const run = startFerry(
      ['run', laid.plan, '--engine', 'temporal', '--task-queue', queue, '--shards-at-once', '3', '--json'],
      environment(),
    );
    let over = false;
    void run.ended.then(() => {
      over = true;
    });
    for (let turn = 0; !over; turn += 1) {
      await Promise.race([delay(3_000), run.ended]);
      if (over || turn >= 7) continue;
      if (turn === 2) await server.restart();
      else await workers[turn % 3]?.kill();
    }
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ totals: { objects: OBJECTS, states: { tombstoned: OBJECTS } } });
    expect(await Promise.all(workers.map((worker) => worker.end()))).toEqual([0, 0, 0]);
    const kills = workers.reduce((sum, worker) => sum + worker.kills, 0);
    expect(kills).toBeGreaterThan(2);

    const body = async (Bucket: string, Key: string): Promise<Uint8Array> =>
      (await (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToByteArray()) ??
      new Uint8Array();
    await inTurns(keys, 50, async (key) => {
      expect(Buffer.from(await body(hamar, key)).toString()).toBe(`bytes of ${key}`);
      expect(looksLikeMarker(await body(legacy, key)), key).toBe(true);
    });
    const done = (method: string, bucket: string): number =>
      [...proxy.done]
        .filter(([name]) => name.startsWith(`${method} /${bucket}/users`))
        .reduce((sum, [, times]) => sum + times, 0);
    expect(done('PUT', hamar)).toBe(OBJECTS);
    expect(done('PUT', legacy)).toBe(OBJECTS);
    // What a killed worker had not saved is read again: of a shard at most.
    expect(done('GET', legacy)).toBeLessThanOrEqual(OBJECTS + kills * SHARD_OBJECTS);
    expect((await ferry(['verify', laid.plan, '--json'], minioEnv())).code).toBe(0);
  }, 300_000);
});

interface WorkersDocument {
  readonly workers: {
    readonly paused: boolean;
    readonly workflow: string;
    readonly shards: { readonly all: number; readonly done: number; readonly underWay: readonly unknown[] };
  } | null;
}

/** Asks until it is so. */
async function until<T>(ask: () => Promise<T>, isSo: (told: T) => boolean): Promise<T> {
  for (;;) {
    const told = await ask();
    if (isSo(told)) return told;
    await delay(200);
  }
}

describe('a run on workers', () => {
  it('is paused, told of, resumed and stopped, and is nobody else’s meanwhile', async () => {
    const { stores } = planDocument();
    const control = { type: 'file', path: './control', jurisdiction: 'NO' };
    const files = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`users/DE/u${n}`, `bytes ${n}`]));
    const laid = layOut({ stores: { ...stores, control }, control: 'control', limits: { concurrency: 1 } }, files);
    const queue = `orders-${laid.dir.split('/').at(-1)}`;
    const env = { ...environment(), FERRY_SHARD_OBJECTS: '20' };
    const worker = startFerry(
      ['worker', '--jurisdiction', 'NO', '--task-queue', queue, '--work', `${laid.dir}/work`],
      env,
    );
    const temporal = ['--engine', 'temporal', '--task-queue', queue, '--json'];
    const run = startFerry(['run', laid.plan, ...temporal], env);
    const status = async (): Promise<WorkersDocument> =>
      documentOf<WorkersDocument>(await ferry(['status', laid.plan, '--json'], env));
    const begun = await until(status, ({ workers }) => (workers?.shards?.done ?? 0) > 0);
    expect(begun.workers?.shards.all).toBe(30);

    expect((await ferry(['pause', laid.plan], env)).code).toBe(0);
    const paused = await until(
      status,
      ({ workers }) => workers?.paused === true && workers.shards.underWay.length === 0,
    );
    const local = await ferry(['run', laid.plan], env);
    expect(local).toMatchObject({ code: 75 });
    for (const command of [['verify'], ['scan']]) {
      const refused = await ferry([...command, laid.plan], env);
      expect(refused.code, command.join(' ')).toBe(3);
      expect(refused.stderr).toContain('workers have its objects, in 30 shards');
    }
    expect((await status()).workers?.shards.done).toBe(paused.workers?.shards.done);

    expect((await ferry(['resume', laid.plan], env)).code).toBe(0);
    await until(status, ({ workers }) => (workers?.shards.done ?? 0) > (paused.workers?.shards.done ?? 0));
    run.child.kill('SIGKILL');
    await run.ended;
    // The home is gone and workers go on: nobody may work beside them here.
    for (const command of [['run'], ['purge', '--yes'], ['evidence', 'export', '--out', `${laid.dir}/out`]]) {
      const [name = '', ...more] =
        command[0] === 'evidence'
          ? ['evidence', 'export', laid.plan, ...command.slice(2)]
          : [command[0], laid.plan, ...command.slice(1)];
      const refused = await ferry([name, ...more], env);
      expect(refused.code, `${name}: ${refused.stderr}`).toBe(3);
      expect(refused.stderr).toContain('workers have its objects, in 30 shards');
    }
    // Nor by another plan than the one that was cut.
    const written = readFileSync(laid.plan, 'utf8');
    writeFileSync(laid.plan, JSON.stringify({ ...JSON.parse(written), limits: { concurrency: 2 } }));
    const changed = await ferry(['run', laid.plan, ...temporal], env);
    expect(changed.code).toBe(3);
    expect(changed.stderr).toContain('the plan was changed since');
    writeFileSync(laid.plan, written);
    const back = startFerry(['run', laid.plan, ...temporal], env);
    await until(
      async () => (await status()).workers,
      (workers) => (workers?.shards.done ?? 30) > 0,
    );
    back.child.kill('SIGINT');
    const stopped = await back.ended;
    expect([0, 130], stopped.stderr).toContain(stopped.code);
    expect((await status()).workers).toBeNull();

    worker.child.kill('SIGTERM');
    expect((await worker.ended).code).toBe(0);
    // All is home: this process goes on with what is left.
    const last = await ferry(['run', laid.plan, '--json'], env);
    expect(last.code, last.stderr).toBe(0);
    expect(documentOf(last)).toMatchObject({ totals: { states: { tombstoned: 600 } } });
  }, 200_000);

  it('gives no work to a worker outside the zone, and needs a control store', async () => {
    const { stores } = planDocument();
    const control = { type: 'file', path: './control', jurisdiction: 'SG' };
    const outside = layOut({ stores: { ...stores, control }, control: 'control' });
    const judged = await ferry(['validate', outside.plan, '--json']);
    expect(judged.code).toBe(3);
    expect(judged.stdout).toContain('R009');
    const inside = layOut({ stores: { ...stores, control: { ...control, jurisdiction: 'NO' } }, control: 'control' });
    const worker = await ferry(['worker', inside.plan, '--jurisdiction', 'SG'], environment());
    expect(worker.code).toBe(3);
    expect(worker.stderr).toContain('outside the residency zone [EEA]');
    const none = await ferry(['run', layOut().plan, '--engine', 'temporal'], environment());
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('it names no control store');
  });
});
