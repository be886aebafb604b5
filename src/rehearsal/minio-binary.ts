import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { FerryError, messageOf } from '../base/errors.ts';

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
  const cached = join(cacheDir(), 'minio');
  for (const file of [...onPath('minio'), cached]) {
    if (await isProgram(file)) return { file, args: [] };
  }
  const reasons: string[] = [];
  try {
    await build(cached, tell);
    return { file: cached, args: [] };
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

function cacheDir(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(base, 'ferry', 'servers', `minio-${MINIO_VERSION}`);
}

function onPath(name: string): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).flatMap((dir) => (dir === '' ? [] : [join(dir, name)]));
}

async function isProgram(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Builds into a folder of its own and renames, so that nobody ever starts half a program; the lock lets only one build at a time. */
async function build(target: string, tell: (text: string) => void): Promise<void> {
  const cache = cacheDir();
  await mkdir(cache, { recursive: true });
  const lock = new DatabaseSync(join(cache, 'lock.db'), { timeout: 15 * 60_000 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    if (await isProgram(target)) return;
    tell(`building MinIO ${MINIO_VERSION} with Go; this takes some minutes, once`);
    const gobin = await mkdtemp(join(cache, 'build-'));
    try {
      const env = { ...process.env, GOBIN: gobin };
      await run('go', ['install', `github.com/minio/minio@${MINIO_VERSION}`], { env, maxBuffer: 64 * 1024 * 1024 });
      await rename(join(gobin, 'minio'), target);
    } finally {
      await rm(gobin, { recursive: true, force: true });
    }
  } finally {
    lock.close();
  }
}
