import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { fromIni } from '@aws-sdk/credential-providers';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { FerryError } from '../../base/errors.ts';
import type { CredentialsSpec, S3StoreSpec } from '../../plan/types.ts';
import { sendsExpires } from './attributes.ts';
import { TrustingHandler, trustingAgent } from './trust.ts';

const nothing = (): void => undefined;
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

type Env = Readonly<Record<string, string | undefined>>;

/** More than any plan's concurrency, so that the pool is never the limit. */
const SOCKETS = 2_048;

/**
 * A client for one bucket. It tries each request once: retries are the engine's, which knows what a lost answer may have done. Off
 * AWS, checksums beyond those asked for are left out, since not every server knows them.
 */
export function makeClient(spec: S3StoreSpec, env: Env): S3Client {
  const config: S3ClientConfig = {
    region: spec.region,
    forcePathStyle: spec.pathStyle ?? spec.endpoint !== undefined,
    maxAttempts: 1,
    // The SDK would warn on the console by itself; what goes wrong is in the error, and told from there.
    logger: SILENT,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: handlerOf(spec, env),
  };
  if (spec.endpoint !== undefined) config.endpoint = spec.endpoint;
  const credentials = credentialsOf(spec.name, spec.credentials, env);
  if (credentials !== undefined) config.credentials = credentials;
  const client = sendsExpires(new S3Client(config));
  return spec.encryption?.type === 'SSE-C' ? keepsKeys(client, spec.name) : client;
}

/** The plan names no http:// endpoint beside SSE-C, but the SDK takes one from AWS_ENDPOINT_URL where the plan names none at all. */
function keepsKeys(client: S3Client, store: string): S3Client {
  client.middlewareStack.add(
    (next) => async (args) => {
      const { protocol } = args.request as { readonly protocol?: string };
      if (protocol !== 'https:')
        throw new FerryError({
          fault: 'usage',
          op: 'send a request',
          subject: store,
          why: 'its encryption SSE-C needs https, and the AWS configuration names another endpoint (AWS_ENDPOINT_URL)',
          hint: `unset it, or name an https:// endpoint in stores.${store}`,
        });
      return await next(args);
    },
    { step: 'build', name: 'ferryKeepsKeys' },
  );
  return client;
}

function handlerOf(spec: S3StoreSpec, env: Env): NodeHttpHandler {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0' && spec.endpoint?.startsWith('http://') !== true)
    throw new FerryError({
      fault: 'usage',
      op: 'open a connection',
      subject: spec.name,
      why: 'NODE_TLS_REJECT_UNAUTHORIZED=0 would take any server for this one',
      hint: `unset it; for a certificate of an authority of your own, set \`ca: FILE\` in stores.${spec.name}`,
    });
  const options = {
    connectionTimeout: 10_000,
    // How long a socket may be silent; a body may take as long as it likes.
    socketTimeout: 120_000,
    httpAgent: { keepAlive: true, maxSockets: SOCKETS },
  };
  if (spec.ca !== undefined) return new TrustingHandler(trustingAgent(spec.name, spec.ca, SOCKETS), options);
  return new NodeHttpHandler({ ...options, httpsAgent: { keepAlive: true, maxSockets: SOCKETS } });
}

function credentialsOf(store: string, spec: CredentialsSpec, env: Env): S3ClientConfig['credentials'] {
  switch (spec.from) {
    case 'default':
      return undefined;
    case 'profile':
      return fromIni({ profile: spec.profile });
    case 'env': {
      const accessKeyId = variable(store, env, spec.accessKeyIdEnv);
      const secretAccessKey = variable(store, env, spec.secretAccessKeyEnv);
      if (spec.sessionTokenEnv === undefined) return { accessKeyId, secretAccessKey };
      return { accessKeyId, secretAccessKey, sessionToken: variable(store, env, spec.sessionTokenEnv) };
    }
  }
}

function variable(store: string, env: Env, name: string): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  throw new FerryError({
    fault: 'usage',
    op: 'find the credentials',
    subject: store,
    why: `the environment variable ${name} is not set`,
    hint: `set ${name}, or name another one in stores.${store}.credentials`,
  });
}
