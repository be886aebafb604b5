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

const OBJECTS = 1_500;
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
      if (over || turn >= 9) continue;
      if (turn === 3) await server.restart();
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
    console.error({
      kills,
      reads: done('GET', legacy),
      controlPuts: [...proxy.done].filter(([n]) => n.includes(control)).length,
    });
    expect(done('GET', legacy)).toBeLessThanOrEqual(OBJECTS + kills * SHARD_OBJECTS);
    expect((await ferry(['verify', laid.plan, '--json'], minioEnv())).code).toBe(0);
  }, 300_000);
});
