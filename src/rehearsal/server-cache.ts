import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** How long one process waits for the build of another one. */
const LOCK_MS = 30 * 60_000;

/** Where a server of one version is kept, outside every checkout: `~/.cache/ferry/servers/NAME-VERSION`. */
export function serverCache(name: string, version: string): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(base, 'ferry', 'servers', `${name}-${version}`);
}

/**
 * Makes `cache/name` (a file or a folder) unless it is there. `make` fills a folder of its own and names what it made, which is then
 * renamed into place, so that nobody ever starts half a program; the lock lets only one build at a time.
 *
 * @returns the path of what was made.
 */
export async function builtOnce(cache: string, name: string, make: (dir: string) => Promise<string>): Promise<string> {
  const target = join(cache, name);
  if (await isProgram(target)) return target;
  await mkdir(cache, { recursive: true });
  const lock = new DatabaseSync(join(cache, 'lock.db'), { timeout: LOCK_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    if (await isProgram(target)) return target;
    const dir = await mkdtemp(join(cache, 'build-'));
    try {
      await rename(await make(dir), target);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  } finally {
    lock.close();
  }
  return target;
}

/** Whether there is a program, or a folder, that may be used. */
export async function isProgram(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
