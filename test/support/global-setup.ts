import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { startMinio } from '../../src/rehearsal/minio.ts';

export interface SharedMinio {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    minio: SharedMinio;
  }
}

/** One MinIO server for the whole run; each test has a bucket of its own in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A key of its own, so that the server can encrypt at rest for those who ask.
  const env = { MINIO_KMS_SECRET_KEY: `tests:${randomBytes(32).toString('base64')}` };
  const server = await startMinio({ env, tell: (text) => process.stderr.write(`${text}\n`) });
  const { endpoint, accessKey, secretKey } = server;
  project.provide('minio', { endpoint, accessKey, secretKey });
  return async () => await server.stop();
}
