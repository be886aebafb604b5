import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface CountingProxy {
  readonly endpoint: string;
  /** `PUT /bucket/key` to how often the server answered it with success. */
  readonly done: ReadonlyMap<string, number>;
  /** The same names to the bytes of bodies that ferry sent, and that it was given; of all requests. */
  readonly sent: ReadonlyMap<string, number>;
  readonly given: ReadonlyMap<string, number>;
}

export interface ProxyOptions {
  /** Called when the server has done something and before its client hears of it. */
  readonly heard?: (name: string) => void;
  /** Changes the answer to a listing of objects or versions. */
  readonly listing?: (body: string) => string;
}

/** Stands between ferry and a server and counts what it did, so that a test need not believe ferry's own counts. */
export async function countingProxy(target: string, options: ProxyOptions = {}): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  const done = new Map<string, number>();
  const sent = new Map<string, number>();
  const given = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url: path } = incoming;
    const name = `${method} ${path?.split('?')[0]}`;
    const counted = (to: Map<string, number>) => (chunk: Buffer) => to.set(name, (to.get(name) ?? 0) + chunk.length);
    incoming.on('data', counted(sent));
    const onward = request({ hostname, port, method, headers, path }, (answer) => {
      if ((answer.statusCode ?? 500) < 300) {
        done.set(name, (done.get(name) ?? 0) + 1);
        options.heard?.(name);
      }
      if (options.listing !== undefined && method === 'GET' && /[?&](versions|list-type)/.test(path ?? '')) {
        void text(answer).then((body) => {
          const { 'content-length': _, ...headers } = answer.headers;
          outgoing.writeHead(answer.statusCode ?? 502, headers);
          outgoing.end(options.listing?.(body));
        });
        return;
      }
      answer.on('data', counted(given));
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
  return { endpoint: `http://127.0.0.1:${address.port}`, done, sent, given };
}
