import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface CountingProxy {
  readonly endpoint: string;
  /** `PUT /bucket/key` to how often the server answered it with success. */
  readonly done: ReadonlyMap<string, number>;
  /** How many requests were under way, this one included, as each arrived; and how many were told to slow down. */
  readonly widths: readonly number[];
  readonly slowed: () => number;
  /** The same names to the bytes of bodies that ferry sent, and that it was given; of all requests. */
  readonly sent: ReadonlyMap<string, number>;
  readonly given: ReadonlyMap<string, number>;
}

export interface ProxyOptions {
  /** Called when the server has done something and before its client hears of it: it waits for a promise. */
  readonly heard?: (name: string) => void | Promise<void>;
  /** Requests that are answered `501 Not Implemented` and do not reach the server. */
  readonly refuses?: (headers: IncomingHttpHeaders) => boolean;
  /** Answers `503 SlowDown` where more than so many requests are under way. */
  readonly atMost?: number;
  /** Answers `503 SlowDown` while this is true. */
  readonly storms?: () => boolean;
  /** Told of bytes of a body that ferry was given, as they come. */
  readonly gave?: (name: string, bytes: number) => void;
  /** Changes the answer to a listing of objects or versions. */
  readonly listing?: (body: string) => string;
}

/** Stands between ferry and a server and counts what it did, so that a test need not believe ferry's own counts. */
export async function countingProxy(target: string, options: ProxyOptions = {}): Promise<CountingProxy> {
  const { hostname, port } = new URL(target);
  const counts = new Map<string, number>();
  const sent = new Map<string, number>();
  const given = new Map<string, number>();
  const widths: number[] = [];
  let underWay = 0;
  let slowed = 0;
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url: path } = incoming;
    const name = `${method} ${path?.split('?')[0]}`;
    if (options.refuses?.(headers) === true) {
      incoming.resume();
      outgoing.writeHead(501).end('<Error><Code>NotImplemented</Code><Message>not here</Message></Error>');
      return;
    }
    underWay += 1;
    widths.push(underWay);
    outgoing.once('close', () => {
      underWay -= 1;
    });
    if (underWay > (options.atMost ?? Number.POSITIVE_INFINITY) || options.storms?.() === true) {
      slowed += 1;
      incoming.resume();
      incoming.once('end', () => {
        outgoing
          .writeHead(503)
          .end('<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>');
      });
      return;
    }
    const counted = (to: Map<string, number>) => (chunk: Buffer) => to.set(name, (to.get(name) ?? 0) + chunk.length);
    incoming.on('data', counted(sent));
    const onward = request({ hostname, port, method, headers, path }, (answer) => {
      const done = (answer.statusCode ?? 500) < 300;
      if (done) counts.set(name, (counts.get(name) ?? 0) + 1);
      const waits = done ? options.heard?.(name) : undefined;
      if (options.listing !== undefined && method === 'GET' && /[?&](versions|list-type)/.test(path ?? '')) {
        void text(answer).then((body) => {
          const { 'content-length': _, ...headers } = answer.headers;
          outgoing.writeHead(answer.statusCode ?? 502, headers);
          outgoing.end(options.listing?.(body));
        });
        return;
      }
      const pass = (): void => {
        answer.on('data', counted(given));
        answer.on('data', (chunk: Buffer) => options.gave?.(name, chunk.length));
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      };
      answer.on('error', () => outgoing.destroy());
      if (waits === undefined) pass();
      else waits.then(pass, (error: Error) => outgoing.destroy(error));
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
  return { endpoint: `http://127.0.0.1:${address.port}`, done: counts, sent, given, widths, slowed: () => slowed };
}
