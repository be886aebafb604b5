import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { Round } from '../../../src/engine/segment/round.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../../support/minio.ts';
import { layOut, planDocument } from '../../support/plan.ts';
import { type AtHome, type HomeOptions, oneShard, runAtHome } from '../../support/shards.ts';
import { digestsIn } from '../../support/tree.ts';

const CHILD = fileURLToPath(new URL('../../support/shard-child.ts', import.meta.url));

const CONTROL = { type: 'file', path: './control', jurisdiction: 'NO' };

function withControl(change: object = {}) {
  const { stores } = planDocument();
  return { stores: { ...stores, control: CONTROL }, control: 'control', limits: { concurrency: 2 }, ...change };
}

function users(count: number): Record<string, string> {
  const entries = Array.from({ length: count }, (_, n) => [`users/${n % 3 === 0 ? 'NO' : 'DE'}/u${n}`, `bytes ${n}`]);
  return Object.fromEntries(entries);
}

type Work = NonNullable<HomeOptions['work']>;

/** One worker after the other takes the shards. */
function inTurn(folder: string, more: Partial<Parameters<typeof oneShard>[0]> = {}): Work {
  return async ({ control, prefix, shards }) => {
    for (let shard = 1; shard <= shards; shard += 1) {
      const { ended } = await oneShard({ id: `w${shard % 2}`, folder, control, prefix, shard, ...more });
      expect(ended).toBe('done');
    }
  };
}

const states = ({ summary }: AtHome): Record<string, number> =>
  Object.fromEntries(Object.entries(summary.totals.states).filter(([, n]) => n > 0));

describe('a plan whose objects are worked on in shards', () => {
  it('is through when all shards have come home, and leaves nothing in the control store', async () => {
    const files = users(20);
    const laid = layOut(withControl(), files);
    const before = digestsIn(laid.legacy);
    const home = await runAtHome(laid.plan, { work: inTurn(join(laid.dir, 'work')) });
    expect(states(home)).toEqual({ tombstoned: 20 });
    expect(home.open).toBe(0);
    expect({ ...digestsIn(laid.hamar), ...digestsIn(laid.dublin) }).toEqual(before);
    expect(digestsIn(join(laid.dir, 'control'))).toEqual({});
    // The home knows it all: another run has nothing to give to anybody.
    const again = await runAtHome(laid.plan, { work: () => expect.fail('there is nothing to do') });
    expect(states(again)).toEqual({ tombstoned: 20 });
  });

  it('has the evidence of a run in one process, root for root', async () => {
    const [legacy, hamar] = [await newBucket(), await newBucket()];
    const client = minioClient();
    const files = users(25);
    const fill = async (): Promise<void> => {
      for (const Bucket of [legacy, hamar]) {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
        for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
      }
      for (const [Key, Body] of Object.entries(files))
        await client.send(new PutObjectCommand({ Bucket: legacy, Key, Body }));
    };
    const stores = { legacy: bucketStore(legacy, 'SG'), hamar: bucketStore(hamar, 'NO'), control: CONTROL };
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
    const laid = layOut(withControl({ stores, partitions, exclude: [] }), {});
    const clock = { ...systemClock, now: () => Date.UTC(2026, 0, 1) };
    const options = { env: minioEnv(), clock, shardObjects: 4 };
    await fill();
    const local = await runAtHome(laid.plan, { ...options, state: join(laid.dir, 'local') });
    expect(states(local)).toEqual({ tombstoned: 25 });
    await fill();
    const work = inTurn(join(laid.dir, 'work'), { env: minioEnv(), clock });
    const shared = await runAtHome(laid.plan, { ...options, work, state: join(laid.dir, 'shared') });
    expect(states(shared)).toEqual({ tombstoned: 25 });
    expect(shared.root).toBe(local.root);
  });

  it('comes home unfinished where a worker stops, and the home goes on by itself', async () => {
    const laid = layOut(withControl(), users(12));
    const stop = new AbortController();
    const work: Work = async ({ control, prefix }) => {
      const folder = join(laid.dir, 'work');
      const listener = ({ type }: { readonly type: string }): void => {
        if (type === 'moved') stop.abort();
      };
      const { ended } = await oneShard({ id: 'w', folder, control, prefix, shard: 1, stop: stop.signal, listener });
      expect(ended).toBe('stopped');
    };
    const home = await runAtHome(laid.plan, { work });
    expect(home.open).toBeGreaterThan(0);
    expect(states(home)['planned']).toBeGreaterThan(0);
    expect(states(await runAtHome(laid.plan))).toEqual({ tombstoned: 12 });
  });
});

const MOMENTS = [
  { where: 'outside', at: 1 },
  { where: 'outside', at: 2 },
  { where: 'inside', at: 2 },
  { where: 'commit', at: 5 },
];

describe('a worker that is frozen with SIGSTOP past its lease and then goes on', () => {
  it.each(MOMENTS)('commits and hides nothing ($where, $at)', async ({ where, at }) => {
    const laid = layOut(withControl({ limits: { concurrency: 1 } }), users(6));
    const before = digestsIn(laid.legacy);
    const work: Work = async ({ control, prefix }) => {
      const args = [CHILD, laid.plan, prefix, '1', join(laid.dir, 'child'), where, String(at)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        const lines = createInterface({ input: child.stdout });
        const said: string[] = [];
        const frozen = new Promise<void>((resolve) => lines.on('line', (line) => resolve(void said.push(line))));
        await Promise.race([frozen, once(child, 'exit')]);
        expect(said).toEqual(['frozen']);
        const other = await oneShard({ id: 'other', folder: join(laid.dir, 'work'), control, prefix, shard: 1 });
        expect(other.ended).toBe('done');
        const round = new Round({ store: control, prefix, retry: {} });
        const newest = await round.lease(1).newest();
        const then = digestsIn(laid.legacy, true);
        child.kill('SIGCONT');
        await once(child, 'exit');
        expect(said).toEqual(['frozen', 'lost']);
        expect(await round.lease(1).newest()).toEqual(newest);
        expect(digestsIn(laid.legacy, true)).toEqual(then);
      } finally {
        child.kill('SIGKILL');
      }
    };
    const home = await runAtHome(laid.plan, { work, shardObjects: 100, ttlMs: 1_500 });
    expect(states(await runAtHome(laid.plan))).toEqual({ tombstoned: 6 });
    expect(home.summary.unresolved).toEqual([]);
    expect({ ...digestsIn(laid.hamar), ...digestsIn(laid.dublin) }).toEqual(before);
  });
});
