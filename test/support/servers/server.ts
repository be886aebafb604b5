import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import type { S3StoreSpec } from '../../../src/plan/types.ts';
import { freePort } from '../../../src/rehearsal/minio.ts';
import { type ServerProcess, startProcess } from './process.ts';

/** A server that speaks the S3 API, as tests use it. */
export interface S3Server {
  /** The name of its program, for the titles of tests. */
  readonly name: string;
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

/** One that belongs to the running file of tests. */
export interface OwnServer extends S3Server, ServerProcess {}

/** Builds take minutes, once; a machine that is busy takes longer. */
export const START_MS = 20 * 60_000;

/** The server of the whole run. */
export function sharedMinio(): S3Server {
  return { name: 'MinIO', ...inject('minio') };
}

/** Two processes may reach for one free port at once; the second one then tries another. */
const TRIES = 5;

/**
 * @param program how to start it on a port.
 * @param fixed the one port that it has to have; any free one, where left out.
 * @throws Error with what the server said, where it does not come up.
 */
export async function startServer(
  server: Omit<S3Server, 'endpoint'>,
  ready: string,
  program: (port: number) => readonly string[],
  env: Readonly<Record<string, string>> = {},
  fixed?: number,
): Promise<OwnServer> {
  let said = '';
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const port = fixed ?? (await freePort());
    const endpoint = `http://127.0.0.1:${port}`;
    const started = await startProcess(program(port), endpoint + ready, env);
    if (typeof started !== 'string') return { ...server, endpoint, ...started };
    said = started;
  }
  throw new Error(`${server.name} does not come up: ${said}`);
}

/** A client that is none of ferry's. Whoever makes it ends it. */
export function clientOf({ endpoint, accessKey, secretKey }: S3Server): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** A new bucket of the running test's own. */
export async function bucketAt(server: S3Server, versioned = false): Promise<string> {
  const Bucket = `test-${randomUUID()}`;
  const client = clientOf(server);
  try {
    await client.send(new CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: 'Enabled' as const };
    if (versioned) await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  } finally {
    client.destroy();
  }
  return Bucket;
}

/** The variables in which a plan finds a server's keys. */
function variables({ name }: S3Server): { readonly accessKeyIdEnv: string; readonly secretAccessKeyEnv: string } {
  const begin = `FERRY_TEST_${name.toUpperCase()}`;
  return { accessKeyIdEnv: `${begin}_KEY`, secretAccessKeyEnv: `${begin}_SECRET` };
}

export function envOf(...servers: readonly S3Server[]): Record<string, string> {
  return Object.fromEntries(
    servers.flatMap((server) => {
      const { accessKeyIdEnv, secretAccessKeyEnv } = variables(server);
      return [
        [accessKeyIdEnv, server.accessKey],
        [secretAccessKeyEnv, server.secretKey],
      ];
    }),
  );
}

/** A bucket as a plan names it. */
export function storeAt(server: S3Server, bucket: string, jurisdiction: string) {
  const { endpoint } = server;
  return { type: 's3', endpoint, region: 'us-east-1', bucket, jurisdiction, credentials: variables(server) };
}

export function specAt(server: S3Server, bucket: string, prefix = ''): S3StoreSpec {
  return {
    name: 's',
    type: 's3',
    jurisdiction: 'NO',
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket,
    prefix,
    encryption: undefined,
    pathStyle: undefined,
    credentials: { from: 'env', ...variables(server), sessionTokenEnv: undefined },
  };
}
