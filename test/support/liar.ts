import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

/** What a lying server does with one answer: `true` when it has dealt with it. */
export type Lie = (asked: IncomingMessage, answer: IncomingMessage, told: ServerResponse) => boolean;

/** Answers a request without asking the server: `true` when it has. */
export type Refusal = (asked: IncomingMessage, told: ServerResponse) => boolean;

/** Stands between ferry and a real server, keeps from it the requests that `refuse` takes, and tampers with answers that `lie` takes. */
export async function liar(target: string, lie: Lie, refuse: Refusal = () => false): Promise<string> {
  const { hostname, port } = new URL(target);
  const server = createServer((asked, told) => {
    if (refuse(asked, told)) {
      asked.resume();
      return;
    }
    const { method, headers, url: path } = asked;
    const onward = request({ hostname, port, method, headers, path }, (answer) => {
      if (lie(asked, answer, told)) return;
      told.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(told);
    });
    onward.on('error', () => told.destroy());
    asked.on('error', () => onward.destroy());
    // Who is killed in the middle of an answer takes its other half along: MinIO locks an object while it is read.
    told.on('close', () => {
      if (!told.writableFinished) onward.destroy();
    });
    asked.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return `http://127.0.0.1:${address.port}`;
}
