import { FerryError, messageOf } from '../../base/errors.ts';

/** How to reach a Temporal server. */
export interface TemporalServer {
  /** `HOST:PORT` */
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** Left out: nothing is encrypted on the way. */
  readonly tls?: TemporalTls | undefined;
  readonly apiKey?: string | undefined;
}

/** PEM texts. What is left out is as the system has it. */
export interface TemporalTls {
  readonly ca?: Uint8Array | undefined;
  readonly cert?: Uint8Array | undefined;
  readonly key?: Uint8Array | undefined;
  readonly serverName?: string | undefined;
}

/** Host and port of an address. @throws FerryError `usage`. */
export function placeOf(address: string): { readonly host: string; readonly port: number } {
  const url = URL.canParse(`tcp://${address}`) ? new URL(`tcp://${address}`) : undefined;
  if (url !== undefined && url.port !== '' && url.pathname === '' && url.username === '')
    return { host: url.hostname, port: Number(url.port) };
  throw new FerryError({
    fault: 'usage',
    op: 'reach Temporal',
    subject: `--address ${address}`,
    why: 'it is no host and port',
    hint: 'give one such as 127.0.0.1:7233',
  });
}

/** As both of Temporal's kinds of connections take it. */
export function connectionOptions({ address, tls, apiKey }: TemporalServer) {
  const pair = tls?.cert === undefined || tls.key === undefined ? undefined : { crt: tls.cert, key: tls.key };
  return {
    address,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls.serverName === undefined ? {} : { serverNameOverride: tls.serverName }),
            ...(tls.ca === undefined ? {} : { serverRootCACertificate: Buffer.from(tls.ca) }),
            ...(pair === undefined
              ? {}
              : { clientCertPair: { crt: Buffer.from(pair.crt), key: Buffer.from(pair.key) } }),
          },
        }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

export function serverOutOfReach({ address }: TemporalServer, error: unknown): FerryError {
  return new FerryError({
    fault: 'unreachable',
    op: 'reach Temporal',
    subject: address,
    why: messageOf(error),
    hint: 'see that the server is there and the address is right, then run again to go on; nothing is lost',
    cause: error,
  });
}
