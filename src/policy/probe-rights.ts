import type { S3StoreSpec } from '../plan/types.ts';
import { arnOf } from './iam.ts';

/** What one thing that `ferry doctor` tries takes, in words of IAM. */
export interface ProbeRights {
  readonly actions: readonly string[];
  /** The bucket, or the objects below the store's prefix. */
  readonly resource: string;
}

const AT_BUCKET: Readonly<Record<string, readonly string[]>> = {
  reach: ['s3:ListBucket'],
  list: ['s3:ListBucket'],
  versioning: ['s3:GetBucketVersioning'],
  'object-lock': ['s3:GetBucketObjectLockConfiguration'],
  'list-versions': ['s3:ListBucketVersions'],
  'list-uploads': ['s3:ListBucketMultipartUploads'],
  'list-uploads-by-prefix': ['s3:ListBucketMultipartUploads'],
};

const AT_OBJECTS: Readonly<Record<string, readonly string[]>> = {
  write: ['s3:PutObject'],
  read: ['s3:GetObject'],
  remove: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  tags: ['s3:PutObjectTagging', 's3:GetObjectTagging'],
};

/** The rights without which a capability cannot be shown; `undefined` where it is no matter of rights. */
export function probeRights(store: S3StoreSpec, capability: string): ProbeRights | undefined {
  const arn = arnOf(store);
  const [bucket, objects] = [AT_BUCKET[capability], AT_OBJECTS[capability]];
  if (bucket !== undefined) return { actions: bucket, resource: arn };
  return objects === undefined ? undefined : { actions: objects, resource: `${arn}/${store.prefix}*` };
}
