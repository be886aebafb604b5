import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeStore } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { s3Spec } from '../support/minio.ts';
import { tempDir } from '../support/temp.ts';
import { makeCertificate, startTlsMinio, type TlsMinio } from '../support/tls-minio.ts';
import { conformance } from './conformance.ts';

let server: TlsMinio;
beforeAll(async () => {
  server = await startTlsMinio();
}, 120_000);
afterAll(async () => await server.stop());

const KEY = randomBytes(32).toString('base64');

async function open(
  versioned: boolean,
  more: { readonly bucket?: string; readonly key?: string } = {},
): Promise<Store> {
  const spec = {
    ...s3Spec('s', more.bucket ?? (await server.newBucket({ versioned }))),
    endpoint: server.endpoint,
    ca: server.ca,
    encryption: { type: 'SSE-C', keyEnv: 'CKEY' } as const,
  };
  const store = await makeStore(spec, { ...server.env, CKEY: more.key ?? KEY });
  await store.open({ create: false });
  return store;
}

const keys = ['a', 'b/c/d', 'é', '\u{1F600}', 'with space', 'a+b c', '%2F'];
const refused = ['', 'nul\0', 'a//b', 'x'.repeat(1_025)];

conformance('s3 (MinIO over TLS, SSE-C)', {
  make: () => open(false),
  keys,
  refused,
  keeps: false,
  attributes: true,
});
conformance('s3 (MinIO over TLS, SSE-C, versioned)', {
  make: () => open(true),
  keys,
  refused,
  keeps: true,
  attributes: true,
});

it('sends no key in the clear, wherever the endpoint comes from', async () => {
  let asked = 0;
  const listener = createPlainServer((_incoming, outgoing) => {
    asked += 1;
    outgoing.end();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const before = process.env['AWS_ENDPOINT_URL'];
  onTestFinished(() => {
    listener.close();
    if (before === undefined) delete process.env['AWS_ENDPOINT_URL'];
    else process.env['AWS_ENDPOINT_URL'] = before;
  });
  process.env['AWS_ENDPOINT_URL'] = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const spec = { ...s3Spec('s', 'users'), endpoint: undefined };
  const env = { ...server.env, CKEY: KEY };
  const plain = await makeStore(spec, env);
  await plain.open({ create: false });
  expect(asked).toBeGreaterThan(0);
  asked = 0;
  const locked = await makeStore({ ...spec, encryption: { type: 'SSE-C', keyEnv: 'CKEY' } }, env);
  await expect(locked.head('k')).rejects.toMatchObject({ fault: 'usage', why: expect.stringContaining('needs https') });
  expect(asked).toBe(0);
  for (const store of [plain, locked]) await store.close();
});

describe('a server under a certificate of its own', () => {
  it('tells why it refuses a large part, which a connection that it closes under the body would not', async () => {
    const store = await open(false);
    const bucket = new URL(store.location).pathname.split('/')[1] ?? '';
    const other = await open(false, { bucket, key: randomBytes(32).toString('base64') });
    const upload = await store.parts?.begin('k', {});
    const bytes = randomBytes(16 * 1024 ** 2);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    for (let n = 1; n <= 8; n += 1) {
      const put = other.parts?.put('k', upload ?? '', n, bytes, { sha256 });
      await expect(put).rejects.toMatchObject({ passing: false, why: expect.stringContaining('HTTP 4') });
    }
    expect(await store.parts?.list('k', upload ?? '')).toEqual([]);
    expect(await store.parts?.put('k', upload ?? '', 1, bytes, { sha256 })).toMatchObject({ size: bytes.byteLength });
    for (const one of [store, other]) await one.close();
  });

  it('is not taken for another one whose certificate is known', async () => {
    const dir = tempDir();
    const ca = makeCertificate(dir, 'DNS:s3.hamar.example');
    const other = createServer({ cert: readFileSync(ca), key: readFileSync(join(dir, 'private.key')) });
    let asked = 0;
    other.on('request', (_incoming, outgoing) => {
      asked += 1;
      outgoing.end();
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const store = await makeStore({ ...s3Spec('s', 'users'), endpoint: `https://127.0.0.1:${port}`, ca }, server.env);
    await expect(store.open({ create: false })).rejects.toMatchObject({
      kind: 'untrusted',
      passing: false,
      why: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    });
    expect(asked).toBe(0);
    await store.close();
  });

  it('is given up when the caller ends it in the middle of a large body', async () => {
    const store = await open(false);
    const ending = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let n = 0; ; n += 1) {
        if (n === 8) ending.abort(new Error('enough'));
        yield new Uint8Array(1024 ** 2);
      }
    }
    const made = store.create('k', endless(), { size: 1024 ** 3, signal: ending.signal });
    await expect(made).rejects.toThrow();
    expect(await store.head('k')).toBe(undefined);
    await store.close();
  });
});
