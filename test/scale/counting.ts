import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';

export interface Counting {
  readonly endpoint: string;
  /** How often the server has done something of a kind with success: a method and the beginning of a path. */
  count(method: string, path: string): number;
  /** Bytes of bodies that went to the server, of requests of a kind. */
  bytes(method: string, path: string): number;
  close(): void;
}

/** Stands between workers and a server, and counts what it did. */
export async function counting(target: string): Promise<Counting> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const counts = new Map<string, number>();
  const bytes = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    const kind = `${method} ${url.split('/', 3).join('/')}`;
    bytes.set(kind, (bytes.get(kind) ?? 0) + Number(headers['content-length'] ?? 0));
    const onward = request({ hostname, port, method, path: url, headers, agent }, (answer) => {
      if ((answer.statusCode ?? 500) < 300) counts.set(kind, (counts.get(kind) ?? 0) + 1);
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    // A client that was killed leaves in the middle.
    onward.on('error', () => outgoing.destroy());
    incoming.on('error', () => onward.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    count: (method, path) => counts.get(`${method} ${path}`) ?? 0,
    bytes: (method, path) => bytes.get(`${method} ${path}`) ?? 0,
    close: () => {
      server.closeAllConnections();
      server.close();
      agent.destroy();
    },
  };
}
