import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { documentOf, ferry, startFerry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { planDocument } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';

interface Outcome {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly reason: string }[];
}

/** A request as it came, signature and all: the server takes it for a quarter of an hour. */
interface Sent {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Hands requests on to MinIO, but for the first marker, which it keeps until someone sends it. */
async function slowLine(isMarker: (sent: Sent) => boolean) {
  const { hostname, port } = new URL(inject('minio').endpoint);
  let caught: (() => void) | undefined;
  let kept: Sent | undefined;
  const hooks: { beforeMarker?: () => Promise<void> } = {};
  const isCaught = new Promise<void>((resolve) => {
    caught = resolve;
  });
  const send = ({ path, headers, body }: Sent, method = 'PUT') => {
    const onward = request({ hostname, port, method, path, headers });
    onward.end(body);
    return once(onward, 'response');
  };
  const server = createServer(async (asked, told) => {
    const sent = { path: asked.url ?? '', headers: asked.headers, body: await buffer(asked) };
    if (asked.method === 'PUT' && isMarker(sent)) {
      if (kept === undefined) {
        kept = sent;
        caught?.();
        return;
      }
      await hooks.beforeMarker?.();
    }
    const [answer] = await send(sent, asked.method);
    told.writeHead(answer.statusCode, answer.headers);
    answer.pipe(told);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  const arrive = async (): Promise<number> => {
    if (kept === undefined) throw new Error('no marker was sent');
    const [answer] = await send(kept);
    answer.resume();
    return answer.statusCode;
  };
  return { endpoint: `http://127.0.0.1:${address.port}`, isCaught, arrive, hooks };
}

/** An object in a bucket whose first run was killed with its marker under way. */
async function killedWithMarkerUnderWay(versioned: boolean) {
  const [from, to] = [await newBucket({ versioned }), await newBucket({ versioned: false })];
  const line = await slowLine(({ path, headers }) => path.startsWith(`/${from}/a`) && 'if-match' in headers);
  const plan = join(tempDir(), 'plan.json');
  const stores = { legacy: { ...bucketStore(from, 'SG'), endpoint: line.endpoint }, centre: bucketStore(to, 'NO') };
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre' }];
  writeFileSync(plan, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [] }));
  const write = async (by: string): Promise<void> => {
    await minioClient().send(new PutObjectCommand({ Bucket: from, Key: 'a', Body: 'first', Metadata: { by } }));
  };
  await write('app');
  const first = startFerry(['run', plan, '--json'], minioEnv());
  await line.isCaught;
  first.child.kill('SIGKILL');
  await first.ended;
  const call = async (...args: string[]): Promise<Outcome> =>
    documentOf<Outcome>(await ferry([args[0] ?? '', plan, '--json', ...args.slice(1)], minioEnv()));
  const seen = async (Bucket: string): Promise<string> => {
    const got = await minioClient().send(new GetObjectCommand({ Bucket, Key: 'a' }));
    const isTombstone = got.ContentType === 'application/vnd.ferry.tombstone+json';
    return isTombstone ? 'TOMBSTONE' : `${await got.Body?.transformToString()} by ${got.Metadata?.['by']}`;
  };
  return { from, to, line, call, write, seen };
}

describe.each([true, false])('a marker of a killed run that arrives late (versioned: %s)', (versioned) => {
  it('before the next one is the tombstone, and can be undone', async () => {
    const { from, to, line, call, seen } = await killedWithMarkerUnderWay(versioned);
    let status = 0;
    line.hooks.beforeMarker = async () => {
      delete line.hooks.beforeMarker;
      status = await line.arrive();
    };
    const run = await call('run');
    expect(status).toBe(200);
    expect(run.totals.states).toMatchObject({ tombstoned: 1 });
    expect([await seen(from), await seen(to)]).toEqual(['TOMBSTONE', 'first by app']);
    expect((await call('run')).totals.states).toMatchObject({ tombstoned: 1 });
    expect((await call('restore')).totals.states).toMatchObject({ restored: 1 });
    expect(await seen(from)).toBe('first by app');
  });

  it('when nothing else is under way is found by the next run', async () => {
    const { from, line, call, seen } = await killedWithMarkerUnderWay(versioned);
    expect((await call('run', '--until', 'verified')).totals.states).toMatchObject({ verified: 1 });
    expect(await line.arrive()).toBe(200);
    expect((await call('run')).totals.states).toMatchObject({ tombstoned: 1 });
    expect((await call('restore')).totals.states).toMatchObject({ restored: 1 });
    expect(await seen(from)).toBe('first by app');
  });
});

describe('a marker of a killed run that arrives over what someone wrote with the same bytes', () => {
  it('is taken away again where versions are kept', async () => {
    const { from, line, call, write, seen } = await killedWithMarkerUnderWay(true);
    await call('run', '--until', 'verified');
    await write('someone else');
    expect(await line.arrive()).toBe(200);
    expect(await seen(from)).toBe('TOMBSTONE');
    expect((await call('run')).unresolved).toMatchObject([{ reason: expect.stringContaining('taken away again') }]);
    expect(await seen(from)).toBe('first by someone else');
    const { Versions = [] } = await minioClient().send(new ListObjectVersionsCommand({ Bucket: from }));
    expect(Versions).toHaveLength(2);
  });
});

describe('a tombstone of before that lies deep in a history', () => {
  it('is no part of what the next one is put on: the same bytes written again are hidden again', async () => {
    const [from, to] = [await newBucket({ versioned: true }), await newBucket({ versioned: false })];
    const plan = join(tempDir(), 'plan.json');
    const stores = { legacy: bucketStore(from, 'SG'), centre: bucketStore(to, 'NO') };
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre' }];
    writeFileSync(plan, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [] }));
    const write = async (): Promise<void> => {
      await minioClient().send(new PutObjectCommand({ Bucket: from, Key: 'a', Body: 'first' }));
    };
    const run = async (): Promise<Outcome> => documentOf<Outcome>(await ferry(['run', plan, '--json'], minioEnv()));
    await write();
    expect((await run()).totals.states).toMatchObject({ tombstoned: 1 });
    await write();
    // A person has to look at it once; who runs it again wants it moved.
    expect((await run()).totals.states).toMatchObject({ conflict: 1 });
    const again = await run();
    expect(again.unresolved).toEqual([]);
    expect(again.totals.states).toMatchObject({ tombstoned: 1 });
    const { Versions = [] } = await minioClient().send(new ListObjectVersionsCommand({ Bucket: from }));
    expect(Versions).toHaveLength(4);
  });
});
