import { FerryError } from '../../base/errors.ts';

/** The packages of Temporal, which nobody needs who does not use `--engine temporal`. */
export const PEERS = ['client', 'worker', 'workflow', 'activity'].map((name) => `@temporalio/${name}`);

/** Loads one of them. @throws FerryError `usage` that says how to install them. */
export async function loadPeer<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new FerryError({
      fault: 'usage',
      op: 'use Temporal',
      subject: '--engine temporal',
      why: 'its packages are not installed',
      hint: `npm install ${PEERS.map((name) => `${name}@1`).join(' ')}`,
      cause: error,
    });
  }
}
