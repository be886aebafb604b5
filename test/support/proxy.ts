import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { onTestFinished } from 'vitest';

export interface CountingProxy {
  readonly endpoint: string;
  /** `PUT /bucket/key` to how often the server answered it with success. */
  readonly done: ReadonlyMap<string, number>;
}

/** Stands between ferry and a server and counts what it did, so that a test need not believe ferry's own counts. */
export async function countingProxy(target: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  const done = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url: path } = incoming;
    const onward = request({ hostname, port, method, headers, path }, (answer) => {
      const name = `${method} ${path?.split('?')[0]}`;
      if ((answer.statusCode ?? 500) < 300) done.set(name, (done.get(name) ?? 0) + 1);
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    onward.on('error', () => outgoing.destroy());
    // Who is killed in the middle of a request takes its other half along.
    incoming.on('error', () => onward.destroy());
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) onward.destroy();
    });
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return { endpoint: `http://127.0.0.1:${address.port}`, done };
}
