import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { documentOf, ferry } from '../support/cli.ts';
import { type Laid, layOut } from '../support/plan.ts';
import { tempDir } from '../support/temp.ts';
import { makeCertificate, startTlsMinio, type TlsMinio } from '../support/tls-minio.ts';

let server: TlsMinio;
beforeAll(async () => {
  server = await startTlsMinio();
}, 300_000);
afterAll(async () => await server.stop());

const OTHER = 'sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';

function pinOfFile(file: string): string {
  const spki = new X509Certificate(readFileSync(file)).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

function centre(bucket: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const { endpoint, ca } = server;
  const credentials = { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' };
  return { type: 's3', endpoint, region: 'us-east-1', bucket, jurisdiction: 'NO', credentials, ca, ...more };
}

/** A plan from a folder with one object to a centre. */
function layOutTo(hamar: unknown): Laid {
  const legacy = { type: 'file', path: './legacy', jurisdiction: 'SG' };
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
  const more = { stores: { legacy, hamar }, partitions, exclude: [], finish: 'verified' };
  return layOut(more, { 'users/NO/kari/a': 'hello' });
}

async function keysIn(Bucket: string): Promise<string[]> {
  const { Contents = [] } = await server.client.send(new ListObjectsV2Command({ Bucket }));
  return Contents.map(({ Key = '' }) => Key);
}

/** What came to a server that nothing may come to, or that counts. */
interface Listener {
  readonly port: number;
  readonly connections: () => number;
}

async function listening(made: Server): Promise<Listener> {
  const open = new Set<Socket>();
  let connections = 0;
  made.on('connection', (socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => undefined);
  });
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    made.close();
  });
  return { port: (made.address() as AddressInfo).port, connections: () => connections };
}

interface Refused {
  readonly error: { readonly fault: string; readonly why: string; readonly subject: string; readonly hint: string };
}

describe('what is declared of a store', () => {
  it.each([
    ['region', { region: 'no-1' }, /declared to be in the region no-1, but us-east-1 was observed/],
    ['hosts', { hosts: ['s3.hamar.example', '.clover.example'] }, /requests go to 127\.0\.0\.1/],
    ['addresses', { addresses: ['192.0.2.0/24', '2001:db8::/32'] }, /address 127\.0\.0\.1 was observed/],
  ])('is refused where another %s is observed, before anything is done there', async (field, wanted, why) => {
    const bucket = await server.newBucket();
    const { plan } = layOutTo(centre(bucket, { expect: wanted }));
    const line = JSON.parse(readFileSync(plan, 'utf8')) as object;
    writeFileSync(plan, JSON.stringify(line, undefined, 2));
    for (const command of ['run', 'plan']) {
      const ended = await ferry([command, plan, '--json'], server.env);
      expect(ended.code, ended.stderr).toBe(3);
      const { error } = documentOf<Refused>(ended);
      expect(error).toMatchObject({ fault: 'refused', why: expect.stringMatching(why) });
      expect(`${error.why} ${error.subject}`).toContain('hamar');
      expect(error.hint).toContain(`stores.hamar.expect.${field}`);
      const at =
        readFileSync(plan, 'utf8')
          .split('\n')
          .findLastIndex((text) => text.includes(`"${field}"`)) + 1;
      expect(error.subject).toContain(`plan.json:${at}:`);
    }
    expect(await keysIn(bucket)).toEqual([]);
    const doctor = await ferry(['doctor', plan, '--json'], server.env);
    expect(doctor.code).toBe(3);
    const { stores } = documentOf<{ stores: { name: string; ok: boolean; capabilities: object[] }[] }>(doctor);
    expect(stores.map(({ name, ok }) => [name, ok])).toEqual([
      ['legacy', true],
      ['hamar', false],
    ]);
    expect(stores[1]?.capabilities).toContainEqual(
      expect.objectContaining({ id: 'reach', result: 'no', detail: expect.stringMatching(why) }),
    );
    expect(await keysIn(bucket)).toEqual([]);
  });

  it('is let through where it is observed, and all that was observed and reached is recorded', async () => {
    const bucket = await server.newBucket();
    const pin = pinOfFile(server.ca);
    const wanted = { region: 'us-east-1', hosts: ['127.0.0.1'], addresses: ['127.0.0.0/8'] };
    const { plan } = layOutTo(centre(bucket, { expect: wanted, pin: [OTHER, pin] }));
    const ran = await ferry(['run', plan], server.env);
    expect(ran.code, ran.stderr).toBe(0);
    const status = documentOf<{ egress: Record<string, unknown>[] }>(await ferry(['status', plan, '--json']));
    const port = Number(new URL(server.endpoint).port);
    expect(status.egress).toEqual([
      {
        store: 'hamar',
        host: '127.0.0.1',
        address: '127.0.0.1',
        port,
        bytesIn: expect.any(Number),
        bytesOut: expect.any(Number),
        connections: expect.any(Number),
      },
    ]);
    const [row] = status.egress;
    expect(row?.['bytesOut']).toBeGreaterThan(500);
    expect(row?.['connections']).toBeGreaterThan(0);
    const doctor = await ferry(['doctor', plan], server.env);
    expect(doctor.code, doctor.stdout).toBe(0);
    expect(doctor.stdout).toMatch(
      /^observed 20.*: host 127\.0\.0\.1; addresses 127\.0\.0\.1; region us-east-1; pin sha256/m,
    );
    expect(doctor.stdout).toContain(`pin ${pin}`);
  });

  it('is refused at once where the server shows another key than the pinned ones', async () => {
    const dir = tempDir();
    const ca = makeCertificate(dir);
    let asked = 0;
    const other = createHttps({ cert: readFileSync(ca), key: readFileSync(join(dir, 'private.key')) }, (_in, out) => {
      asked += 1;
      out.end();
    });
    const { port, connections } = await listening(other);
    const { plan } = layOutTo(centre('users', { endpoint: `https://127.0.0.1:${port}`, ca, pin: [OTHER] }));
    const ended = await ferry(['run', plan, '--json'], server.env);
    expect(ended.code, ended.stderr).toBe(3);
    const { error } = documentOf<Refused>(ended);
    expect(error.why).toBe(`the server shows the key ${pinOfFile(ca)}, and the plan pins ${OTHER}`);
    expect(error.hint).toContain('stores.hamar.pin');
    expect([asked, connections()]).toEqual([0, 1]);
  });
});

describe('no byte leaves for where the plan does not say', () => {
  it('when a server sends requests on', async () => {
    const elsewhere = await listening(createServer());
    let asked = 0;
    const redirecting = await listening(
      createHttp((_in, out) => {
        asked += 1;
        out.writeHead(307, { location: `http://other.localhost:${elsewhere.port}/users` }).end();
      }),
    );
    const { plan } = layOutTo(centre('users', { endpoint: `http://127.0.0.1:${redirecting.port}`, ca: undefined }));
    const ended = await ferry(['run', plan, '--json'], server.env);
    expect(ended.code, ended.stderr).toBe(3);
    const { error } = documentOf<Refused>(ended);
    expect(error.why).toContain(`sends requests on to http://other.localhost:${elsewhere.port} (HTTP 307)`);
    expect(error.subject).toContain('hamar');
    expect([asked, elsewhere.connections()]).toEqual([1, 0]);
  });

  it('when AWS_ENDPOINT_URL names another server than AWS', async () => {
    const elsewhere = await listening(createServer());
    const { plan } = layOutTo(centre('users', { endpoint: undefined, ca: undefined, region: 'eu-north-1' }));
    for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3']) {
      const env = { ...server.env, [name]: `http://127.0.0.1:${elsewhere.port}` };
      const ended = await ferry(['run', plan, '--json'], env);
      expect(ended.code, ended.stderr).toBe(3);
      expect(documentOf<Refused>(ended).error.why).toContain(`${name} in the environment names another`);
    }
    expect(elsewhere.connections()).toBe(0);
  });

  it('when the shared configuration of AWS names another server', async () => {
    const elsewhere = await listening(createServer());
    const config = join(tempDir(), 'config');
    const url = `http://127.0.0.1:${elsewhere.port}`;
    writeFileSync(config, `[default]\nendpoint_url = ${url}\n[profile p]\nendpoint_url = ${url}\n`);
    const { plan } = layOutTo(centre('users', { endpoint: undefined, ca: undefined, region: 'eu-north-1' }));
    const env = { ...server.env, AWS_CONFIG_FILE: config, AWS_PROFILE: 'p' };
    const ended = await ferry(['run', plan, '--json'], env);
    expect(ended.code, ended.stderr).toBe(3);
    const { error } = documentOf<Refused>(ended);
    expect(error).toMatchObject({
      subject: expect.stringContaining('127.0.0.1:'),
      why: 'the store hamar is not there',
    });
    expect(elsewhere.connections()).toBe(0);
  });

  it('when the environment leads the search for credentials elsewhere', async () => {
    const elsewhere = await listening(createServer());
    const url = `http://127.0.0.1:${elsewhere.port}`;
    const { plan } = layOutTo(centre('users', { credentials: undefined }));
    const none = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' };
    const token = join(tempDir(), 'token');
    writeFileSync(token, 'e30.e30.x');
    const web = { AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/r', AWS_WEB_IDENTITY_TOKEN_FILE: token };
    for (const env of [
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: url },
      { AWS_EC2_METADATA_SERVICE_ENDPOINT: url },
      { AWS_ENDPOINT_URL_STS: url, ...web },
    ]) {
      const ended = await ferry(['run', plan, '--json'], { ...none, ...env });
      expect([3, 75], ended.stderr).toContain(ended.code);
    }
    expect(elsewhere.connections()).toBe(0);
  });

  it('when proxies stand in the environment, and the run goes on without them', async () => {
    const proxy = await listening(createServer());
    const bucket = await server.newBucket();
    const { plan } = layOutTo(centre(bucket));
    const url = `http://127.0.0.1:${proxy.port}`;
    const all = Object.fromEntries(
      ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'].map((name) => [name, url]),
    );
    const env = { ...server.env, ...all, NODE_USE_ENV_PROXY: '1', NO_PROXY: '', no_proxy: '' };
    const ended = await ferry(['run', plan], env);
    expect(ended.code, ended.stderr).toBe(0);
    expect(await keysIn(bucket)).toEqual(['users/NO/kari/a']);
    expect(proxy.connections()).toBe(0);
  });
});

it('finds credentials in a profile and by the default chain', async () => {
  const { FERRY_TEST_KEY: key = '', FERRY_TEST_SECRET: secret = '' } = server.env;
  const file = join(tempDir(), 'credentials');
  writeFileSync(file, `[p]\naws_access_key_id = ${key}\naws_secret_access_key = ${secret}\n`);
  const [byProfile, byChain] = [await server.newBucket(), await server.newBucket()];
  const profile = layOutTo(centre(byProfile, { credentials: { profile: 'p' } }));
  const chain = layOutTo(centre(byChain, { credentials: undefined }));
  const ended = [
    await ferry(['run', profile.plan, '--progress', 'none'], {
      AWS_SHARED_CREDENTIALS_FILE: file,
      AWS_CONFIG_FILE: '/dev/null',
    }),
    await ferry(['run', chain.plan, '--progress', 'none'], { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret }),
  ];
  expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  expect([await keysIn(byProfile), await keysIn(byChain)]).toEqual([['users/NO/kari/a'], ['users/NO/kari/a']]);
});

it('warns of credentials that a source and a centre at two servers share, and refuses them over the edge of the zone', async () => {
  await server.client.send(new PutObjectCommand({ Bucket: await server.newBucket(), Key: 'users/a', Body: 'x' }));
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }];
  const judge = async (jurisdiction: string) => {
    const legacy = centre('legacy', { endpoint: 'https://s3.legacy.example', ca: undefined, jurisdiction });
    const { plan } = layOut({ stores: { legacy, hamar: centre('users') }, partitions, exclude: [] }, {});
    const ended = await ferry(['validate', plan, '--json']);
    const { findings } = documentOf<{ findings: { rule: string; severity: string }[] }>(ended);
    return [ended.code, findings.flatMap(({ rule, severity }) => (rule === 'credentials' ? [severity] : []))];
  };
  expect(await judge('SG')).toEqual([3, ['error']]);
  expect(await judge('IE')).toEqual([0, ['warning']]);
});
