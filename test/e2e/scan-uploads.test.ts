import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { expect, it, onTestFinished } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { type MinioServer, startMinio } from '../../src/rehearsal/minio.ts';
import { ferry } from '../support/cli.ts';
import { type Scanned, scanned } from '../support/scanned.ts';
import { tempDir } from '../support/temp.ts';

function clientOf({ endpoint, accessKey, secretKey }: MinioServer): S3Client {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  onTestFinished(() => client.destroy());
  return client;
}

/** A plan from a bucket of this server to a folder. */
function planAt(dir: string, { endpoint }: MinioServer, bucket: string, prefix: string): string {
  const file = join(dir, 'plan.json');
  const credentials = { accessKeyIdEnv: 'OWN_KEY', secretAccessKeyEnv: 'OWN_SECRET' };
  const legacy = { type: 's3', endpoint, region: 'us-east-1', bucket, prefix, jurisdiction: 'SG', credentials };
  const document = {
    apiVersion: 'ferry/v1',
    name: 'uploads',
    runner: { jurisdiction: 'IE' },
    stores: { legacy, hamar: { type: 'file', path: './hamar', jurisdiction: 'NO' } },
    partitions: [{ name: 'users', from: 'legacy', select: { prefix: 'users/' }, to: 'hamar' }],
    exclude: [{ from: 'legacy', prefix: 'tmp/', reason: 'scratch' }],
    unassigned: 'allow',
    finish: 'tombstoned',
  };
  writeFileSync(file, JSON.stringify(document));
  return file;
}

const begin = async (client: S3Client, Bucket: string, Key: string, bytes: number): Promise<string | undefined> => {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: Buffer.alloc(bytes) }));
  return UploadId;
};

const uploadsIn = ({ remaining }: Scanned) =>
  remaining.flatMap(({ kind, key, version, size }) => (kind === 'upload' ? [[key, version, size]] : []));

it('finds unfinished uploads of keys that nobody has told of, and those of known keys also after a restart', async () => {
  const data = tempDir();
  const dir = tempDir();
  const first = await startMinio({ dir: data });
  onTestFinished(first.stop);
  const bucket = `test-${randomUUID()}`;
  const client = clientOf(first);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  for (const key of ['users/a', 'users/b c+d', 'tmp/x']) {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: `old/${key}`, Body: key }));
  }
  const env = { OWN_KEY: first.accessKey, OWN_SECRET: first.secretKey };
  const plan = planAt(dir, first, bucket, 'old/');
  expect((await ferry(['run', plan], env)).code).toBe(0);
  const clean = scanned(await ferry(['scan', plan, '--json'], env));
  expect(clean).toMatchObject({ code: 0, stores: [{ uploads: 0, tombstones: 2, clean: true, proven: false }] });
  expect(clean.stores[0]?.unseen[0]).toContain('it is not known whether this server lists them');

  const known = await begin(client, bucket, 'old/users/b c+d', 7);
  const unknown = await begin(client, bucket, 'old/users/nobody knows', 5);
  await begin(client, bucket, 'old/tmp/x', 3);
  await begin(client, bucket, 'users/beside', 3);
  const all = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  expect(all.Uploads).toHaveLength(4);
  const found = scanned(await ferry(['scan', plan, '--json'], env));
  expect(found).toMatchObject({
    code: 4,
    stores: [{ uploads: 2, objects: 0, clean: false, bytes: { uploads: 12 }, excluded: { uploads: 1, objects: 1 } }],
  });
  expect(found.stores[0] && uploadsIn(found.stores[0]).sort()).toEqual([
    ['users/b c+d', known, 7],
    ['users/nobody knows', unknown, 5],
  ]);
  expect(found.stores[0]?.remaining[0]?.reason).toMatch(/^unfinished upload begun at 20\d\d-/);

  // The server forgets to list what was begun before.
  await first.stop();
  const second = await startMinio({ dir: data });
  onTestFinished(second.stop);
  const again = clientOf(second);
  expect((await again.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []).toEqual([]);
  const later = { OWN_KEY: second.accessKey, OWN_SECRET: second.secretKey };
  const moved = planAt(dir, second, bucket, 'old/');
  const after = scanned(await ferry(['scan', moved, '--json'], later));
  expect(after).toMatchObject({ code: 4, stores: [{ uploads: 1, excluded: { uploads: 1 }, proven: false }] });
  expect(after.stores[0] && uploadsIn(after.stores[0])).toEqual([['users/b c+d', known, 7]]);
  const gone = { Bucket: bucket, Key: 'old/users/b c+d', UploadId: known };
  await again.send(new AbortMultipartUploadCommand(gone));
  const text = await ferry(['scan', moved], later);
  expect(text.code, text.stdout).toBe(0);
  expect(text.stdout).toContain('clean as far as this server can show');
  expect(text.stdout).toContain('unfinished uploads to keys that neither the ledger nor a listing has');
});

it('asks for no key where the server was shown to list by the beginning of a key, and then proves', async () => {
  const dir = tempDir();
  const server = await startMinio();
  onTestFinished(server.stop);
  const bucket = `test-${randomUUID()}`;
  const client = clientOf(server);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'users/a', Body: 'one' }));
  const env = { OWN_KEY: server.accessKey, OWN_SECRET: server.secretKey };
  const plan = planAt(dir, server, bucket, '');
  expect((await ferry(['run', plan], env)).code).toBe(0);
  const ledger = Ledger.open(join(dir, '.ferry/uploads'));
  ledger.probes.record('legacy', 'list-uploads-by-prefix', true);
  ledger.probes.record('legacy', 'lists-key-under-key', true);
  ledger.close();
  expect(scanned(await ferry(['scan', plan, '--json'], env))).toMatchObject({
    code: 0,
    stores: [{ clean: true, proven: true, unseen: [] }],
  });
  expect((await ferry(['scan', plan], env)).stdout).toMatch(/ clean$/m);
  const keys = Array.from({ length: 1_020 }, (_, n) => `users/${n % 500}`);
  for (let at = 0; at < keys.length; at += 60) {
    const some = keys.slice(at, at + 60);
    await Promise.all(some.map((Key) => client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }))));
  }
  const { stores } = scanned(await ferry(['scan', plan, '--json'], env));
  expect(stores[0]).toMatchObject({ uploads: 1_020, clean: false, more: 20 });
});
