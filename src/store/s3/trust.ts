import type { IncomingMessage } from 'node:http';
import { Agent, request as overHttps, type RequestOptions } from 'node:https';
import { Readable } from 'node:stream';
import { createSecureContext, getCACertificates } from 'node:tls';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { readCertificates } from '../../base/certificates.ts';
import { FerryError, messageOf } from '../../base/errors.ts';

/**
 * The authorities of a store's `ca` beside those that Node trusts anyway (`NODE_EXTRA_CA_CERTS` included), for this agent's
 * connections alone. They are read once, not with each connection.
 *
 * @throws FerryError `usage` where the file holds none.
 */
export function trustingAgent(store: string, file: string, maxSockets: number): Agent {
  let own: readonly string[];
  try {
    own = readCertificates(file);
  } catch (error) {
    throw new FerryError({
      fault: 'usage',
      op: 'read the certificate authorities',
      subject: `stores.${store}.ca (${file})`,
      why: messageOf(error),
      hint: "name a PEM file with the certificate of the authority that signed the server's",
      cause: error,
    });
  }
  const secureContext = createSecureContext({ ca: [...getCACertificates('default'), ...own] });
  return new Agent({ keepAlive: true, maxSockets, secureContext, rejectUnauthorized: true });
}

type Handle = NodeHttpHandler['handle'];
type Request = Parameters<Handle>[0];
type Answer = Awaited<ReturnType<Handle>>;

/** How long a server may take to say that it wants the body; then it is sent all the same (RFC 9110, 10.1.1). Milliseconds. */
const CONTINUE_MS = 6_000;

/**
 * Requests over an agent with a trust of its own. The SDK waits for "100 Continue" before a large body only on agents that it makes
 * itself, and those trust none but the known authorities; without the wait, a server that refuses closes the connection while the
 * body is on its way, and its answer is lost. So these requests are made here.
 */
export class TrustingHandler extends NodeHttpHandler {
  readonly #agent: Agent;
  readonly #connectMs: number;
  readonly #silenceMs: number;

  constructor(
    agent: Agent,
    options: NodeHttpHandlerOptions & { readonly connectionTimeout: number; readonly socketTimeout: number },
  ) {
    super({ ...options, httpsAgent: agent });
    this.#agent = agent;
    this.#connectMs = options.connectionTimeout;
    this.#silenceMs = options.socketTimeout;
  }

  override async handle(request: Request, options: Parameters<Handle>[1] = {}): Promise<Answer> {
    const { headers } = request;
    const waits = (headers['Expect'] ?? headers['expect']) === '100-continue';
    if (!waits || request.protocol !== 'https:') return await super.handle(request, options);
    return await this.#waiting(request, options.abortSignal as AbortSignal | undefined);
  }

  #waiting(request: Request, signal: AbortSignal | undefined): Promise<Answer> {
    const { hostname, port, method, headers } = request;
    const to: RequestOptions = { hostname, method, headers, path: pathOf(request), agent: this.#agent };
    if (port !== undefined) to.port = port;
    if (signal !== undefined) to.signal = signal;
    return new Promise((resolve, reject) => {
      const asked = overHttps(to);
      let sent = false;
      const send = (): void => {
        clearTimeout(timer);
        if (sent) return;
        sent = true;
        if (request.body instanceof Readable) request.body.pipe(asked);
        else asked.end(request.body);
      };
      const timer = setTimeout(send, CONTINUE_MS);
      asked.once('continue', send);
      asked.once('response', (answer) => {
        clearTimeout(timer);
        // A body that was never asked for leaves the connection in the middle of a request.
        if (!sent) answer.once('close', () => asked.destroy());
        resolve({ response: responseOf(answer) });
      });
      asked.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      asked.setTimeout(this.#silenceMs, () => asked.destroy(late(`the server was silent for ${this.#silenceMs} ms`)));
      asked.once('socket', (socket) => {
        if (!socket.connecting) return;
        const slow = setTimeout(
          () => asked.destroy(late(`no connection within ${this.#connectMs} ms`)),
          this.#connectMs,
        );
        for (const event of ['secureConnect', 'close']) socket.once(event, () => clearTimeout(slow));
      });
      asked.flushHeaders();
    });
  }
}

/** As it was signed: names in order, and everything escaped but RFC 3986's unreserved characters. */
function pathOf({ path, query = {} }: Request): string {
  const pairs = Object.keys(query)
    .toSorted()
    .flatMap((name) => {
      const value = query[name];
      const values = Array.isArray(value) ? value : [value];
      return values.map((one) =>
        one === null || one === undefined ? escaped(name) : `${escaped(name)}=${escaped(one)}`,
      );
    });
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function responseOf(answer: IncomingMessage): Answer['response'] {
  const headers = Object.entries(answer.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  const { statusCode = 0, statusMessage = '' } = answer;
  return { statusCode, reason: statusMessage, headers: Object.fromEntries(headers), body: answer };
}

function late(why: string): Error {
  return Object.assign(new Error(why), { name: 'TimeoutError' });
}
