import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findVersitygw } from './programs.ts';
import { type OwnServer, startServer } from './server.ts';

/** The keys of a server's owner. */
export interface RootKeys {
  readonly accessKey: string;
  readonly secretKey: string;
}

export function newKeys(): RootKeys {
  return { accessKey: `ferry${randomBytes(6).toString('hex')}`, secretKey: randomBytes(20).toString('hex') };
}

/** A gateway over a folder of its own, which goes away with it. Buckets can be versioned. */
export async function startVersitygw(): Promise<OwnServer> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-versitygw-'));
  const server = await versitygwOver(dir, newKeys());
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A gateway over a folder that stays. Facts go into files where xattrs cannot. @param port any free one, where left out. */
export async function versitygwOver(dir: string, keys: RootKeys, port?: number): Promise<OwnServer> {
  const program = await findVersitygw();
  const [data, versions, sidecar] = [join(dir, 'data'), join(dir, 'versions'), join(dir, 'sidecar')];
  for (const folder of [data, versions, sidecar]) await mkdir(folder, { recursive: true });
  const { accessKey, secretKey } = keys;
  const start = async (...meta: readonly string[]): Promise<OwnServer> =>
    await startServer(
      { name: 'versitygw', ...keys },
      '/health',
      (at) => [
        program,
        ...['--access', accessKey, '--secret', secretKey, '--port', `127.0.0.1:${at}`],
        ...['--health', '/health', '--quiet', 'posix', '--versioning-dir', versions, ...meta, data],
      ],
      {},
      port,
    );
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('xattrs are not supported'))) throw error;
    return await start('--sidecar', sidecar);
  }
}
