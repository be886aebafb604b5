import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3StoreSpec } from '../../src/plan/types.ts';

export interface HostileAnswer {
  readonly status: number;
  /** Written to the socket as they are, each once for every time it stands here. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** Says that the body has as many bytes; left out, as many as it has. */
  readonly length?: string | undefined;
}

type Handler = (asked: IncomingMessage, told: ServerResponse) => HostileAnswer | undefined;

export interface HostileServer extends AsyncDisposable {
  readonly spec: S3StoreSpec;
  /** How an opened store's requests are answered; `undefined` from it means that it has answered itself. */
  answer: Handler;
}

/** A server that opens as a bucket, and says whatever it is told to afterwards. */
export async function hostileServer(options: { readonly versioned: boolean }): Promise<HostileServer> {
  const server = createServer((asked, told) => {
    asked.resume();
    asked.on('error', () => undefined);
    told.on('error', () => undefined);
    const opening = openingAnswer(asked, options.versioned);
    const answer = opening ?? hostile.answer(asked, told);
    if (answer !== undefined) write(answer, told);
  });
  server.on('clientError', (_, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const spec: S3StoreSpec = {
    name: 's',
    type: 's3',
    jurisdiction: 'NO',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    bucket: 'users',
    prefix: 'p/',
    encryption: undefined,
    pathStyle: undefined,
    credentials: { from: 'env', accessKeyIdEnv: 'K', secretAccessKeyEnv: 'S', sessionTokenEnv: undefined },
  };
  const hostile: HostileServer = {
    spec,
    answer: () => ({ status: 500, headers: [], body: Buffer.of() }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return hostile;
}

function openingAnswer({ method, url = '' }: IncomingMessage, versioned: boolean): HostileAnswer | undefined {
  const xml = (text: string): HostileAnswer => ({ status: 200, headers: [], body: Buffer.from(text) });
  const headers = [['x-amz-bucket-region', 'us-east-1']] as const;
  if (method === 'HEAD' && /^\/users\/?(\?|$)/.test(url)) return { status: 200, headers, body: Buffer.of() };
  if (/[?&]versioning/.test(url))
    return xml(`<VersioningConfiguration>${versioned ? '<Status>Enabled</Status>' : ''}</VersioningConfiguration>`);
  if (/[?&]object-lock/.test(url))
    return { ...xml('<Error><Code>ObjectLockConfigurationNotFoundError</Code></Error>'), status: 404 };
  return undefined;
}

/** Past what `node:http` would refuse to send. */
function write({ status, headers, body, length }: HostileAnswer, told: ServerResponse): void {
  const { socket } = told;
  if (socket === null) return;
  const lines = [
    `content-length: ${length ?? body.byteLength}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.write(Buffer.from(`HTTP/1.1 ${status} x\r\nconnection: close\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'));
  socket.end(told.req.method === 'HEAD' ? '' : body);
}
