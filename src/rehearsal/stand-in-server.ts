import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { FaultProxy } from './fault-proxy.ts';
import type { BucketFeatures } from './features.ts';
import { type MinioServer, startMinio } from './minio.ts';

export const KMS_KEY = 'rehearsal';

/** One throw-away MinIO server with the proxy that ferry reaches it by. Checks and late writers go past the proxy. */
export class StandInServer {
  readonly proxy: FaultProxy;
  readonly #env: Readonly<Record<string, string>>;
  #server: MinioServer;
  #again: Promise<void> = Promise.resolve();

  private constructor(server: MinioServer, proxy: FaultProxy, env: Readonly<Record<string, string>>) {
    this.#server = server;
    this.proxy = proxy;
    this.#env = env;
  }

  static async start(options: {
    readonly dir: string;
    readonly name: string;
    readonly kms: boolean;
    readonly seed: number;
    readonly centres: ReadonlySet<string>;
    readonly tell: (text: string) => void;
  }): Promise<StandInServer> {
    const { dir, name, seed, centres, tell } = options;
    const env: Record<string, string> = options.kms
      ? { MINIO_KMS_SECRET_KEY: `${KMS_KEY}:${randomBytes(32).toString('base64')}` }
      : {};
    const server = await startMinio({ dir: join(dir, 'servers', name), env, tell });
    const proxy = await FaultProxy.start({ target: () => server.endpoint, seed: `${seed}/${name}`, centres });
    return new StandInServer(server, proxy, env);
  }

  get credentials(): { readonly accessKey: string; readonly secretKey: string } {
    return this.#server;
  }

  /** @param attempts 1 for who must know what each request did. */
  client(attempts: number): S3Client {
    const { endpoint, accessKey, secretKey } = this.#server;
    return new S3Client({
      endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: attempts,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async makeBucket(bucket: string, { versioning, objectLock, encrypts }: BucketFeatures): Promise<void> {
    const client = this.client(3);
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: objectLock }));
      if (versioning) {
        const VersioningConfiguration = { Status: 'Enabled' as const };
        await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
      }
      if (encrypts) {
        const Rules = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } }];
        const ServerSideEncryptionConfiguration = { Rules };
        await client.send(new PutBucketEncryptionCommand({ Bucket: bucket, ServerSideEncryptionConfiguration }));
      }
    } finally {
      client.destroy();
    }
  }

  /** Kills the server as a crash would and starts it again on its data, at the same place. */
  async restart(): Promise<void> {
    this.#again = this.#again.then(async () => {
      await this.#server.stop();
      const { dir, endpoint, accessKey, secretKey } = this.#server;
      this.#server = await startMinio({ dir, env: this.#env, again: { endpoint, accessKey, secretKey } });
    });
    await this.#again;
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.#again.catch(() => undefined);
    await this.#server.stop();
  }
}
