import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { fromIni, fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { FerryError } from '../../base/errors.ts';
import { keepSecret } from '../../base/secrets.ts';
import type { S3StoreSpec } from '../../plan/types.ts';
import { sendsExpires } from './attributes.ts';
import { hastened } from './hot/hasten.ts';
import { Sighting } from './sighting.ts';
import { agentsOf, type StoreAgents, TrustingHandler } from './trust.ts';

const nothing = (): void => undefined;
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

type Credentials = NonNullable<S3ClientConfig['credentials']>;
type Env = Readonly<Record<string, string | undefined>>;

/** More than any plan's concurrency, so that the pool is never the limit. */
const SOCKETS = 2_048;

/**
 * A client for one bucket. It tries each request once: retries are the engine's, which knows what a lost answer may have done. Off
 * AWS, checksums beyond those asked for are left out, since not every server knows them. Its connections are this store's, and follow
 * no redirect; `sighting` is told what its server shows.
 *
 * @throws FerryError `usage` where credentials are not to be found; `refused` where the environment names another endpoint.
 */
export function makeClient(spec: S3StoreSpec, env: Env, sighting = new Sighting(spec)): S3Client {
  if (spec.endpoint === undefined) refuseOtherEndpoint(spec.name, env);
  const agents = agentsFor(spec, env, sighting);
  const config: S3ClientConfig = {
    region: spec.region,
    forcePathStyle: spec.pathStyle ?? spec.endpoint !== undefined,
    maxAttempts: 1,
    // The SDK would warn on the console by itself; what goes wrong is in the error, and told from there.
    logger: SILENT,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    followRegionRedirects: false,
    requestHandler: new TrustingHandler(agents, { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS }),
  };
  if (spec.endpoint !== undefined) config.endpoint = spec.endpoint;
  config.credentials = credentialsOf(spec, env);
  const client = sendsExpires(new S3Client(config));
  sighting.watch(client);
  if (spec.encryption?.type === 'SSE-C') keepsKeys(client, spec.name);
  return hastened(client, sighting, {
    connect: agents.connect,
    connectMs: CONNECT_MS,
    silenceMs: SILENCE_MS,
    unsigned: spec.payload === 'unsigned',
  });
}

/** How long a connection may take to come about, in milliseconds. */
const CONNECT_MS = 10_000;

/** How long a server may be silent, in milliseconds; a body may take as long as it likes. */
const SILENCE_MS = 120_000;

/** The SDK would send a store's requests, and what signs them, wherever these variables say. */
function refuseOtherEndpoint(store: string, env: Env): void {
  const name = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'].find((one) => (env[one] ?? '') !== '');
  if (name === undefined) return;
  throw new FerryError({
    fault: 'refused',
    op: 'find the endpoint',
    subject: `store ${store}`,
    why: `the plan names none, so it is AWS itself, and ${name} in the environment names another`,
    hint: `unset ${name}, or name the endpoint in stores.${store}.endpoint`,
    field: `stores.${store}`,
  });
}

/** The plan names no http:// endpoint beside SSE-C, but the SDK takes one from AWS_ENDPOINT_URL where the plan names none at all. */
function keepsKeys(client: S3Client, store: string): void {
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
}

function agentsFor(spec: S3StoreSpec, env: Env, sighting: Sighting): StoreAgents {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0' && spec.endpoint?.startsWith('http://') !== true)
    throw new FerryError({
      fault: 'usage',
      op: 'open a connection',
      subject: spec.name,
      why: 'NODE_TLS_REJECT_UNAUTHORIZED=0 would take any server for this one',
      hint: `unset it; for a certificate of an authority of your own, set \`ca: FILE\` in stores.${spec.name}`,
    });
  return agentsOf(spec, SOCKETS, (pin) => sighting.sawPin(pin));
}

function credentialsOf({ name: store, region, credentials: spec }: S3StoreSpec, env: Env): Credentials {
  switch (spec.from) {
    case 'default':
      return apart(fromNodeProviderChain({ clientConfig: asker(region) }));
    case 'profile':
      return apart(fromIni({ profile: spec.profile, clientConfig: asker(region) }));
    case 'env': {
      const accessKeyId = variable(store, env, spec.accessKeyIdEnv);
      const secretAccessKey = variable(store, env, spec.secretAccessKeyEnv);
      keepSecret(secretAccessKey);
      if (spec.sessionTokenEnv === undefined) return { accessKeyId, secretAccessKey };
      const sessionToken = variable(store, env, spec.sessionTokenEnv);
      keepSecret(sessionToken);
      return { accessKeyId, secretAccessKey, sessionToken };
    }
  }
}

/** Who asks for credentials does so over connections that are no store's: STS is not where the store is. */
function asker(region: string) {
  return { region, requestHandler: new NodeHttpHandler(), logger: SILENT };
}

/** Without what the SDK hands over of the client that it is for, its connections among it. What is found is known as a secret. */
function apart<T extends Found>(provider: () => Promise<T>): () => Promise<T> {
  return async () => {
    const found = await provider();
    keepSecret(found.secretAccessKey);
    keepSecret(found.sessionToken);
    return found;
  };
}

interface Found {
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
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
