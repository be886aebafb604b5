import { execFile } from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { lookup as lookupByName } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer as createHttp, get as overHttp } from 'node:http';
import { connect as overHttp2 } from 'node:http2';
import { get as overHttps } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { join } from 'node:path';
import { connect as overTls } from 'node:tls';
import { promisify } from 'node:util';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { fromInstanceMetadata } from '@aws-sdk/credential-providers';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  connectionsOf,
  type Destination,
  type Egress,
  type EgressOptions,
  guardEgress,
} from '../../src/base/egress.ts';
import { FerryError } from '../../src/base/errors.ts';
import { tempDir } from '../support/temp.ts';

let guard: Egress | undefined;
afterEach(() => {
  guard?.release();
  guard = undefined;
});

function guarded(destinations: readonly Destination[] = [], options: EgressOptions = {}): Egress {
  guard = guardEgress(options);
  guard.allow(undefined, destinations);
  return guard;
}

/** A server that counts what comes; nothing may. */
async function listener(
  host = '127.0.0.1',
): Promise<{ port: number; seen: () => { connections: number; bytes: number } }> {
  let connections = 0;
  let bytes = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.on('error', () => undefined);
  });
  return { port: await listening(server, host), seen: () => ({ connections, bytes }) };
}

async function listening(server: Server, host = '127.0.0.1'): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket) => open.add(socket));
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** The refusal that something failed with, however deep a library has wrapped it. */
function refusalIn(error: unknown): FerryError | undefined {
  if (error instanceof FerryError) return error.fault === 'refused' ? error : undefined;
  if (error instanceof AggregateError) return error.errors.map(refusalIn).find((one) => one !== undefined);
  return error instanceof Error ? refusalIn(error.cause) : undefined;
}

async function failure(emitter: { once(event: 'error', listener: (error: Error) => void): unknown }): Promise<Error> {
  return await new Promise((resolve) => emitter.once('error', resolve));
}

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function s3(endpoint: string, more: object = {}): S3Client {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'id', secretAccessKey: 'key' },
    ...more,
  });
  onTestFinished(() => client.destroy());
  return client;
}

const NONE = { connections: 0, bytes: 0 };

describe('a host that no store names', () => {
  const ways: Readonly<Record<string, (port: number) => Promise<unknown>>> = {
    'net.connect': async (port) => await failure(connect(port, '127.0.0.1')),
    'net.connect with options': async (port) => await failure(connect({ port, host: '127.0.0.1' })),
    'net.connect without a host': async (port) => await failure(connect(port)),
    'a socket of its own': async (port) => await failure(new Socket().connect(port, '127.0.0.1')),
    'tls.connect': async (port) => await failure(overTls(port, '127.0.0.1', { rejectUnauthorized: false })),
    'http.get': async (port) => await failure(overHttp(`http://127.0.0.1:${port}/`)),
    'https.get': async (port) => await failure(overHttps(`https://127.0.0.1:${port}/`)),
    http2: async (port) => await failure(overHttp2(`http://127.0.0.1:${port}`)),
    'fetch, over undici': async (port) => await thrown(fetch(`http://127.0.0.1:${port}/`)),
    'fetch by name': async (port) => await thrown(fetch(`http://localhost:${port}/`)),
    WebSocket: async (port) =>
      await new Promise((resolve) => new WebSocket(`ws://127.0.0.1:${port}`).addEventListener('error', resolve)),
    'the AWS SDK': async (port) => await thrown(s3(`http://127.0.0.1:${port}`).send(new ListBucketsCommand({}))),
    'the AWS SDK by another name': async (port) =>
      await thrown(s3(`http://evil.localhost:${port}`).send(new ListBucketsCommand({}))),
  };
  it.each(Object.entries(ways))('gets nothing by %s', async (_name, way) => {
    const { port, seen } = await listener();
    guarded([{ host: '127.0.0.1', port: 8999 }]);
    const error = await way(port);
    // A WebSocket tells no reasons.
    if (!(error instanceof Event))
      expect(refusalIn(error)?.subject, String(error)).toMatch(/(127\.0\.0\.1|localhost):/);
    guard?.release();
    // Whoever was let in before this one would have been seen by now.
    connect(port, '127.0.0.1').end('x');
    await expect.poll(seen).toEqual({ connections: 1, bytes: 1 });
  });

  it('gets nothing by UDP', async () => {
    const server = dgram.createSocket('udp4');
    const got: string[] = [];
    server.on('message', (message) => got.push(message.toString()));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const client = dgram.createSocket('udp4');
    onTestFinished(() => {
      server.close();
      client.close();
    });
    const { port } = server.address();
    guarded();
    const error = await new Promise((resolve) => client.send('out', port, '127.0.0.1', resolve));
    expect(refusalIn(error)?.subject).toBe('UDP');
    const connected = failure(client);
    client.connect(port, '127.0.0.1');
    expect(refusalIn(await connected)?.subject).toBe('UDP');
    guard?.release();
    client.send('after', port, '127.0.0.1');
    await expect.poll(() => got).toEqual(['after']);
  });

  it('is not looked up, by any of the ways to', async () => {
    guarded([{ host: 'localhost', port: 1 }]);
    const ways: Promise<unknown>[] = [
      promisify(dns.lookup)('secret.evil.example'),
      dns.promises.lookup('secret.evil.example'),
      lookupByName('secret.evil.example'),
      promisify(dns.resolve4)('secret.evil.example'),
      dns.promises.resolveTxt('secret.evil.example'),
      promisify(dns.reverse)('192.0.2.1'),
      dns.promises.lookupService('192.0.2.1', 80),
      new dns.promises.Resolver().resolve('secret.evil.example'),
      new Promise((resolve, reject) => {
        new dns.Resolver().resolve6('secret.evil.example', (error) => (error ? reject(error) : resolve(undefined)));
      }),
    ];
    for (const way of ways) expect(refusalIn(await thrown(way))?.message).toContain('is not looked up');
    expect((await dns.promises.lookup('localhost')).address).toMatch(/^(127\.0\.0\.1|::1)$/);
  });

  it('gets nothing by a socket of the file system but that of the SSH agent', async () => {
    const dir = tempDir();
    const [agent, other] = [join(dir, 'agent'), join(dir, 'other')];
    const reached: string[] = [];
    for (const path of [agent, other]) {
      const server = createServer((socket) => {
        reached.push(path);
        socket.end();
      });
      server.listen(path);
      await once(server, 'listening');
      onTestFinished(() => void server.close());
    }
    guarded([], { env: { SSH_AUTH_SOCK: agent } });
    expect(refusalIn(await failure(connect(other)))?.subject).toBe(other);
    const socket = connect({ path: agent });
    await once(socket, 'connect');
    socket.destroy();
    expect(reached).toEqual([agent]);
  });

  it('gets nothing by metadata endpoints of the SDK where no store needs them', async () => {
    const { port, seen } = await listener();
    guarded();
    const before = { ...process.env };
    onTestFinished(() => {
      process.env = before;
    });
    process.env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] = `http://127.0.0.1:${port}`;
    const error = await thrown(fromInstanceMetadata({ maxRetries: 0, timeout: 1_000 })());
    expect(error).toBeInstanceOf(Error);
    expect(seen()).toEqual(NONE);
  });
});

describe('proxies of the environment', () => {
  it('lead nothing outside, and are told', async () => {
    const { port, seen } = await listener();
    const program = `
      import { get } from 'node:http';
      import { guardEgress } from ${JSON.stringify(new URL('../../src/base/egress.ts', import.meta.url).href)};
      guardEgress().allow(undefined, [{ host: '127.0.0.1', port: 8999 }]);
      const refused = (error) => { while (error.cause) error = error.cause; return error.name + ': ' + error.message; };
      const said = [await fetch('http://127.0.0.1:8999/').catch(refused), await new Promise((resolve) =>
        get('http://127.0.0.1:8999/').once('error', (error) => resolve(refused(error))))];
      console.log(JSON.stringify(said));`;
    const proxy = `http://127.0.0.1:${port}`;
    const env = {
      ...process.env,
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: proxy,
      HTTPS_PROXY: proxy,
      ALL_PROXY: proxy,
      NO_PROXY: '',
    };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env });
    const said = JSON.parse(stdout) as string[];
    for (const one of said) expect(one).toMatch(/^FerryError: .*HTTP_PROXY in the environment leads there/);
    expect(said).toHaveLength(2);
    expect(seen()).toEqual(NONE);
  });
});

describe('a host that a store names', () => {
  async function web(): Promise<{ port: number; asked: string[] }> {
    const asked: string[] = [];
    const server = createHttp((request, answer) => {
      asked.push(request.url ?? '');
      answer.end('hello');
    });
    return { port: await listening(server), asked };
  }

  it('is reached, and what went over is counted', async () => {
    const { port, asked } = await web();
    const egress = guarded([{ host: 'localhost', port, loopback: true }], { resolve: async () => ['127.0.0.1'] });
    expect(await (await fetch(`http://localhost:${port}/a`)).text()).toBe('hello');
    expect(asked).toEqual(['/a']);
    const [row, ...more] = egress.reached();
    expect(more).toEqual([]);
    expect(row).toMatchObject({ store: undefined, host: 'localhost', address: '127.0.0.1', port, connections: 1 });
    expect(row?.bytesIn).toBeGreaterThan('hello'.length);
    expect(row?.bytesOut).toBeGreaterThan('GET /a'.length);
  });

  it('is not reached over the connections of another store', async () => {
    const [one, other] = [await web(), await listener()];
    const egress = guarded();
    egress.allow('one', [{ host: '127.0.0.1', port: one.port }]);
    egress.allow('other', [{ host: '127.0.0.1', port: other.port }]);
    const client = (port: number): S3Client =>
      s3(`http://127.0.0.1:${port}`, { requestHandler: new NodeHttpHandler({ httpAgent: connectionsOf('one') }) });
    await thrown(client(one.port).send(new ListBucketsCommand({})));
    expect(one.asked).toHaveLength(1);
    const refused = refusalIn(await thrown(client(other.port).send(new ListBucketsCommand({}))));
    expect(refused?.why).toBe('the store one is not there');
    expect(refused?.hint).toContain(`127.0.0.1:${one.port}`);
    expect(other.seen()).toEqual(NONE);
    expect(egress.reached().map(({ store }) => store)).toEqual(['one']);
    // And what belongs to no store reaches neither.
    expect(refusalIn(await thrown(fetch(`http://127.0.0.1:${one.port}/`)))).toBeDefined();
  });

  it('gets no byte at an address outside of those declared, neither at first nor when its name resolves elsewhere', async () => {
    const { port, asked } = await web();
    const { seen } = await sameport(port);
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1', '127.0.0.2']];
    let resolved = 0;
    const resolve = async (): Promise<string[]> => answers[resolved++] ?? [];
    const to: Destination = { host: 'moving.localhost', port, loopback: true, addresses: ['127.0.0.1/32'] };
    guarded([to], { resolve });
    const get = async (): Promise<unknown> => {
      const request = overHttp(`http://moving.localhost:${port}/`, { agent: false });
      return await Promise.race([
        once(request, 'response').then(([answer]) => answer.resume() && 'answered'),
        failure(request),
      ]);
    };
    expect(await get()).toBe('answered');
    expect(await get(), 'the checked address is remembered').toBe('answered');
    expect(resolved).toBe(1);
    guard?.release();
    guarded([to], { resolve });
    for (const count of [2, 3]) {
      const refused = refusalIn(await get());
      expect(refused?.why).toContain('127.0.0.2 was observed');
      expect(refused?.field).toBe('stores.undefined.expect.addresses');
      expect(resolved).toBe(count);
    }
    expect(asked).toHaveLength(2);
    expect(seen()).toEqual(NONE);
  });

  it('is checked again after its address stopped answering', async () => {
    const { port, asked } = await web();
    const answers = [['127.0.0.9'], ['127.0.0.1']];
    guarded([{ host: 'moving.localhost', port, loopback: true }], { resolve: async () => answers.shift() ?? [] });
    expect(refusalIn(await thrown(fetch(`http://moving.localhost:${port}/`)))).toBeUndefined();
    expect(await (await fetch(`http://moving.localhost:${port}/b`)).text()).toBe('hello');
    expect(asked).toEqual(['/b']);
  });

  it('is refused without TLS where its name is none of the loopback', async () => {
    guarded([{ host: 'plain', port: 80, loopback: true }], { resolve: async () => ['192.0.2.7'] });
    expect(refusalIn(await thrown(fetch('http://plain/')))?.why).toContain('192.0.2.7 is not of the loopback');
  });

  async function sameport(port: number): Promise<{ seen: () => { connections: number; bytes: number } }> {
    let connections = 0;
    const server = createServer(() => {
      connections += 1;
    });
    server.listen(port, '127.0.0.2');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return { seen: () => ({ connections, bytes: 0 }) };
  }
});
