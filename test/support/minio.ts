import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { inject, onTestFinished } from 'vitest';
import type { S3StoreSpec } from '../../src/plan/types.ts';

/** The environment in which plans find the shared server's credentials. */
export function minioEnv(): Record<string, string> {
  const { accessKey, secretKey } = inject('minio');
  return { FERRY_TEST_KEY: accessKey, FERRY_TEST_SECRET: secretKey };
}

/** A client of the shared server that is none of ferry's. */
export function minioClient(): S3Client {
  const { endpoint, accessKey, secretKey } = inject('minio');
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  onTestFinished(() => client.destroy());
  return client;
}

/** A new bucket of the running test's own; with object lock, and what it locks everything with for a day, where asked. */
export async function newBucket(
  options: { readonly versioned?: boolean; readonly lock?: 'none by default' | 'GOVERNANCE' | 'COMPLIANCE' } = {},
): Promise<string> {
  const bucket = `test-${randomUUID()}`;
  const client = minioClient();
  const { lock } = options;
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: lock !== undefined }));
  if (lock !== undefined && lock !== 'none by default') {
    const Rule = { DefaultRetention: { Mode: lock, Days: 1 } };
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' as const, Rule };
    await client.send(new PutObjectLockConfigurationCommand({ Bucket: bucket, ObjectLockConfiguration }));
  }
  if (options.versioned === true) {
    const VersioningConfiguration = { Status: 'Enabled' as const };
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  }
  return bucket;
}

export function s3Spec(name: string, bucket: string, prefix = ''): S3StoreSpec {
  return {
    name,
    type: 's3',
    jurisdiction: 'NO',
    endpoint: inject('minio').endpoint,
    region: 'us-east-1',
    bucket,
    prefix,
    encryption: undefined,
    pathStyle: undefined,
    credentials: {
      from: 'env',
      accessKeyIdEnv: 'FERRY_TEST_KEY',
      secretAccessKeyEnv: 'FERRY_TEST_SECRET',
      sessionTokenEnv: undefined,
    },
  };
}

/** A store of a plan that is a bucket of the shared server. */
export function bucketStore(bucket: string, jurisdiction: string, more: object = {}) {
  return {
    type: 's3',
    endpoint: inject('minio').endpoint,
    region: 'us-east-1',
    bucket,
    jurisdiction,
    credentials: { accessKeyIdEnv: 'FERRY_TEST_KEY', secretAccessKeyEnv: 'FERRY_TEST_SECRET' },
    ...more,
  };
}
