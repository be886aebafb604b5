import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { guardEgress } from '../../src/base/egress.ts';
import type { S3StoreSpec } from '../../src/plan/types.ts';
import { makeStore } from '../../src/store/open-store.ts';
import { destinationsOf } from '../../src/store/s3/hosts.ts';
import type { Store } from '../../src/store/store.ts';
import { s3Spec } from '../support/minio.ts';
import { startTlsMinio, type TlsMinio } from '../support/tls-minio.ts';

let server: TlsMinio;
beforeAll(async () => {
  server = await startTlsMinio();
}, 120_000);
afterAll(async () => await server.stop());

async function newSpec(name: string, more: Partial<S3StoreSpec> = {}): Promise<S3StoreSpec> {
  return { ...s3Spec(name, await server.newBucket()), endpoint: server.endpoint, ca: server.ca, ...more };
}

async function made(spec: S3StoreSpec): Promise<Store> {
  const store = await makeStore(spec, server.env);
  onTestFinished(async () => await store.close());
  return store;
}

it('a name that resolves elsewhere the second time gets no byte there', async () => {
  const port = Number(new URL(server.endpoint).port);
  let elsewhere = 0;
  const other = createServer((socket) => {
    elsewhere += 1;
    socket.destroy();
  });
  other.listen(port, '127.0.0.2');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const addresses: readonly string[] = ['127.0.0.1/32'];
  const spec = await newSpec('hamar', { endpoint: `https://localhost:${port}`, expect: { addresses } });
  const answers = [['127.0.0.1'], ['127.0.0.2']];
  const guard = guardEgress({ resolve: async () => answers.shift() ?? [], rememberedMs: 0 });
  onTestFinished(() => guard.release());
  guard.allow(spec.name, destinationsOf(spec));
  const first = await made(spec);
  await first.open({ create: false });
  expect(first.observed).toMatchObject({ host: 'localhost', addresses: ['127.0.0.1'], region: 'us-east-1' });
  const second = await made(spec);
  await expect(second.open({ create: false })).rejects.toMatchObject({
    fault: 'refused',
    field: 'stores.hamar.expect.addresses',
    why: expect.stringContaining('127.0.0.2 was observed'),
  });
  expect([elsewhere, answers.length]).toEqual([0, 0]);
});

it('a store that is allowed nothing reaches nothing, with small requests and with large ones', async () => {
  const [hamar, dublin] = [await newSpec('hamar'), await newSpec('dublin')];
  const guard = guardEgress();
  onTestFinished(() => guard.release());
  guard.allow(hamar.name, destinationsOf(hamar));
  const body = new Uint8Array(8 * 1024 ** 2);
  const [allowed, refused] = [await made(hamar), await made(dublin)];
  await allowed.create('large', body, { size: body.length });
  for (const size of [1, body.length]) {
    const put = refused.create('large', body.subarray(0, size), { size });
    await expect(put).rejects.toMatchObject({ fault: 'refused', why: 'the store dublin is not there' });
  }
  expect(guard.reached().map(({ store }) => store)).toEqual(['hamar']);
  expect(guard.reached()[0]?.bytesOut).toBeGreaterThan(body.length);
});
