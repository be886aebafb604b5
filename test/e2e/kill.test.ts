import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it } from 'vitest';
import { looksLikeMarker } from '../../src/migration/marker.ts';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, ferry, startFerry } from '../support/cli.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { layOut, planDocument } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { digestsIn } from '../support/tree.ts';

const KILLS = 30;
const CONCURRENCY = 8;
const OBJECTS = 3_000;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function users(seed: number): Record<string, Uint8Array> {
  const dice = new Dice(`kill/${seed}`);
  const files: Record<string, Uint8Array> = {};
  for (let n = 0; n < OBJECTS; n += 1)
    files[`users/${n % 3 === 0 ? 'NO' : 'DE'}/u${n % 97}/o ${n}`] = dice.bytes(dice.below(9_000));
  return files;
}

/** Kills runs of a plan at random moments until it has been killed often enough; each is given a little longer than the last. */
async function killedRuns(plan: string, env: Record<string, string>, seed: number): Promise<number> {
  const dice = new Dice(`moments/${seed}`);
  let kills = 0;
  for (let attempt = 0; attempt < KILLS; attempt += 1) {
    const started = startFerry(['run', plan, '--progress', 'none', '--json'], env);
    const over = new AbortController();
    void started.ended.then(() => over.abort());
    await delay(250 + dice.below(450), undefined, { signal: over.signal }).catch(() => undefined);
    started.child.kill('SIGKILL');
    if ((await started.ended).code === null) kills += 1;
  }
  return kills;
}

describe(`${KILLS} runs each killed by SIGKILL at a random moment`, () => {
  const seed = 20_261_124;

  it('between folders: nothing is lost, nothing is doubled', async () => {
    const laid = layOut({ limits: { concurrency: CONCURRENCY } }, users(seed));
    const before = digestsIn(laid.legacy);
    const kills = await killedRuns(laid.plan, {}, seed);
    const last = await ferry(['run', laid.plan, '--progress', 'none', '--json']);
    expect(last.code, last.stderr).toBe(0);
    expect(kills, 'the runs must not have come to their end on their own').toBeGreaterThan(KILLS / 3);
    expect(documentOf(last)).toMatchObject({ totals: { objects: OBJECTS, states: { tombstoned: OBJECTS } } });
    expect({ ...digestsIn(laid.hamar), ...digestsIn(laid.dublin) }).toEqual(before);
    expect((await ferry(['restore', laid.plan, '--json'])).code).toBe(0);
    expect(digestsIn(laid.legacy, true)).toEqual(before);
  }, 300_000);

  it('between buckets: no object is sent twice but those in flight, no source is emptied before its copy is verified', async () => {
    const proxy = await countingProxy(inject('minio').endpoint);
    const [legacy, hamar, dublin] = [await newBucket(), await newBucket(), await newBucket()];
    const client = minioClient();
    const files = users(seed);
    const entries = Object.entries(files);
    for (let at = 0; at < entries.length; at += 50) {
      await Promise.all(
        entries
          .slice(at, at + 50)
          .map(([Key, Body]) => client.send(new PutObjectCommand({ Bucket: legacy, Key, Body }))),
      );
    }
    const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };
    const store = (bucket: string, jurisdiction: string) => ({
      type: 's3',
      endpoint: proxy.endpoint,
      region: 'us-east-1',
      bucket,
      jurisdiction,
      credentials,
    });
    const stores = { legacy: store(legacy, 'SG'), hamar: store(hamar, 'NO'), dublin: store(dublin, 'IE') };
    const laid = layOut({ ...planDocument(), stores, limits: { concurrency: CONCURRENCY } }, {});
    const kills = await killedRuns(laid.plan, minioEnv(), seed);
    const last = await ferry(['run', laid.plan, '--progress', 'none', '--json'], minioEnv());
    expect(last.code, last.stderr).toBe(0);
    expect(kills).toBeGreaterThan(KILLS / 3);
    expect(documentOf(last)).toMatchObject({ totals: { objects: OBJECTS, states: { tombstoned: OBJECTS } } });

    const body = async (Bucket: string, Key: string): Promise<Uint8Array> =>
      (await (await client.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToByteArray()) ??
      new Uint8Array();
    for (let at = 0; at < entries.length; at += 50) {
      await Promise.all(
        entries.slice(at, at + 50).map(async ([key, bytes]) => {
          const centre = key.startsWith('users/NO/') ? hamar : dublin;
          expect(sha256(await body(centre, key)), key).toBe(sha256(bytes));
          expect(looksLikeMarker(await body(legacy, key)), key).toBe(true);
        }),
      );
    }
    const puts = [...proxy.done].filter(([name]) => name.startsWith('PUT ') && !name.includes('.ferry-probe-'));
    const atCentres = puts.filter(([name]) => !name.includes(legacy)).reduce((sum, [, times]) => sum + times, 0);
    // What was in flight at a kill is sent again and refused by the centre, unless the server had not got it: never stored twice.
    expect(atCentres).toBe(OBJECTS);
    for (const [name, times] of puts) expect(times, name).toBe(1);
    const reads = [...proxy.done]
      .filter(([name]) => name.startsWith(`GET /${legacy}/users`))
      .reduce((sum, [, times]) => sum + times, 0);
    expect(reads).toBeLessThanOrEqual(OBJECTS + (kills + 1) * CONCURRENCY * 2);
  }, 600_000);
});

it('a plan that was killed in the middle of its first listing goes on with it', async () => {
  const files = Object.fromEntries(Array.from({ length: 12_000 }, (_, n) => [`users/NO/${n % 100}/f${n}`, '']));
  const laid = layOut({ finish: 'copied' }, files);
  const first = startFerry(['run', laid.plan, '--progress', 'none', '--log-level', 'debug']);
  let said = '';
  for await (const chunk of first.child.stderr ?? []) {
    said += String(chunk);
    if (said.includes('"entries":2')) break;
  }
  first.child.kill('SIGKILL');
  await first.ended.catch(() => undefined);
  const status = documentOf<{ totals: { objects: number } }>(await ferry(['status', laid.plan, '--json']));
  expect(status.totals.objects).toBeGreaterThan(0);
  const fresh = documentOf<{ digest: string }>(
    await ferry(['plan', laid.plan, '--json', '--state', join(laid.dir, 'none')]),
  );
  const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none']);
  expect(ended.code).toBe(0);
  expect(documentOf(ended)).toMatchObject({
    digest: fresh.digest,
    totals: { objects: 12_000, states: { copied: 12_000 } },
  });
}, 300_000);
