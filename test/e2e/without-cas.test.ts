import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { planDocument } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { startMoto } from '../support/servers/moto.ts';
import { listOutside } from '../support/servers/outside.ts';
import {
  bucketAt,
  clientOf,
  envOf,
  type OwnServer,
  START_MS,
  sharedMinio,
  storeAt,
} from '../support/servers/server.ts';
import { tempDir } from '../support/temp.ts';

interface Outcome {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string; readonly state: string; readonly reason: string }[];
}

let server: OwnServer | undefined;
let client: S3Client;
beforeAll(async () => {
  server = await startMoto();
  client = clientOf(server);
}, START_MS);
afterAll(async () => {
  client.destroy();
  await server?.stop();
});

function moto(): OwnServer {
  if (server === undefined) throw new Error('the server did not start');
  return server;
}

/** What a test does when moto has answered a request and before ferry hears of it. */
interface Hooks {
  /** The last look at the object before its marker. */
  looked?: () => Promise<void>;
  /** A PUT of the key. */
  put?: () => Promise<void> | undefined;
}

/** A plan that empties a bucket of moto, which ignores If-Match, into one of MinIO. */
async function lay(more: { readonly versioned?: boolean; readonly versions?: 'all' } = {}) {
  const { versioned = true, versions } = more;
  const [from, to] = [await bucketAt(moto(), versioned), await bucketAt(sharedMinio(), true)];
  const hooks: Hooks = {};
  let reads = 0;
  // One for the copy of each version that moves; then comes the look before the marker, and a HEAD is the last thing before it.
  const looks = versions === 'all' ? 3 : 2;
  const proxy = await countingProxy(moto().endpoint, {
    heard: (name) => {
      if (name === `GET /${from}/a`) reads += 1;
      if (name === `HEAD /${from}/a` && reads >= looks) {
        const { looked } = hooks;
        delete hooks.looked;
        return looked?.();
      }
      return name === `PUT /${from}/a` ? hooks.put?.() : undefined;
    },
  });
  const plan = join(tempDir(), 'plan.json');
  const partition = { name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre' };
  const stores = {
    legacy: storeAt({ ...moto(), endpoint: proxy.endpoint }, from, 'SG'),
    centre: storeAt(sharedMinio(), to, 'NO'),
  };
  const partitions = [versions === undefined ? partition : { ...partition, versions }];
  const tombstone = { without: 'cas' };
  writeFileSync(plan, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [], tombstone }));
  const env = envOf(moto(), sharedMinio());
  const call = async (command: string): Promise<Ended> => await ferry([command, plan, '--json'], env);
  const write = async (Body: string): Promise<void> => {
    await client.send(new PutObjectCommand({ Bucket: from, Key: 'a', Body }));
  };
  const killed = async (): Promise<void> => {
    const started = startFerry(['run', plan, '--json', '--progress', 'none'], env);
    hooks.put = () => {
      started.child.kill('SIGKILL');
      return undefined;
    };
    expect((await started.ended).code).toBe(null);
    delete hooks.put;
  };
  await write('zero');
  await write('first');
  return { from, to, call, write, hooks, killed };
}

/** The bodies of all versions, oldest first. */
async function historyOf(Bucket: string): Promise<string[]> {
  const { Versions = [], DeleteMarkers = [] } = await client.send(
    new ListObjectVersionsCommand({ Bucket, Prefix: 'a' }),
  );
  expect(DeleteMarkers).toEqual([]);
  const bodies: string[] = [];
  for (const { VersionId } of Versions) {
    const got = await client.send(new GetObjectCommand({ Bucket, Key: 'a', VersionId }));
    const isMarker = got.ContentType === 'application/vnd.ferry.tombstone+json';
    bodies.unshift(isMarker ? 'TOMBSTONE' : ((await got.Body?.transformToString()) ?? ''));
  }
  return bodies;
}

const states = (ended: Ended) => documentOf<Outcome>(ended).totals.states;

describe.each([undefined, 'all'] as const)('without compare-and-swap, versions: %s', (versions) => {
  const way = versions === undefined ? {} : { versions };

  it('a bucket with versions is emptied, and restored to the version', async () => {
    const { from, call } = await lay(way);
    const run = await call('run');
    expect(run.code, run.stderr).toBe(0);
    expect(await historyOf(from)).toEqual(['zero', 'first', 'TOMBSTONE']);
    const back = await call('restore');
    expect(back.code, back.stderr).toBe(0);
    expect(await historyOf(from)).toEqual(['zero', 'first']);
  });

  for (const body of ['second', 'first']) {
    it(`a write between look and marker is a conflict, and nobody's version is lost: ${body}`, async () => {
      const { from, call, write, hooks } = await lay(way);
      hooks.looked = () => write(body);
      const run = await call('run');
      expect(run.code, run.stderr).toBe(4);
      expect(hooks.looked).toBe(undefined);
      expect(states(run)).toMatchObject({ conflict: 1, tombstoned: 0 });
      expect(documentOf<Outcome>(run).unresolved[0]?.reason).toContain('the marker was taken away again');
      expect(await historyOf(from)).toEqual(['zero', 'first', body]);
    });
  }

  it('a write right on the marker is a conflict, and the marker is taken away from under it', async () => {
    const { from, call, write, hooks } = await lay(way);
    hooks.put = () => {
      delete hooks.put;
      return write('second');
    };
    const run = await call('run');
    expect(states(run)).toMatchObject({ conflict: 1, tombstoned: 0 });
    expect(await historyOf(from)).toEqual(['zero', 'first', 'second']);
  });

  it('a marker whose answer was lost is known again', async () => {
    const { from, call, killed } = await lay(way);
    await killed();
    expect(await historyOf(from)).toEqual(['zero', 'first', 'TOMBSTONE']);
    expect(states(await call('run'))).toMatchObject({ tombstoned: 1 });
    expect(await historyOf(from)).toEqual(['zero', 'first', 'TOMBSTONE']);
    expect((await call('restore')).code).toBe(0);
    expect(await historyOf(from)).toEqual(['zero', 'first']);
  });

  it('a write before a marker whose answer was lost shows in the next run', async () => {
    const { from, call, write, hooks, killed } = await lay(way);
    hooks.looked = () => write('second');
    await killed();
    expect(await historyOf(from)).toEqual(['zero', 'first', 'second', 'TOMBSTONE']);
    expect(states(await call('run'))).toMatchObject({ conflict: 1 });
    expect(await historyOf(from)).toEqual(['zero', 'first', 'second']);
  });

  it('a write on a marker whose answer was lost shows in the next run', async () => {
    const { from, call, write, killed } = await lay(way);
    await killed();
    await write('second');
    expect(states(await call('run'))).toMatchObject({ tombstoned: 0 });
    expect(await historyOf(from)).toEqual(['zero', 'first', 'second']);
  });
});

it('a bucket without versions is refused all the same, and told why', async () => {
  const { from, to, call } = await lay({ versioned: false });
  const run = await call('run');
  expect(run.code, run.stderr).toBe(3);
  expect(run.stderr).toContain('lost without a trace');
  expect(run.stderr).toContain('enable versioning on the bucket');
  expect(await historyOf(from)).toEqual(['first']);
  const minio = clientOf(sharedMinio());
  expect(await listOutside(minio, to)).toEqual([]);
  minio.destroy();
});
