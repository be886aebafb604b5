import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { documentOf, ferry, startFerry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { layOut, planDocument } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';

const MIB = 2 ** 20;

interface Held {
  readonly value: number | null;
  readonly from: string;
}

interface LimitsDocument {
  readonly bandwidth: Held;
  readonly requests: Held;
  readonly concurrency: Held;
  readonly minConcurrency: Held;
  readonly window: number | null;
  readonly operator: { readonly by: string; readonly bandwidth?: number | null } | null;
  readonly running: { readonly pid: number; readonly command: string; readonly stores: object } | null;
  readonly taken?: boolean;
}

/** A run that would take a minute and more. */
function slow(limits: object = { bandwidth: '256KiB/s' }) {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`users/NO/u${n}`, Buffer.alloc(MIB / 2, n)]));
  return layOut({ limits, finish: 'copied' }, files);
}

async function start(plan: string) {
  const started = startFerry(['run', plan, '--json', '--progress', 'none', '--log-level', 'debug']);
  await said(started.child.stderr, '"to":"copied"');
  return started;
}

async function said(stream: Readable | null, text: string): Promise<void> {
  let seen = '';
  while (stream !== null && !seen.includes(text)) {
    const [chunk] = (await once(stream, 'data')) as [string];
    seen += chunk;
  }
}

async function limitsIn(plan: string): Promise<LimitsDocument> {
  return documentOf<{ limits: LimitsDocument }>(await ferry(['status', plan, '--json'])).limits;
}

describe('ferry limits', () => {
  it('changes a run that is on, is remembered until it is cleared, and is in the access record', async () => {
    const { plan, dir } = slow();
    const started = await start(plan);
    expect(await limitsIn(plan)).toMatchObject({
      bandwidth: { value: 256 * 1024, from: 'plan' },
      operator: null,
      running: { pid: started.child.pid, command: 'run' },
    });
    const changed = await ferry(['limits', plan, '--bandwidth', 'none', '--concurrency', '3', '--json']);
    expect(changed.code).toBe(0);
    expect(documentOf(changed)).toMatchObject({ bandwidth: { value: null, from: 'operator' }, taken: true });
    expect(await limitsIn(plan)).toMatchObject({ concurrency: { value: 3, from: 'operator' } });
    const { code, stdout } = await started.ended;
    expect(code).toBe(0);
    const { seconds, totals } = JSON.parse(stdout) as { seconds: number; totals: { states: object } };
    // At the plan's rate it would have taken 80 seconds.
    expect(seconds).toBeLessThan(60);
    expect(totals.states).toMatchObject({ copied: 40 });
    const file = join(dir, '.ferry/test/control/limits.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { access } = documentOf<{ access: { command: string; outcome: string }[] }>(
      await ferry(['status', plan, '--json']),
    );
    expect(access).toContainEqual(expect.objectContaining({ command: 'limits', outcome: 'done' }));

    const told = await ferry(['limits', plan, '--requests', '100'], { FERRY_OPERATOR: 'aoife' });
    expect([told.code, told.stdout]).toEqual([0, expect.stringContaining('Nothing is at work on this plan')]);
    expect(await limitsIn(plan)).toMatchObject({
      bandwidth: { value: null, from: 'operator' },
      requests: { value: 100, from: 'operator' },
      operator: { by: 'aoife' },
      running: null,
    });
    expect((await ferry(['limits', plan, '--clear'])).code).toBe(0);
    expect(await limitsIn(plan)).toMatchObject({ bandwidth: { from: 'plan' }, operator: null });
  });

  it('is remembered before there is a run, and refuses what is no limit', async () => {
    const { plan } = slow({});
    expect((await ferry(['limits', plan, '--bandwidth', '256KiB/s'])).code).toBe(0);
    const started = await start(plan);
    expect(await limitsIn(plan)).toMatchObject({ bandwidth: { value: 256 * 1024, from: 'operator' } });
    expect(documentOf(await ferry(['limits', plan, '--clear', '--json']))).toMatchObject({ taken: true });
    expect((await started.ended).code).toBe(0);
    for (const wrong of [
      ['--bandwidth', '10'],
      ['--bandwidth', '0/s'],
      ['--requests', 'many'],
      ['--concurrency', '0'],
      ['--concurrency', '1025'],
    ]) {
      const ended = await ferry(['limits', plan, ...wrong]);
      expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining(wrong.join(' '))]);
    }
    expect(await limitsIn(plan)).toMatchObject({ operator: null });
  });

  it('tells which window it is', async () => {
    const always = { from: '00:00', to: '24:00', zone: 'Europe/Dublin', bandwidth: '7MiB/s' };
    const { plan } = layOut({ limits: { windows: [always], requests: 9 } });
    expect(await limitsIn(plan)).toMatchObject({
      bandwidth: { value: 7 * MIB, from: 'window' },
      requests: { value: 9, from: 'plan' },
      window: 0,
    });
    const { stdout, code } = await ferry(['limits', plan]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('limits.windows[0]')]);
  });
});

describe('SIGHUP', () => {
  it('makes a run read the limits of its plan again, and nothing else of it', async () => {
    const { plan, hamar } = slow();
    const started = await start(plan);
    const document = JSON.parse(readFileSync(plan, 'utf8')) as ReturnType<typeof planDocument>;
    writeFileSync(plan, '{ "apiVersion": "ferry/v1", ');
    const refused = said(started.child.stderr, 'the limits stay as they are');
    started.child.kill('SIGHUP');
    await refused;
    writeFileSync(plan, JSON.stringify({ ...document, finish: 'verified', limits: { windows: [] } }));
    const taken = said(started.child.stderr, 'the limits of the plan are read again');
    started.child.kill('SIGHUP');
    await taken;
    expect(await limitsIn(plan)).toMatchObject({ bandwidth: { value: null, from: 'plan' } });
    const { code, stderr, stdout } = await started.ended;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('plan.json:1:');
    expect(stderr).toContain('SIGHUP: finish changed too, and is not taken');
    expect(JSON.parse(stdout)).toMatchObject({ finish: 'copied', totals: { states: { copied: 40, verified: 0 } } });
    expect(statSync(join(hamar, 'users/NO/u39')).size).toBe(MIB / 2);
  });
});

/** Objects of one size in a new bucket. */
async function filled(count: number, size: number): Promise<string> {
  const bucket = await newBucket();
  const client = minioClient();
  const keys = Array.from({ length: count }, (_, n) => `users/NO/u${n}`);
  const put = async (): Promise<void> => {
    for (let Key = keys.pop(); Key !== undefined; Key = keys.pop())
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: Buffer.alloc(size, keys.length) }));
  };
  await Promise.all(Array.from({ length: 8 }, put));
  return bucket;
}

describe('at a real server', () => {
  it('the bandwidth is within 5 % over ten seconds', async () => {
    const rate = 4 * MIB;
    const bucket = await filled(220, MIB / 4);
    const came: { at: number; bytes: number }[] = [];
    const proxy = await countingProxy(inject('minio').endpoint, {
      gave: (name, bytes) => {
        if (name.includes('/users/')) came.push({ at: performance.now(), bytes });
      },
    });
    const { hamar, dublin } = planDocument().stores;
    const legacy = bucketStore(bucket, 'SG', { endpoint: proxy.endpoint });
    const limits = { bandwidth: '4MiB/s', concurrency: 4 };
    const { plan } = layOut({ stores: { legacy, hamar, dublin }, finish: 'copied', limits, exclude: [] }, {});
    const ended = await ferry(['run', plan, '--json', '--progress', 'none'], minioEnv());
    expect(ended.code, ended.stderr).toBe(0);
    const [first, last] = [came[0]?.at ?? 0, came.at(-1)?.at ?? 0];
    const rates: number[] = [];
    for (let from = first + 1_000; from + 10_000 < last - 500; from += 250) {
      const bytes = came.filter(({ at }) => at >= from && at < from + 10_000).reduce((sum, one) => sum + one.bytes, 0);
      rates.push(bytes / 10 / rate);
    }
    expect(rates.length).toBeGreaterThan(3);
    expect(Math.max(...rates), String(rates)).toBeLessThan(1.05);
    expect(Math.min(...rates), String(rates)).toBeGreaterThan(0.95);
  });

  it('a server that says SlowDown is asked as much as it takes', async () => {
    const takes = 6;
    const files = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`users/NO/u${n}`, `body ${n}`]));
    const run = async (minConcurrency: number) => {
      const proxy = await countingProxy(inject('minio').endpoint, { atMost: takes });
      const { legacy, dublin } = planDocument().stores;
      const hamar = bucketStore(await newBucket(), 'NO', { endpoint: proxy.endpoint });
      const limits = { concurrency: 32, minConcurrency };
      const { plan } = layOut({ stores: { legacy, hamar, dublin }, finish: 'verified', limits, exclude: [] }, files);
      const ended = await ferry(['run', plan, '--json', '--progress', 'none'], minioEnv());
      const { totals } = documentOf<{ totals: { states: { verified: number } } }>(ended);
      return { code: ended.code, verified: totals.states.verified, proxy, stderr: ended.stderr };
    };
    const adaptive = await run(2);
    expect(adaptive.code, adaptive.stderr).toBe(0);
    expect(adaptive.verified).toBe(600);
    const { widths } = adaptive.proxy;
    const settled = widths.slice(widths.length / 2);
    expect(Math.max(...settled)).toBeLessThanOrEqual(takes + 2);
    expect(settled.reduce((sum, width) => sum + width, 0) / settled.length).toBeGreaterThan(takes / 3);
    const fixed = await run(32);
    const each = (one: typeof fixed): number => one.proxy.slowed() / Math.max(1, one.verified);
    expect(each(adaptive), `${each(adaptive)} against ${each(fixed)} for each object`).toBeLessThan(each(fixed));
  }, 240_000);
});
