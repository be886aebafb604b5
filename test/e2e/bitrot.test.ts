import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, it, onTestFinished } from 'vitest';
import { startMinio } from '../../src/rehearsal/minio.ts';
import { documentOf, ferry } from '../support/cli.ts';
import { layOut, planDocument } from '../support/plan.ts';
import { factsIn } from '../support/tree.ts';

/** Flips a byte near the end of the largest file below a folder: where the server keeps the object's bytes. */
function rot(folder: string): void {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const [file = ''] = files.sort((a, b) => readFileSync(b).byteLength - readFileSync(a).byteLength);
  const data = readFileSync(file);
  const at = data.byteLength - 50;
  data[at] = (data[at] ?? 0) ^ 1;
  writeFileSync(file, data);
}

it('a byte that rots on the disk of a MinIO centre is an integrity fault, and the source stays', async () => {
  const server = await startMinio();
  onTestFinished(() => server.stop());
  const { accessKey, secretKey, endpoint } = server;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
  onTestFinished(() => client.destroy());
  await client.send(new CreateBucketCommand({ Bucket: 'rot' }));
  const credentials = { accessKeyIdEnv: 'ROT_KEY', secretAccessKeyEnv: 'ROT_SECRET' };
  const { legacy, dublin } = planDocument().stores;
  const hamar = { type: 's3', endpoint, region: 'us-east-1', bucket: 'rot', jurisdiction: 'NO', credentials };
  const env = { ROT_KEY: accessKey, ROT_SECRET: secretKey };
  const files = {
    'users/NO/small': 'x'.repeat(700),
    'users/NO/middle': Buffer.alloc(300_000, 7),
    'users/NO/good': 'good',
  };
  const laid = layOut({ stores: { legacy, hamar, dublin } }, files);

  expect((await ferry(['run', laid.plan, '--until', 'copied'], env)).code).toBe(0);
  rot(join(server.dir, 'rot/users/NO/small'));
  rot(join(server.dir, 'rot/users/NO/middle'));
  const before = factsIn(laid.legacy).filter((fact) => /small|middle/.test(fact));
  const ended = await ferry(['run', laid.plan, '--json', '--progress', 'none'], env);
  expect(ended.code, ended.stderr).toBe(5);
  expect(documentOf(ended)).toMatchObject({ totals: { states: { failed: 2, tombstoned: 1 } } });
  expect(factsIn(laid.legacy).filter((fact) => /small|middle/.test(fact))).toEqual(before);

  rot(join(server.dir, 'rot/users/NO/good'));
  const verified = await ferry(['verify', laid.plan, '--json'], env);
  expect(verified.code).toBe(5);
  expect(documentOf(verified)).toMatchObject({ checked: 1, ok: 0, mismatched: [{ key: 'users/NO/good' }] });
}, 180_000);
