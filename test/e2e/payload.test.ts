import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { expect, inject, it } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { ferry } from '../support/cli.ts';
import { bucketStore, minioClient, minioEnv, newBucket } from '../support/minio.ts';
import { planDocument } from '../support/plan.ts';
import { countingProxy } from '../support/proxy.ts';
import { tempDir } from '../support/temp.ts';

/** A plan between two buckets, and what its writes at the centre say of their bodies. */
async function lay(payload: 'signed' | 'unsigned') {
  const [from, to] = [await newBucket(), await newBucket()];
  await minioClient().send(new PutObjectCommand({ Bucket: from, Key: 'users/a', Body: 'some bytes' }));
  const said: (readonly [payload: unknown, checksum: boolean])[] = [];
  const proxy = await countingProxy(inject('minio').endpoint, {
    refuses: (headers) => {
      if (headers['content-length'] === '10')
        said.push([headers['x-amz-content-sha256'], headers['x-amz-checksum-sha256'] !== undefined]);
      return false;
    },
  });
  const dir = tempDir();
  const plan = join(dir, 'plan.json');
  const centre = { ...bucketStore(to, 'NO'), endpoint: proxy.endpoint, payload };
  const partitions = [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre' }];
  const stores = { legacy: bucketStore(from, 'SG'), centre };
  writeFileSync(plan, JSON.stringify({ ...planDocument(), stores, partitions, exclude: [], finish: 'verified' }));
  const state = join(dir, 'state');
  const run = async () => await ferry(['run', plan, '--state', state, '--json', '--progress', 'none'], minioEnv());
  return { run, said, state };
}

it('payload: unsigned leaves a body to the checksum that is signed with the headers', async () => {
  const { run, said } = await lay('unsigned');
  expect((await run()).code).toBe(0);
  expect(said).toEqual([['UNSIGNED-PAYLOAD', true]]);
});

it('the signature covers the body where the plan says nothing else', async () => {
  const { run, said } = await lay('signed');
  expect((await run()).code).toBe(0);
  expect(said).toEqual([[expect.stringMatching(/^[0-9a-f]{64}$/), true]]);
});

it('payload: unsigned is refused at a server that was shown not to check the checksum', async () => {
  const { run, state } = await lay('unsigned');
  expect((await run()).code).toBe(0);
  const ledger = Ledger.open(state);
  // It was tried before the first byte moved.
  expect(ledger.probes.result('centre', 'checks-digest')).toBe(true);
  ledger.probes.record('centre', 'checks-digest', false);
  ledger.close();
  const refused = await run();
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('leave payload: unsigned out of stores.centre');
});
