import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Client, Connection } from '@temporalio/client';
import { startMinio } from '../../src/rehearsal/minio.ts';
import { documentOf, type Started, startFerry } from '../support/cli.ts';
import { inTurns } from '../support/servers/outside.ts';
import { startTemporal } from '../support/servers/temporal.ts';
import { counting } from './counting.ts';

/*
 * `npm run scale -- --objects 50000 --workers 3 --kill-every 5`: runs a plan on workers over a real Temporal server and a real MinIO, and
 * tells what it took. `--workers 1,2,4` does so with each number of workers, on buckets of its own.
 */
const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '5000' },
    bytes: { type: 'string', default: '1024' },
    workers: { type: 'string', default: '1,2,4' },
    'shard-objects': { type: 'string', default: '500' },
    'kill-every': { type: 'string', default: '0' },
    'restart-server': { type: 'boolean', default: false },
  },
});
const objects = Number(values.objects);
const killEveryMs = Number(values['kill-every']) * 1_000;

/** Ticks a second of /proc/PID/stat: `getconf CLK_TCK`, which is 100 on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds of user and system time of a process so far (proc_pid_stat(5), fields 14 and 15). */
function cpuOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

/** A worker that is there again after each kill; what its processes took of the CPU adds up, without their starts. */
class Worker {
  readonly #args: readonly string[];
  readonly #env: Record<string, string>;
  #started: Started;
  #begun = 0;
  #cpu = 0;
  #ready: Promise<void>;
  kills = 0;

  constructor(args: readonly string[], env: Record<string, string>) {
    this.#args = args;
    this.#env = env;
    [this.#started, this.#ready] = this.#start();
  }

  get ready(): Promise<void> {
    return this.#ready;
  }

  get cpu(): number {
    return this.#cpu + Math.max(0, cpuOf(this.#started.child.pid) - this.#begun);
  }

  async kill(): Promise<void> {
    this.#cpu = this.cpu;
    this.#started.child.kill('SIGKILL');
    await this.#started.ended;
    this.kills += 1;
    this.#begun = Number.POSITIVE_INFINITY;
    [this.#started, this.#ready] = this.#start();
  }

  async end(): Promise<void> {
    this.#started.child.kill('SIGTERM');
    await this.#started.ended;
  }

  #start(): [Started, Promise<void>] {
    this.#begun = Number.POSITIVE_INFINITY;
    const started = startFerry(this.#args, this.#env);
    const ready = new Promise<void>((resolve) => {
      started.child.stderr?.on('data', (chunk: string) => {
        if (!chunk.includes('takes work')) return;
        this.#begun = cpuOf(started.child.pid);
        resolve();
      });
    });
    return [started, ready];
  }
}

const minio = await startMinio();
const temporal = await startTemporal();
const dir = mkdtempSync(join(tmpdir(), 'ferry-scale-'));
const client = new S3Client({
  endpoint: minio.endpoint,
  region: 'us-east-1',
  forcePathStyle: true,
  credentials: { accessKeyId: minio.accessKey, secretAccessKey: minio.secretKey },
  requestChecksumCalculation: 'WHEN_REQUIRED',
});
try {
  for (const count of values.workers.split(',').map(Number))
    process.stdout.write(`${JSON.stringify(await once(count))}\n`);
} finally {
  client.destroy();
  await temporal.stop();
  await minio.stop();
  rmSync(dir, { recursive: true, force: true });
}

async function once(count: number) {
  const name = `scale-${count}-${Date.now()}`;
  const buckets = { legacy: `${name}-legacy`, hamar: `${name}-hamar`, control: `${name}-control` };
  for (const Bucket of Object.values(buckets)) await client.send(new CreateBucketCommand({ Bucket }));
  const keys = Array.from({ length: objects }, (_, n) => `users/u${n % 997}/o${n}`);
  const body = Buffer.alloc(Number(values.bytes), 'x');
  await inTurns(keys, 64, async (Key) => {
    await client.send(
      new PutObjectCommand({ Bucket: buckets.legacy, Key, Body: Buffer.concat([Buffer.from(Key), body]) }),
    );
  });
  const proxy = await counting(minio.endpoint);
  // What is counted goes through a proxy, which takes its own part of the machine: only where kills are what is looked at.
  const endpoint = killEveryMs > 0 ? proxy.endpoint : minio.endpoint;
  const store = (bucket: string, jurisdiction: string) => ({
    type: 's3',
    endpoint,
    region: 'us-east-1',
    bucket,
    jurisdiction,
    credentials: { accessKeyIdEnv: 'SCALE_KEY', secretAccessKeyEnv: 'SCALE_SECRET' },
  });
  const folder = join(dir, name);
  mkdirSync(folder);
  const plan = join(folder, 'plan.json');
  writeFileSync(
    plan,
    JSON.stringify({
      apiVersion: 'ferry/v1',
      name,
      residency: { zone: ['EEA'] },
      runner: { jurisdiction: 'NO' },
      stores: {
        legacy: store(buckets.legacy, 'SG'),
        hamar: store(buckets.hamar, 'NO'),
        control: store(buckets.control, 'NO'),
      },
      control: 'control',
      partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }],
      finish: 'tombstoned',
      limits: { concurrency: 32 },
    }),
  );
  const env = {
    SCALE_KEY: minio.accessKey,
    SCALE_SECRET: minio.secretKey,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    FERRY_SHARD_OBJECTS: values['shard-objects'],
    FERRY_LEASE_MS: '4000',
  };
  const queue = ['--task-queue', name];
  const workers = Array.from({ length: count }, (_, n) => {
    const work = join(folder, `worker-${n}`);
    return new Worker(['worker', plan, '--jurisdiction', 'NO', '--work', work, ...queue], env);
  });
  await Promise.all(workers.map(({ ready }) => ready));
  const began = performance.now();
  const run = startFerry(['run', plan, '--engine', 'temporal', '--shards-at-once', '4', '--json', ...queue], env);
  let over = false;
  void run.ended.then(() => {
    over = true;
  });
  let home = 0;
  let restarted = !values['restart-server'];
  let killAt = began + killEveryMs;
  for (let turn = 0; !over; ) {
    await Promise.race([delay(200), run.ended]);
    home = Math.max(home, cpuOf(run.child.pid));
    if (killEveryMs === 0 || performance.now() < killAt || over) continue;
    await workers[turn % count]?.kill();
    turn += 1;
    killAt = performance.now() + killEveryMs;
    if (!restarted && turn === 4) {
      restarted = true;
      await temporal.restart();
    }
  }
  const ended = await run.ended;
  const wall = (performance.now() - began) / 1000;
  const cpu = workers.reduce((sum, worker) => sum + worker.cpu, 0);
  for (const worker of workers) await worker.end();
  const historyEvents = await historyOf(name);
  proxy.close();
  const { totals } = documentOf<{ totals: { states: Record<string, number> } }>(ended);
  return {
    workers: count,
    objects,
    code: ended.code,
    tombstoned: totals.states['tombstoned'],
    wallSeconds: round(wall),
    workersCpuMsPerObject: round((cpu * 1000) / objects),
    homeCpuMsPerObject: round((home * 1000) / objects),
    shards: Math.ceil(objects / Number(values['shard-objects'])),
    historyEvents,
    kills: workers.reduce((sum, worker) => sum + worker.kills, 0),
    ...(killEveryMs === 0
      ? {}
      : {
          // `/BUCKET/users`, and `/BUCKET/ferry` for what is shared.
          sourceReads: proxy.count('GET', `/${buckets.legacy}/users`),
          copies: proxy.count('PUT', `/${buckets.hamar}/users`),
          tombstones: proxy.count('PUT', `/${buckets.legacy}/users`),
          controlPuts: proxy.count('PUT', `/${buckets.control}/ferry`),
          controlBytes: proxy.bytes('PUT', `/${buckets.control}/ferry`),
        }),
  };
}

/** Events in the histories of all workflows of a task queue. */
async function historyOf(taskQueue: string): Promise<number> {
  const connection = await Connection.connect({ address: temporal.address });
  try {
    const { workflow } = new Client({ connection, namespace: temporal.namespace });
    let events = 0;
    for await (const one of workflow.list({ query: `TaskQueue = '${taskQueue}'` })) events += one.historyLength ?? 0;
    return events;
  } finally {
    await connection.close();
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
