import type { z } from 'zod';
import { limitsSchema } from './limits.ts';
import { mapping, named, oneOf, text } from './parts.ts';
import { residencySchema, runnerSchema } from './places.ts';
import { excludeSchema, partitionsSchema } from './routing.ts';
import { storesSchema } from './stores.ts';
import { approversSchema, driftSchema, evidenceSchema, revokedSchema } from './trust.ts';
import { acceptSchema, objectLockSchema, storageClassSchema, tombstoneSchema } from './work.ts';

/** The whole document, after expansion. Fields of an area are in the file of that area. */
export const planSchema = mapping(
  {
    apiVersion: oneOf(['ferry/v1'], 'The version of this format.'),
    name: named('a plan', 'Names the plan; its state directory is called after it.'),
    residency: residencySchema.prefault({}),
    runner: runnerSchema.optional(),
    stores: storesSchema,
    control: text(
      'the name of a store',
      'The store through which workers on several machines share the work (`run --engine temporal`); no partition names it.',
    ).optional(),
    partitions: partitionsSchema,
    exclude: excludeSchema,
    unassigned: oneOf(['refuse', 'allow'], 'Whether objects that no rule selects stop a run.').default('refuse'),
    accept: acceptSchema.optional(),
    objectLock: objectLockSchema.optional(),
    storageClass: storageClassSchema.optional(),
    verify: oneOf(
      ['readback', 'attested'],
      'How a copy is proven: read again at the centre, or by the checksum that the store keeps.',
    ).default('readback'),
    // Optional, so that plans of before keep their digest.
    serverSideCopy: oneOf(
      ['allow', 'never'],
      'Whether a server may copy objects by itself between two of its own buckets; allowed where it is left out.',
    ).optional(),
    approvers: approversSchema.optional(),
    revoked: revokedSchema.optional(),
    drift: driftSchema.optional(),
    evidence: evidenceSchema.optional(),
    finish: oneOf(['copied', 'verified', 'tombstoned'], 'How far a run takes every object.').default('verified'),
    tombstone: tombstoneSchema.prefault({}),
    limits: limitsSchema.prefault({}),
  },
  'A plan of ferry: which objects of which legacy stores move to which centres.',
);

/** A plan as it stands in its file, with variables expanded and defaults filled in. */
export type PlanDocument = z.output<typeof planSchema>;
export type StoreDocument = PlanDocument['stores'][string];
export type SelectDocument = PlanDocument['partitions'][number]['select'];
