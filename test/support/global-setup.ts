import { randomBytes } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { startMinio } from '../../src/rehearsal/minio.ts';
import { prepareServers } from './servers/programs.ts';

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
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  const server = await startMinio({ env, tell });
  try {
    // Before any test is timed, and so that a server that is not to be had ends the run at once. By hand, who needs one waits for it.
    if (process.env['CI'] !== undefined) await prepareServers(tell);
  } catch (error) {
    await server.stop();
    throw error;
  }
  const { endpoint, accessKey, secretKey } = server;
  project.provide('minio', { endpoint, accessKey, secretKey });
  return async () => await server.stop();
}
