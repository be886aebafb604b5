import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { FerryError, messageOf } from '../base/errors.ts';
import { builtOnce, isProgram, serverCache } from './server-cache.ts';

const run = promisify(execFile);

/** The version that tests and rehearsals are run against. The project publishes no binaries any more, so it is built. */
export const MINIO_VERSION = 'v0.0.0-20260212201848-7aac2a2c5b7c';

/** How to start a MinIO server: a program, and the arguments that come before its own. */
export interface MinioProgram {
  readonly file: string;
  readonly args: readonly string[];
}

/**
 * Finds a MinIO server: `$FERRY_MINIO`, `minio` on the PATH, a build in the cache, else builds one with Go into the cache (about two
 * minutes, once), else a container.
 *
 * @throws FerryError `usage` where none of these is to be had.
 */
export async function findMinio(tell: (text: string) => void): Promise<MinioProgram> {
  const named = process.env['FERRY_MINIO'];
  if (named !== undefined && named !== '') return { file: named, args: [] };
  const cache = serverCache('minio', MINIO_VERSION);
  const cached = join(cache, 'minio');
  for (const file of [...onPath('minio'), cached]) {
    if (await isProgram(file)) return { file, args: [] };
  }
  const reasons: string[] = [];
  try {
    return { file: await build(cache, tell), args: [] };
  } catch (error) {
    reasons.push(`go install: ${messageOf(error).split('\n')[0]}`);
  }
  try {
    await run('docker', ['info']);
    return { file: 'docker', args: ['run', '--rm', '--network=host', 'minio/minio'] };
  } catch (error) {
    reasons.push(`docker: ${messageOf(error).split('\n')[0]}`);
  }
  throw new FerryError({
    fault: 'usage',
    op: 'find a MinIO server',
    subject: 'minio',
    why: `there is none on the PATH or in ${cached}, and none could be made (${reasons.join('; ')})`,
    hint: 'install Go or MinIO, or name its program in FERRY_MINIO',
  });
}

function onPath(name: string): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).flatMap((dir) => (dir === '' ? [] : [join(dir, name)]));
}

async function build(cache: string, tell: (text: string) => void): Promise<string> {
  return await builtOnce(cache, 'minio', async (gobin) => {
    tell(`building MinIO ${MINIO_VERSION} with Go; this takes some minutes, once`);
    const env = { ...process.env, GOBIN: gobin };
    await run('go', ['install', `github.com/minio/minio@${MINIO_VERSION}`], { env, maxBuffer: 64 * 1024 * 1024 });
    return join(gobin, 'minio');
  });
}
