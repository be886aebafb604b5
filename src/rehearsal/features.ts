import { FerryError } from '../base/errors.ts';
import { Ledger } from '../ledger/ledger.ts';
import type { Plan, S3StoreSpec } from '../plan/types.ts';

/** What a stand-in bucket must be like, so that the plan does with it what it would do with the real one. */
export interface BucketFeatures {
  readonly versioning: boolean;
  readonly objectLock: boolean;
  /** The server has a key to encrypt with. */
  readonly kms: boolean;
  /** Everything in the bucket is encrypted, asked for or not. */
  readonly encrypts: boolean;
}

/** What the last `ferry doctor` found at the real stores: store and capability. Nothing where there is no ledger that can be read. */
export type Probed = ReadonlySet<string>;

export function probedIn(stateDir: string): Probed {
  let ledger: Ledger | undefined;
  try {
    ledger = Ledger.read(stateDir);
    const able = ledger?.probes.all().filter(({ result }) => result === 'yes') ?? [];
    return new Set(able.map(({ store, capability }) => `${store} ${capability}`));
  } catch (error) {
    if (error instanceof FerryError) return new Set();
    throw error;
  } finally {
    ledger?.close();
  }
}

/** As the plan needs it, or as `doctor` found it. */
export function featuresOf(plan: Plan, { name, encryption }: S3StoreSpec, probed: Probed): BucketFeatures {
  const from = plan.partitions.filter((partition) => partition.from === name);
  const into = plan.partitions.filter((partition) => partition.to === name);
  const { keep, without } = plan.tombstone;
  const objectLock = probed.has(`${name} object-lock`);
  const encrypts = into.some((partition) => partition.encryption === 'required');
  return {
    versioning:
      objectLock ||
      probed.has(`${name} versioning`) ||
      [...from, ...into].some(({ versions }) => versions === 'all') ||
      (from.length > 0 && (keep === 'version' || without === 'cas')),
    objectLock,
    kms: encrypts || encryption !== undefined || probed.has(`${name} encryption`),
    encrypts: encrypts || encryption?.type === 'SSE-C',
  };
}
