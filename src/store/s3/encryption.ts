import { createHash } from 'node:crypto';
import type { HeadObjectCommandOutput, PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { EncryptionSpec } from '../../plan/types.ts';
import { customerKey } from './customer-key.ts';

type Customer = Pick<PutObjectCommandInput, 'SSECustomerAlgorithm' | 'SSECustomerKey' | 'SSECustomerKeyMD5'>;

/** What goes along with requests (https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html). */
export interface Encryption {
  /** With PutObject and CreateMultipartUpload. */
  readonly write: Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSEKMSKeyId'> & Customer;
  /** With every request for bytes or facts of an object, and with each part. */
  readonly touch: Customer;
  /** Where the key of SSE-C comes from, for messages. */
  readonly keyFrom?: string;
}

/** @throws FerryError `usage` where the key of SSE-C is missing, no key, or for others to read; its value is not repeated. */
export function encryptionOf(
  store: string,
  spec: EncryptionSpec | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Encryption {
  switch (spec?.type) {
    case undefined:
      return { write: {}, touch: {} };
    case 'SSE-S3':
      return { write: { ServerSideEncryption: 'AES256' }, touch: {} };
    case 'SSE-KMS': {
      const key = spec.keyId === undefined ? {} : { SSEKMSKeyId: spec.keyId };
      return { write: { ServerSideEncryption: 'aws:kms', ...key }, touch: {} };
    }
    case 'SSE-C': {
      const { key, from } = customerKey(store, spec, env);
      const customer = {
        SSECustomerAlgorithm: 'AES256',
        SSECustomerKey: key.toString('base64'),
        SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
      };
      return { write: customer, touch: customer, keyFrom: from };
    }
  }
}

/** How an object is encrypted at rest, as the server says. */
export function encryptedBy(
  output: Pick<HeadObjectCommandOutput, 'ServerSideEncryption' | 'SSECustomerAlgorithm'>,
): string | undefined {
  if (output.SSECustomerAlgorithm !== undefined) return 'SSE-C';
  if (output.ServerSideEncryption === undefined) return undefined;
  return output.ServerSideEncryption === 'AES256' ? 'SSE-S3' : 'SSE-KMS';
}
