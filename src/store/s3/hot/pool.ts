import { buildConnector, Pool } from 'undici';

/** How connections to one server are made, and what is told of them. */
export interface PoolOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  /** As `net.connect` and `tls.connect` take them: trust, pins, and whose the connection is. */
  readonly connect: buildConnector.BuildOptions;
  /** How long a connection may take to come about, in milliseconds. */
  readonly connectMs: number;
  /** How long the server may be silent, in milliseconds. */
  readonly silenceMs: number;
  /** Told of the address of each new connection's other end. */
  readonly connected: (address: string | undefined) => void;
}

/** A connection that nobody uses is kept for this long, in milliseconds: servers close theirs after five seconds and more. */
const IDLE_MS = 4_000;

/** Connections to one server, kept open between requests. Each has one request at a time; there are as many as are asked for at once. */
export function makePool({ origin, connect, connectMs, silenceMs, connected }: PoolOptions): Pool {
  const connector = buildConnector({ ...connect, allowH2: false, timeout: connectMs });
  return new Pool(origin, {
    connections: null,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: IDLE_MS,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    connect: (options, callback) =>
      connector(options, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        connected(socket.remoteAddress);
        callback(null, socket);
      }),
  });
}
