import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { digestingServer } from '../support/digesting-server.ts';
import { type Lie, liar, type Refusal } from '../support/liar.ts';
import { minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { layOut } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { customer, startTlsMinio } from '../support/tls-minio.ts';

const MIB = 1024 ** 2;
const KEY = 'users/NO/film';
const honest: Lie = () => false;
const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };

/** Two buckets of one server, and a plan from one to the other. */
async function twoBuckets() {
  const [source, centre] = [await newBucket(), await newBucket()];
  const client = minioClient();
  return {
    source,
    centre,
    client,
    put: async (Key: string, Body: Uint8Array, more: Partial<PutObjectCommandInput> = {}) =>
      await client.send(new PutObjectCommand({ Bucket: source, Key, Body, ...more })),
    plan: (endpoint: string, more: Record<string, unknown> = {}): string => {
      const store = { type: 's3', endpoint, region: 'us-east-1', credentials };
      const legacy = { ...store, bucket: source, jurisdiction: 'SG' };
      const hamar = { ...store, bucket: centre, jurisdiction: 'NO' };
      const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
      return layOut({ stores: { legacy, hamar }, partitions, exclude: [], ...more }, {}).plan;
    },
    at: async (Bucket: string, Key = KEY): Promise<string> => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      const hash = createHash('sha256');
      for await (const chunk of Body as AsyncIterable<Uint8Array>) hash.update(chunk);
      return hash.digest('hex');
    },
    uploads: async () =>
      (await client.send(new ListMultipartUploadsCommand({ Bucket: centre, Prefix: KEY }))).Uploads ?? [],
  };
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const run = async (plan: string, ...more: string[]): Promise<Ended> =>
  await ferry(['run', plan, '--json', '--progress', 'none', ...more], minioEnv());

const isCopy = (asked: { method?: string | undefined; headers: NodeJS.Dict<string | string[]> }): boolean =>
  asked.method === 'PUT' && asked.headers['x-amz-copy-source'] !== undefined;

const film = new Dice('served').bytes(5 * MIB);

describe('between two buckets of one server', () => {
  it('objects are copied without their bytes being sent, and arrive with all that they carry', async () => {
    const { source, centre, client, put, plan, at } = await twoBuckets();
    const proxy = await countingProxy(inject('minio').endpoint);
    const forty = new Dice('forty').bytes(40 * MIB);
    const Metadata = { colour: 'blue', name: '=?UTF-8?B?Wm/Dqw==?=' };
    const more = { ContentType: 'video/mp4', CacheControl: 'no-store', Metadata, Tagging: 'a=1&b=2' };
    await put(KEY, film, { ...more, ChecksumAlgorithm: 'SHA256' });
    await put('users/NO/forty +%2F é', forty, more);
    await put('users/NO/sealed', film, { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'tests' });
    await put('users/NO/small', Buffer.from('small'));
    const ended = await run(plan(proxy.endpoint));
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({
      totals: { states: { tombstoned: 4 } },
      transferred: { objects: 4, bytes: 50 * MIB + 5 },
    });
    const sent = [...proxy.sent].filter(([name]) => name.includes('/users/'));
    expect(sent.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(20_000);
    const given = (bucket: string, key: string) => proxy.given.get(`GET /${bucket}/${key}`) ?? 0;
    expect(given(source, KEY), 'the source has a SHA-256 of it').toBeLessThan(10_000);
    expect(given(source, 'users/NO/sealed')).toBeGreaterThanOrEqual(film.byteLength);
    expect(given(centre, KEY), 'read back').toBeGreaterThanOrEqual(film.byteLength);
    expect(await at(centre)).toBe(sha256(film));
    expect(await at(centre, 'users/NO/sealed')).toBe(sha256(film));
    for (const Key of [KEY, 'users/NO/forty +%2F é']) {
      const head = await client.send(new HeadObjectCommand({ Bucket: centre, Key }));
      expect(head).toMatchObject({ ContentType: 'video/mp4', CacheControl: 'no-store', Metadata });
      const { TagSet } = await client.send(new GetObjectTaggingCommand({ Bucket: centre, Key }));
      expect(TagSet).toEqual([
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: '2' },
      ]);
    }
    expect(await at(centre, 'users/NO/forty +%2F é')).toBe(sha256(forty));
  });

  it('nothing is copied by the server where the plan says never', async () => {
    const { source, centre, put, plan, at } = await twoBuckets();
    const proxy = await countingProxy(inject('minio').endpoint);
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256' });
    const ended = await run(plan(proxy.endpoint, { serverSideCopy: 'never' }));
    expect(ended.code, ended.stderr).toBe(0);
    expect(proxy.sent.get(`PUT /${centre}/${KEY}`)).toBeGreaterThanOrEqual(film.byteLength);
    expect(proxy.given.get(`GET /${source}/${KEY}`)).toBeGreaterThanOrEqual(film.byteLength);
    expect(await at(centre)).toBe(sha256(film));
  });

  it('a source that is overwritten between a look and the copy is copied as it is then', async () => {
    const { source, centre, put, plan, at } = await twoBuckets();
    const newer = film.map((byte) => byte ^ 1);
    let writes = 0;
    const endpoint = await liar(inject('minio').endpoint, (asked, answer, told) => {
      if (asked.method !== 'POST' || asked.url?.includes('uploads') !== true || writes > 0) return false;
      writes += 1;
      void put(KEY, newer).then(() => {
        told.writeHead(200, answer.headers);
        answer.pipe(told);
      });
      return true;
    });
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256' });
    const ended = await run(plan(endpoint), '--until', 'verified');
    expect(ended.code, ended.stderr).toBe(0);
    expect(writes).toBe(1);
    expect(await at(centre)).toBe(sha256(newer));
    expect((await run(plan(endpoint))).code, 'what was verified is what the source has').toBe(0);
    expect(await at(source)).not.toBe(sha256(newer));
  });

  it.each(['before', 'meanwhile'])('other bytes that come to the centre %s stay, as a conflict', async (when) => {
    const { centre, client, put, plan, at, uploads } = await twoBuckets();
    const theirs = Buffer.from('theirs');
    const write = () => client.send(new PutObjectCommand({ Bucket: centre, Key: KEY, Body: theirs }));
    const endpoint = await liar(inject('minio').endpoint, (asked, answer, told) => {
      if (when === 'before' || !isCopy(asked) || answer.statusCode !== 200) return false;
      void write().then(() => {
        told.writeHead(200, answer.headers);
        answer.pipe(told);
      });
      return true;
    });
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256' });
    if (when === 'before') await write();
    const ended = await run(plan(endpoint));
    expect(ended.code, ended.stderr).toBe(4);
    expect(documentOf(ended)).toMatchObject({ unresolved: [{ state: 'conflict' }] });
    expect(await at(centre)).toBe(sha256(theirs));
    expect(await uploads()).toEqual([]);
  });
});

it('an object under SSE-C is copied by the server, from one key to another', async () => {
  const { endpoint, ca, env, client, newBucket: bucketThere, stop } = await startTlsMinio();
  onTestFinished(stop);
  const [source, centre] = [await bucketThere(), await bucketThere()];
  const [theirs, ours] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  await client.send(new PutObjectCommand({ Bucket: source, Key: KEY, Body: film, ...customer(theirs) }));
  const store = { type: 's3', endpoint, ca, region: 'us-east-1', credentials };
  const sealed = (keyEnv: string) => ({ encryption: { type: 'SSE-C', keyEnv } });
  const legacy = { ...store, bucket: source, jurisdiction: 'SG', ...sealed('FERRY_TEST_THEIRS') };
  const hamar = { ...store, bucket: centre, jurisdiction: 'NO', ...sealed('FERRY_TEST_OURS') };
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
  const { plan } = layOut({ stores: { legacy, hamar }, partitions, exclude: [] }, {});
  const keys = { FERRY_TEST_THEIRS: theirs.toString('base64'), FERRY_TEST_OURS: ours.toString('base64') };
  const ended = await ferry(['run', plan, '--json', '--progress', 'none'], { ...env, ...keys });
  expect(ended.code, ended.stderr).toBe(0);
  expect(documentOf(ended)).toMatchObject({ totals: { states: { tombstoned: 1 } } });
  const copy = await client.send(new GetObjectCommand({ Bucket: centre, Key: KEY, ...customer(ours) }));
  expect(copy.ETag, 'of one part: sent, it would have gone by a PUT').toMatch(/-1"$/);
  expect(sha256((await copy.Body?.transformToByteArray()) ?? new Uint8Array())).toBe(sha256(film));
});

/** Keeps the request for one part from the server once it is asked for for good, and tells when that and the other parts are through. */
function withholding(part: number, others: number) {
  const state = { copied: 0, held: false, withhold: true };
  let tell: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    tell = () => {
      if (state.held && state.copied === others) resolve();
    };
  });
  const refuse: Refusal = (asked) => {
    if (!state.withhold || !isCopy(asked) || asked.url?.includes(`partNumber=${part}&`) !== true) return false;
    state.held = true;
    tell();
    return true;
  };
  const lie: Lie = (asked, answer) => {
    if (!isCopy(asked) || answer.statusCode !== 200) return false;
    answer.once('end', () => {
      state.copied += 1;
      tell();
    });
    return false;
  };
  return { state, reached, refuse, lie };
}

describe('a copy by the server that is killed', () => {
  it('goes on with the parts that are there', async () => {
    const { centre, put, plan, at, uploads } = await twoBuckets();
    const large = new Dice('large').bytes(300 * MIB);
    await put(KEY, large);
    const held = withholding(2, 2);
    const laid = plan(await liar(inject('minio').endpoint, held.lie, held.refuse));
    const started = startFerry(['run', laid, '--json', '--progress', 'none'], minioEnv());
    await held.reached;
    started.child.kill('SIGKILL');
    expect((await started.ended).code).toBeNull();
    expect(await uploads()).toHaveLength(1);
    held.state.withhold = false;
    const ended = await run(laid);
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { tombstoned: 1 } } });
    expect(held.state.copied, 'only the part that was missing').toBe(3);
    expect(await at(centre)).toBe(sha256(large));
    expect(await uploads()).toEqual([]);
  }, 300_000);

  it('and not gone on with leaves nothing after a cleanup', async () => {
    const { centre, client, put, plan, uploads } = await twoBuckets();
    await put(KEY, film);
    const held = withholding(1, 0);
    const laid = plan(await liar(inject('minio').endpoint, held.lie, held.refuse));
    const started = startFerry(['run', laid, '--json', '--progress', 'none'], minioEnv());
    await held.reached;
    started.child.kill('SIGKILL');
    await started.ended;
    expect(await uploads()).toHaveLength(1);
    expect(documentOf(await ferry(['cleanup', laid, '--json'], minioEnv()))).toMatchObject({ uploads: 1 });
    expect(await uploads()).toEqual([]);
    await expect(client.send(new HeadObjectCommand({ Bucket: centre, Key: KEY }))).rejects.toThrow();
  });
});

/** Answers each request to copy a part by itself. */
function answering(status: number, body: string) {
  const count = { asked: 0 };
  const refuse: Refusal = (asked, told) => {
    if (!isCopy(asked)) return false;
    count.asked += 1;
    told.writeHead(status, { 'content-type': 'application/xml' });
    told.end(`<?xml version="1.0"?>${body}`);
    return true;
  };
  return { count, refuse };
}

const errorOf = (code: string): string => `<Error><Code>${code}</Code><Message>no</Message></Error>`;

describe('a server that', () => {
  it.each([
    ['an error in the body', errorOf('InternalError')],
    ['nothing of the part', '<CopyPartResult></CopyPartResult>'],
  ])('answers 200 with %s is not believed', async (_name, body) => {
    const { source, centre, client, put, plan, at, uploads } = await twoBuckets();
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256' });
    const { count, refuse } = answering(200, body);
    const ended = await run(plan(await liar(inject('minio').endpoint, honest, refuse)));
    expect(ended.code, ended.stderr).toBe(4);
    expect(count.asked).toBeGreaterThan(1);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { failed: 1, tombstoned: 0 } } });
    expect(await at(source)).toBe(sha256(film));
    await expect(client.send(new HeadObjectCommand({ Bucket: centre, Key: KEY }))).rejects.toThrow();
    expect(await uploads()).toHaveLength(1);
  });

  it.each([
    ['refuses', 403, errorOf('AccessDenied')],
    ['refuses behind a 200', 200, errorOf('AccessDenied')],
    ['does not know how', 501, errorOf('NotImplemented')],
    ['says that it has copied and has not', 200, '<CopyPartResult><ETag>"0-0"</ETag></CopyPartResult>'],
    [
      'says so with the right digest',
      200,
      `<CopyPartResult><ETag>"0-0"</ETag><ChecksumSHA256>${createHash('sha256').update(film).digest('base64')}</ChecksumSHA256></CopyPartResult>`,
    ],
  ])('%s is sent the bytes', async (_name, status, body) => {
    const { source, centre, put, plan, at, uploads } = await twoBuckets();
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256', Metadata: { colour: 'blue' } });
    const { count, refuse } = answering(status, body);
    const ended = await run(plan(await liar(inject('minio').endpoint, honest, refuse)));
    expect(ended.code, ended.stderr).toBe(0);
    expect(count.asked).toBeGreaterThan(0);
    expect(await at(centre)).toBe(sha256(film));
    expect(await at(source)).not.toBe(sha256(film));
    expect(await uploads()).toEqual([]);
  });

  it('gives back other bytes than it should have copied is found out', async () => {
    const { source, centre, put, plan, at } = await twoBuckets();
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256' });
    const lie: Lie = (asked, answer, told) => {
      if (asked.method !== 'GET' || asked.url?.startsWith(`/${centre}/${KEY}`) !== true) return false;
      if (asked.url.includes('tagging')) return false;
      const { 'x-amz-checksum-sha256': _, ...headers } = answer.headers;
      told.writeHead(200, headers);
      answer.on('data', (chunk: Buffer) => told.write(Buffer.from(chunk.map((byte) => byte ^ 1))));
      answer.on('end', () => told.end());
      return true;
    };
    const ended = await run(plan(await liar(inject('minio').endpoint, lie)));
    expect(ended.code, ended.stderr).toBe(5);
    expect(await at(source)).toBe(sha256(film));
  });
});

describe('verify: attested', () => {
  it.each([
    ['one part with a digest that its source has too', 5, 'SHA256'],
    ['one part whose source was read', 5, undefined],
    ['several parts whose source was read', 140, undefined],
  ] as const)('takes the digests of what a server copied: %s', async (_name, size, ChecksumAlgorithm) => {
    const { centre, client, put, plan, at } = await twoBuckets();
    const bytes = new Dice('attested').bytes(size * MIB);
    await put(KEY, bytes, ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm });
    const endpoint = await liar(inject('minio').endpoint, honest, digestingServer(client));
    const proxy = await countingProxy(endpoint);
    const ended = await run(plan(proxy.endpoint, { verify: 'attested' }));
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { tombstoned: 1 } } });
    expect(proxy.sent.get(`PUT /${centre}/${KEY}`) ?? 0).toBe(0);
    expect(proxy.given.get(`GET /${centre}/${KEY}`) ?? 0).toBe(0);
    expect(await at(centre)).toBe(sha256(bytes));
  });

  it.each([undefined, 'SHA256'] as const)(
    'a copy whose digest is not the one of its source is not completed (source with %s)',
    async (ChecksumAlgorithm) => {
      const { centre, client, put, plan, at } = await twoBuckets();
      await put(KEY, film, ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm });
      const server = digestingServer(client, (bytes) => bytes.map((byte) => byte ^ 1));
      const proxy = await countingProxy(await liar(inject('minio').endpoint, honest, server));
      const ended = await run(plan(proxy.endpoint, { verify: 'attested' }));
      expect(ended.code, ended.stderr).toBe(0);
      expect(proxy.sent.get(`PUT /${centre}/${KEY}`), 'sent by ferry').toBeGreaterThanOrEqual(film.byteLength);
      expect(await at(centre)).toBe(sha256(film));
    },
  );

  it('has the bytes sent to a server that gives no digests of what it copies', async () => {
    const { centre, put, plan, at } = await twoBuckets();
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256' });
    await put('users/NO/other', film);
    const proxy = await countingProxy(inject('minio').endpoint);
    // One after the other, so that the second one knows what came of the first.
    const ended = await run(plan(proxy.endpoint, { verify: 'attested', limits: { concurrency: 1 } }));
    expect(ended.code, ended.stderr).toBe(0);
    expect(documentOf(ended)).toMatchObject({ totals: { states: { tombstoned: 2 } } });
    expect(proxy.sent.get(`PUT /${centre}/${KEY}`)).toBeGreaterThanOrEqual(film.byteLength);
    expect(await at(centre)).toBe(sha256(film));
  });

  it('leaves unverifiable what was copied without digests', async () => {
    const { source, put, plan, at } = await twoBuckets();
    await put(KEY, film, { ChecksumAlgorithm: 'SHA256' });
    const { endpoint } = inject('minio');
    const laid = plan(endpoint, { finish: 'copied' });
    const state = ['--state', `${laid}.state`];
    expect((await run(laid, ...state)).code).toBe(0);
    const document = JSON.parse(readFileSync(laid, 'utf8')) as Record<string, unknown>;
    writeFileSync(laid, JSON.stringify({ ...document, finish: 'tombstoned', verify: 'attested' }));
    const ended = await run(laid, ...state);
    expect(ended.code, ended.stderr).toBe(4);
    expect(documentOf(ended)).toMatchObject({ unresolved: [{ state: 'unverifiable' }] });
    expect(await at(source)).toBe(sha256(film));
  });
});
