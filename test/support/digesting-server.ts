import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { GetObjectCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import type { Refusal } from './liar.ts';

/**
 * A server that gives the SHA-256 of parts that it copies, as AWS and versitygw do and MinIO does not: in front of MinIO, it takes such
 * a request upon itself, reads the source and puts the part. Conditions, uploads and their digests are MinIO's.
 *
 * @param spoil what becomes of a part's bytes on the way; the digest is that of what came of them.
 */
export function digestingServer(
  client: S3Client,
  spoil: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): Refusal {
  return (asked, told) => {
    if (asked.method !== 'PUT' || asked.headers['x-amz-copy-source'] === undefined) return false;
    void answer(client, asked, told, spoil).catch((error: unknown) => {
      const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
      told.writeHead($metadata?.httpStatusCode ?? 500, { 'content-type': 'application/xml' });
      told.end(`<?xml version="1.0"?><Error><Code>${name}</Code><Message>as MinIO says</Message></Error>`);
    });
    return true;
  };
}

async function answer(
  client: S3Client,
  asked: IncomingMessage,
  told: ServerResponse,
  spoil: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  const url = new URL(asked.url ?? '', 'http://server');
  const [Bucket, Key] = split(url.pathname.slice(1));
  const [fromBucket, fromKey] = split(header(asked, 'x-amz-copy-source') ?? '');
  const IfMatch = header(asked, 'x-amz-copy-source-if-match');
  const Range = header(asked, 'x-amz-copy-source-range');
  const got = await client.send(
    new GetObjectCommand({
      Bucket: fromBucket,
      Key: fromKey,
      ...(IfMatch === undefined ? {} : { IfMatch }),
      ...(Range === undefined ? {} : { Range }),
    }),
  );
  const Body = spoil((await got.Body?.transformToByteArray()) ?? new Uint8Array());
  const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
  const PartNumber = Number(url.searchParams.get('partNumber'));
  const UploadId = url.searchParams.get('uploadId') ?? '';
  const put = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ChecksumSHA256 }));
  told.writeHead(200, { 'content-type': 'application/xml' });
  told.end(
    `<?xml version="1.0"?><CopyPartResult><ETag>${put.ETag}</ETag><ChecksumSHA256>${ChecksumSHA256}</ChecksumSHA256></CopyPartResult>`,
  );
}

function header(asked: IncomingMessage, name: string): string | undefined {
  const value = asked.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function split(path: string): [bucket: string, key: string] {
  const [bucket = '', ...key] = decodeURIComponent(path).split('/');
  return [bucket, key.join('/')];
}
