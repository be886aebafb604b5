import { fromTemporaryCredentials } from '@aws-sdk/credential-providers';
import { inject } from 'vitest';

/** Credentials of a user of the shared server who may do no more than this with a bucket, as variables `LIMITED_…`. */
export async function limitedTo(actions: readonly string[], bucket: string): Promise<Record<string, string>> {
  const { endpoint, accessKey, secretKey } = inject('minio');
  const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
  const given = await fromTemporaryCredentials({
    masterCredentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    clientConfig: { endpoint, region: 'us-east-1' },
    params: {
      RoleArn: 'arn:aws:iam::1:role/any',
      RoleSessionName: 'test',
      Policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource }] }),
    },
  })();
  return {
    LIMITED_KEY: given.accessKeyId,
    LIMITED_SECRET: given.secretAccessKey,
    LIMITED_TOKEN: given.sessionToken ?? '',
  };
}
