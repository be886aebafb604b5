import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findVersitygw } from './programs.ts';
import { type OwnServer, startServer } from './server.ts';

/** A gateway over a folder of its own, which goes away with it. Buckets can be versioned. Facts go into files where xattrs cannot. */
export async function startVersitygw(): Promise<OwnServer> {
  const program = await findVersitygw();
  const dir = await mkdtemp(join(tmpdir(), 'ferry-versitygw-'));
  const [data, versions, sidecar] = [join(dir, 'data'), join(dir, 'versions'), join(dir, 'sidecar')];
  for (const folder of [data, versions, sidecar]) await mkdir(folder);
  const keys = { accessKey: `ferry${randomBytes(6).toString('hex')}`, secretKey: randomBytes(20).toString('hex') };
  const { accessKey, secretKey } = keys;
  const start = async (...meta: readonly string[]): Promise<OwnServer> =>
    await startServer({ name: 'versitygw', ...keys }, '/health', (port) => [
      program,
      ...['--access', accessKey, '--secret', secretKey, '--port', `127.0.0.1:${port}`],
      ...['--health', '/health', '--quiet', 'posix', '--versioning-dir', versions, ...meta, data],
    ]);
  let server: OwnServer;
  try {
    server = await start();
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('xattrs are not supported'))) throw error;
    server = await start('--sidecar', sidecar);
  }
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
