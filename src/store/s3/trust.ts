import { Agent as HttpAgent, type IncomingMessage, request as overHttp } from 'node:http';
import { Agent, request as overHttps, type RequestOptions } from 'node:https';
import { Readable } from 'node:stream';
import { type ConnectionOptions, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';
import { readCertificates } from '../../base/certificates.ts';
import { connectionsOf } from '../../base/egress.ts';
import { FerryError, messageOf } from '../../base/errors.ts';
import type { S3StoreSpec } from '../../plan/types.ts';
import { boundedAnswer } from './bounded-answer.ts';
import { identityCheck } from './pin.ts';

/** What makes connections to one store, and to no other: over http (to the loopback alone), and over https. */
export interface StoreAgents {
  readonly http: HttpAgent;
  readonly https: Agent;
  /** What every connection of the store is made with, for who makes one without an agent. */
  readonly connect: Pick<ConnectionOptions, 'secureContext' | 'rejectUnauthorized' | 'checkServerIdentity'>;
}

/**
 * A store's own agents. Its server's certificate must verify, by the authorities of `ca` beside those that Node trusts anyway
 * (`NODE_EXTRA_CA_CERTS` included), and show a pinned key where keys are pinned. The file is read once, not with each connection.
 *
 * @param shown told of the pin of each new connection's certificate.
 * @throws FerryError `usage` where `ca` holds no certificates.
 */
export function agentsOf(
  { name, ca, pin }: Pick<S3StoreSpec, 'name' | 'ca' | 'pin'>,
  maxSockets: number,
  shown: (pin: string) => void = () => undefined,
): StoreAgents {
  const options = { keepAlive: true, maxSockets, ...connectionsOf(name) };
  const authorities = ca === undefined ? {} : { secureContext: trusting(name, ca) };
  const checkServerIdentity = identityCheck(name, pin, shown);
  const trust = { ...authorities, rejectUnauthorized: true, checkServerIdentity };
  return {
    http: new HttpAgent(options),
    https: new Agent({ ...options, ...trust }),
    connect: { ...connectionsOf(name), ...trust },
  };
}

function trusting(store: string, file: string): SecureContext {
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
  return createSecureContext({ ca: [...getCACertificates('default'), ...own] });
}

type Handle = NodeHttpHandler['handle'];
type Request = Parameters<Handle>[0];
type Answer = Awaited<ReturnType<Handle>>;

/** How long a server may take to say that it wants the body; then it is sent all the same (RFC 9110, 10.1.1). Milliseconds. */
const CONTINUE_MS = 6_000;

/**
 * Requests over a store's own agents. The SDK waits for "100 Continue" before a large body only on agents that it makes itself, and
 * those know neither the store's trust nor where its connections may go; without the wait, a server that refuses closes the connection
 * while the body is on its way, and its answer is lost. So these requests are made here.
 */
export class TrustingHandler extends NodeHttpHandler {
  readonly #agents: StoreAgents;
  readonly #connectMs: number;
  readonly #silenceMs: number;

  constructor(
    agents: StoreAgents,
    options: NodeHttpHandlerOptions & { readonly connectionTimeout: number; readonly socketTimeout: number },
  ) {
    super({ ...options, httpAgent: agents.http, httpsAgent: agents.https });
    this.#agents = agents;
    this.#connectMs = options.connectionTimeout;
    this.#silenceMs = options.socketTimeout;
  }

  override async handle(request: Request, options: Parameters<Handle>[1] = {}): Promise<Answer> {
    const { headers } = request;
    const waits = (headers['Expect'] ?? headers['expect']) === '100-continue';
    if (!waits) return boundedAnswer(request, await super.handle(request, options));
    return await this.#waiting(request, options.abortSignal as AbortSignal | undefined);
  }

  #waiting(request: Request, signal: AbortSignal | undefined): Promise<Answer> {
    const { hostname, port, method, headers } = request;
    const isPlain = request.protocol === 'http:';
    const agent = isPlain ? this.#agents.http : this.#agents.https;
    const to: RequestOptions = { hostname, method, headers, path: pathOf(request), agent };
    if (port !== undefined) to.port = port;
    if (signal !== undefined) to.signal = signal;
    return new Promise((resolve, reject) => {
      const asked = isPlain ? overHttp(to) : overHttps(to);
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
        for (const event of [isPlain ? 'connect' : 'secureConnect', 'close'])
          socket.once(event, () => clearTimeout(slow));
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
