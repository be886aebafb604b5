import type { StoreSpec } from '../plan/types.ts';
import { FileStore } from './file/file-store.ts';
import { makeClient } from './s3/client.ts';
import { S3Store } from './s3/s3-store.ts';
import type { Store } from './store.ts';

/** The adapter for a store of a plan; not open yet. @throws FerryError `usage` where credentials are not to be found. */
export function makeStore(spec: StoreSpec, env: Readonly<Record<string, string | undefined>>): Store {
  switch (spec.type) {
    case 'file':
      return new FileStore(spec);
    case 's3':
      return new S3Store(spec, makeClient(spec, env));
  }
}
