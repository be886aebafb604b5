import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { Dice } from './dice.ts';
import type { FaultRates } from './scenario.ts';

export type FaultKind = 'late' | 'resetBefore' | 'resetAfter' | 'cut' | 'slowDown' | 'flipSent' | 'flipGiven' | 'full';

export interface FaultProxyOptions {
  /** `http://127.0.0.1:PORT`; asked anew for each request, since a server that was started again may have moved. */
  readonly target: () => string;
  readonly seed: string;
  /** Buckets whose answers may be damaged on their way; what is read of the others has no other proof than their transport. */
  readonly centres: ReadonlySet<string>;
}

/**
 * Stands between ferry and a throw-away server and breaks what a network, and a server behind it, can break. The n-th request gets the
 * n-th throw of the dice: the same seed and the same order of requests give the same faults. (The order is the scheduler's.)
 */
export class FaultProxy {
  readonly #options: FaultProxyOptions;
  readonly #dice: Dice;
  readonly #server: Server;
  readonly #done = new Map<FaultKind, number>();
  #rates: FaultRates | undefined;
  #endpoint = '';

  private constructor(options: FaultProxyOptions) {
    this.#options = options;
    this.#dice = new Dice(`${options.seed}/faults`);
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing));
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    const address = proxy.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port was given');
    proxy.#endpoint = `http://127.0.0.1:${address.port}`;
    return proxy;
  }

  get endpoint(): string {
    return this.#endpoint;
  }

  /** How often each fault was really made. */
  get done(): ReadonlyMap<FaultKind, number> {
    return this.#done;
  }

  disturb(rates: FaultRates | undefined): void {
    this.#rates = rates;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const rates = this.#rates;
    if (rates === undefined) {
      this.#forward(incoming, outgoing, undefined, undefined);
      return;
    }
    const kind = this.#draw(incoming, rates);
    const where = this.#dice.share();
    if (kind !== undefined) this.#done.set(kind, (this.#done.get(kind) ?? 0) + 1);
    if (kind === 'late') {
      const timer = setTimeout(() => this.#forward(incoming, outgoing, undefined, where), where * rates.latencyMs);
      outgoing.once('close', () => clearTimeout(timer));
    } else if (kind === 'resetBefore') incoming.socket.destroy();
    else if (kind === 'slowDown') refuse(incoming, outgoing, 503, 'SlowDown', 'Please reduce your request rate.');
    else if (kind === 'full')
      refuse(
        incoming,
        outgoing,
        507,
        'XMinioStorageFull',
        'Storage backend has reached its minimum free drive threshold.',
      );
    else this.#forward(incoming, outgoing, kind, where);
  }

  #draw({ method, url = '/' }: IncomingMessage, rates: FaultRates): FaultKind | undefined {
    let at = this.#dice.below(1_000);
    const fitting: readonly (readonly [FaultKind, number])[] = [
      ['late', rates.late],
      ['resetBefore', rates.resetBefore],
      ['resetAfter', rates.resetAfter],
      ['cut', method === 'GET' ? rates.cut : 0],
      ['slowDown', rates.slowDown],
      ['full', method === 'PUT' ? rates.full : 0],
      ['flipSent', method === 'PUT' ? rates.flip : 0],
      ['flipGiven', method === 'GET' && this.#isObjectAtCentre(url) ? rates.flip : 0],
    ];
    for (const [kind, rate] of fitting) {
      if (at < rate) return kind;
      at -= rate;
    }
    return undefined;
  }

  #isObjectAtCentre(url: string): boolean {
    const [path = '', query = ''] = url.split('?');
    const [, bucket = '', key = ''] = path.split('/');
    return (
      key !== '' && this.#options.centres.has(bucket) && !/(^|&)(tagging|uploadId|retention|legal-hold)/.test(query)
    );
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse, kind: FaultKind | undefined, where = 0): void {
    const { hostname, port } = new URL(this.#options.target());
    const { method, headers, url: path } = incoming;
    const onward = request({ hostname, port, method, headers, path }, (answer) => {
      answer.on('error', () => outgoing.destroy());
      if (kind === 'resetAfter') {
        answer.resume();
        answer.once('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      const size = Number(answer.headers['content-length'] ?? 0);
      if (kind === 'cut' && size > 1)
        answer.pipe(cutAt(Math.floor(where * size), () => incoming.socket.destroy())).pipe(outgoing);
      else if (kind === 'flipGiven' && answer.statusCode === 200)
        answer.pipe(flipAt(Math.floor(where * size))).pipe(outgoing);
      else answer.pipe(outgoing);
    });
    onward.on('error', () => incoming.socket.destroy());
    // Who is killed in the middle of a request takes its other half along.
    incoming.on('error', () => onward.destroy());
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) onward.destroy();
    });
    const sent = Number(headers['content-length'] ?? 0);
    if (kind === 'flipSent' && sent > 0) incoming.pipe(flipAt(Math.floor(where * sent))).pipe(onward);
    else incoming.pipe(onward);
  }
}

function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  status: number,
  code: string,
  message: string,
): void {
  incoming.resume();
  incoming.once('end', () => {
    outgoing
      .writeHead(status, { 'content-type': 'application/xml' })
      .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
  });
}

/** Turns one bit of the byte at an offset over. */
function flipAt(offset: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const at = offset - seen;
      seen += chunk.length;
      if (at < 0 || at >= chunk.length) return done(null, chunk);
      const changed = Buffer.from(chunk);
      changed[at] = (changed[at] ?? 0) ^ 1;
      done(null, changed);
    },
  });
}

function cutAt(offset: number, cut: () => void): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const left = offset - seen;
      seen += chunk.length;
      if (left >= chunk.length) return done(null, chunk);
      this.push(chunk.subarray(0, Math.max(0, left)));
      setImmediate(cut);
    },
  });
}
