import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { FerryError, messageOf } from '../base/errors.ts';
import { placeOf, type TemporalServer, type TemporalTls } from '../engine/temporal/connection.ts';
import type { Io } from './io.ts';

/** How to reach a Temporal server: of the commands that do. */
export interface TemporalOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly taskQueue?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
  readonly apiKeyEnv?: string;
}

export function withTemporal(command: Command): Command {
  return command
    .option('--address <host:port>', 'of the Temporal server (or TEMPORAL_ADDRESS; default: 127.0.0.1:7233)')
    .option('--namespace <name>', 'at the Temporal server (or TEMPORAL_NAMESPACE; default: default)')
    .option('--task-queue <name>', 'that workers take their work from (default: ferry)')
    .option('--tls', 'reach the Temporal server by TLS; the next four imply it')
    .option('--tls-ca <file>', 'authorities that it may have its certificate from (PEM)')
    .option('--tls-cert <file>', 'certificate to show to it (PEM)')
    .option('--tls-key <file>', 'key of that certificate (PEM)')
    .option('--tls-server-name <name>', 'name that its certificate must have')
    .option('--api-key-env <name>', 'environment variable with an API key (default: TEMPORAL_API_KEY); needs TLS');
}

/**
 * The server that is meant, also where nothing is connected to yet; connections of no store may go there from now on.
 *
 * @throws FerryError `usage`.
 */
export function temporalServer(options: TemporalOptions, io: Io): TemporalServer {
  const { env } = io;
  const address = options.address ?? env['TEMPORAL_ADDRESS'] ?? '127.0.0.1:7233';
  const { host, port } = placeOf(address);
  io.egress.allow(undefined, [{ host, port }]);
  const tls = tlsOf(options);
  const variable = options.apiKeyEnv ?? 'TEMPORAL_API_KEY';
  const apiKey = env[variable];
  if (options.apiKeyEnv !== undefined && (apiKey ?? '') === '')
    throw wrong(`--api-key-env ${variable}`, 'there is no such variable, or it is empty', 'set it to the API key');
  if (apiKey !== undefined && apiKey !== '' && tls === undefined)
    throw wrong(variable, 'an API key is sent only by TLS, or anyone on the way could read it', 'give --tls');
  return {
    address,
    namespace: options.namespace ?? env['TEMPORAL_NAMESPACE'] ?? 'default',
    taskQueue: options.taskQueue ?? 'ferry',
    ...(tls === undefined ? {} : { tls }),
    ...(apiKey === undefined || apiKey === '' ? {} : { apiKey }),
  };
}

function tlsOf({ tls, tlsCa, tlsCert, tlsKey, tlsServerName }: TemporalOptions): TemporalTls | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw wrong('--tls-cert and --tls-key', 'one is given without the other', 'give both or none');
  if (tls !== true && [tlsCa, tlsCert, tlsServerName].every((one) => one === undefined)) return undefined;
  return {
    ...(tlsCa === undefined ? {} : { ca: readPem(tlsCa) }),
    ...(tlsCert === undefined ? {} : { cert: readPem(tlsCert) }),
    ...(tlsKey === undefined ? {} : { key: readPem(tlsKey) }),
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
  };
}

function readPem(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw wrong(file, messageOf(error), 'see that the path is right');
  }
}

function wrong(subject: string, why: string, hint: string): FerryError {
  return new FerryError({ fault: 'usage', op: 'reach Temporal', subject, why, hint });
}
