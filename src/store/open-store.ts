import type { StoreSpec } from '../plan/types.ts';
import { FileStore } from './file/file-store.ts';
import type { Store } from './store.ts';

/** The adapter for a store of a plan; not open yet. @throws FerryError `usage` where credentials are not to be found. */
export async function makeStore(spec: StoreSpec, env: Readonly<Record<string, string | undefined>>): Promise<Store> {
  switch (spec.type) {
    case 'file':
      return new FileStore(spec);
    case 's3': {
      // The SDK is large: who moves files alone need not wait for it, nor hold it in memory.
      const { S3Store } = await import('./s3/s3-store.ts');
      const { makeClient } = await import('./s3/client.ts');
      const { Sighting } = await import('./s3/sighting.ts');
      const { encryptionOf } = await import('./s3/encryption.ts');
      const sighting = new Sighting(spec);
      const client = makeClient(spec, env, sighting);
      return new S3Store(spec, client, encryptionOf(spec.name, spec.encryption, env), sighting);
    }
  }
}
