import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { Plan, Selector, StoreSpec } from '../plan/types.ts';
import { type MinioServer, startMinio } from './minio.ts';
import { type Outside, OutsideBucket, OutsideFolder } from './outside.ts';

/** Throw-away stores that stand in for those of a plan: a MinIO server for each bucket, a folder for each directory tree. */
export interface StandIns {
  readonly dir: string;
  /** The plan's document with the stand-ins as its stores. */
  document(manifests: ReadonlyMap<number, string>): unknown;
  readonly env: Readonly<Record<string, string>>;
  /** Each store as seen without ferry. */
  readonly outside: ReadonlyMap<string, Outside>;
  remove(): Promise<void>;
}

const BUCKET = 'rehearsal';

export async function makeStandIns(plan: Plan): Promise<StandIns> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-rehearsal-'));
  const servers: MinioServer[] = [];
  const env: Record<string, string> = {};
  const outside = new Map<string, Outside>();
  const stores: Record<string, unknown> = {};
  const remove = async (): Promise<void> => {
    await Promise.all([...outside.values()].map((store) => store.close()));
    await Promise.all(servers.map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    for (const [index, spec] of Object.values(plan.stores).entries()) {
      const made = spec.type === 'file' ? await folder(dir, spec) : await bucket(spec, index, env, servers);
      stores[spec.name] = made.document;
      outside.set(spec.name, made.outside);
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { dir, env, outside, remove, document: (manifests) => documentOf(plan, stores, manifests) };
}

async function folder(dir: string, spec: StoreSpec): Promise<{ document: unknown; outside: Outside }> {
  const path = join(dir, 'stores', spec.name);
  await mkdir(path, { recursive: true });
  return { document: { type: 'file', path, jurisdiction: spec.jurisdiction }, outside: new OutsideFolder(path) };
}

async function bucket(
  spec: StoreSpec,
  index: number,
  env: Record<string, string>,
  servers: MinioServer[],
): Promise<{ document: unknown; outside: Outside }> {
  const server = await startMinio();
  servers.push(server);
  const [keyEnv, secretEnv] = [`FERRY_REHEARSAL_KEY_${index}`, `FERRY_REHEARSAL_SECRET_${index}`];
  env[keyEnv] = server.accessKey;
  env[secretEnv] = server.secretKey;
  const client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const document = {
    type: 's3',
    endpoint: server.endpoint,
    region: 'us-east-1',
    bucket: BUCKET,
    jurisdiction: spec.jurisdiction,
    credentials: { accessKeyIdEnv: keyEnv, secretAccessKeyEnv: secretEnv },
  };
  return { document, outside: new OutsideBucket(client, BUCKET) };
}

function documentOf(plan: Plan, stores: Record<string, unknown>, manifests: ReadonlyMap<number, string>): unknown {
  const { residency, runner, verify, finish, tombstone, limits } = plan;
  return {
    apiVersion: plan.apiVersion,
    name: plan.name,
    residency,
    ...(runner === undefined ? {} : { runner }),
    stores,
    partitions: plan.partitions.map(({ name, from, to, select, accept }, index) => ({
      name,
      from,
      to,
      select: selectDocument(select, manifests.get(index)),
      accept: [...accept],
    })),
    unassigned: 'refuse',
    verify,
    finish,
    // A rehearsal has no one to ask.
    tombstone: { hold: `${Math.ceil(tombstone.holdMs / 1000)}s`, approvals: 0 },
    limits: { concurrency: limits.concurrency },
  };
}

function selectDocument(select: Selector, manifest: string | undefined): unknown {
  switch (select.by) {
    case 'prefix':
      return { prefix: select.prefix };
    case 'manifest':
      return { manifest: { path: manifest, format: 'ndjson' } };
    case 'pattern': {
      const { pattern, where, shard } = select;
      const sharded = shard && { shard: `hash(${shard.capture}) % ${shard.modulus} in ${shard.from}..${shard.to}` };
      return { pattern, ...(Object.keys(where).length > 0 ? { where } : {}), ...sharded };
    }
  }
}
