import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type MinioServer, startMinio } from '../../src/rehearsal/minio.ts';

/** A MinIO server that speaks https only, with a certificate that nobody knows. */
export interface TlsMinio extends MinioServer {
  /** Path of the PEM file with its certificate. */
  readonly ca: string;
  /** The environment in which plans find its credentials. */
  readonly env: Record<string, string>;
  /** A client of it that is none of ferry's. */
  readonly client: S3Client;
  newBucket(options?: { readonly versioned?: boolean }): Promise<string>;
}

/** A certificate of its own signing, as `public.crt` and `private.key` in a folder. @returns the path of the first. */
export function makeCertificate(dir: string, covers = 'IP:127.0.0.1,DNS:localhost'): string {
  const ca = join(dir, 'public.crt');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${covers}`];
  const files = ['-keyout', join(dir, 'private.key'), '-out', ca];
  execFileSync('openssl', ['req', '-x509', ...key, '-days', '2', ...names, ...files], { stdio: 'pipe' });
  return ca;
}

export async function startTlsMinio(): Promise<TlsMinio> {
  const certsDir = mkdtempSync(join(tmpdir(), 'ferry-certs-'));
  const ca = makeCertificate(certsDir);
  const server = await startMinio({ certsDir });
  const { endpoint, accessKey, secretKey } = server;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({ httpsAgent: new Agent({ keepAlive: true, ca: readFileSync(ca) }) }),
  });
  const newBucket: TlsMinio['newBucket'] = async (options = {}) => {
    const Bucket = `test-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    const VersioningConfiguration = { Status: 'Enabled' as const };
    if (options.versioned === true)
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    return Bucket;
  };
  const stop = async (): Promise<void> => {
    client.destroy();
    await server.stop();
    rmSync(certsDir, { recursive: true, force: true });
  };
  const env = { FERRY_TEST_KEY: accessKey, FERRY_TEST_SECRET: secretKey };
  return { ...server, ca, env, client, newBucket, stop };
}

/** What goes along with a request for an object under SSE-C. */
export function customer(key: Uint8Array) {
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: Buffer.from(key).toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  };
}
