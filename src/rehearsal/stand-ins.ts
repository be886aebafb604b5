import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '../base/canonical.ts';
import type { FileStoreSpec, Plan, S3StoreSpec } from '../plan/types.ts';
import { featuresOf, type Probed } from './features.ts';
import { type Outside, OutsideBucket, OutsideFolder } from './outside.ts';
import { KMS_KEY, StandInServer } from './stand-in-server.ts';

/** Throw-away stores that stand in for those of a plan: a MinIO server for each endpoint, a bucket for a bucket, a folder for a folder. */
export interface StandIns {
  readonly dir: string;
  /** Documents for the plan's copy. */
  readonly stores: Readonly<Record<string, Json>>;
  readonly env: Readonly<Record<string, string>>;
  /** What must never stand anywhere but in the environment. */
  readonly secrets: readonly string[];
  /** Each store as seen without ferry, by someone patient … */
  readonly outside: ReadonlyMap<string, Outside>;
  /** … and by an application, which sends each request once. */
  readonly application: ReadonlyMap<string, Outside>;
  readonly servers: readonly StandInServer[];
  remove(): Promise<void>;
}

interface Making {
  readonly plan: Plan;
  readonly dir: string;
  readonly seed: number;
  readonly probed: Probed;
  readonly tell: (text: string) => void;
  readonly servers: Map<
    string,
    { readonly server: StandInServer; readonly index: number; readonly buckets: Map<string, string> }
  >;
  readonly env: Record<string, string>;
}

const PATIENT = 12;

export async function makeStandIns(
  plan: Plan,
  options: { readonly seed: number; readonly probed: Probed; readonly tell: (text: string) => void },
): Promise<StandIns> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-rehearsal-'));
  const making: Making = { ...options, plan, dir, servers: new Map(), env: {} };
  const outside = new Map<string, Outside>();
  const application = new Map<string, Outside>();
  const stores: Record<string, Json> = {};
  const remove = async (): Promise<void> => {
    await Promise.all([...outside.values(), ...application.values()].map((store) => store.close()));
    await Promise.all([...making.servers.values()].map(({ server }) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await mkdir(join(dir, 'scratch'));
    for (const spec of Object.values(plan.stores)) {
      const made = spec.type === 'file' ? await folder(making, spec) : await bucket(making, spec);
      stores[spec.name] = made.document;
      outside.set(spec.name, made.outside);
      application.set(spec.name, made.application);
    }
  } catch (error) {
    await remove();
    throw error;
  }
  const servers = [...making.servers.values()].map(({ server }) => server);
  const secrets = servers.map(({ credentials }) => credentials.secretKey);
  return { dir, env: making.env, stores, outside, application, servers, secrets, remove };
}

interface Made {
  readonly document: Json;
  readonly outside: Outside;
  readonly application: Outside;
}

async function folder({ dir, plan }: Making, spec: FileStoreSpec): Promise<Made> {
  const path = join(dir, 'stores', spec.name);
  await mkdir(path, { recursive: true });
  const outside = new OutsideFolder(path, join(dir, 'scratch'));
  return { document: { ...written(plan, spec.name), path } as Json, outside, application: outside };
}

/** What is about the real server and its credentials. */
const OF_THE_SERVER = ['endpoint', 'region', 'bucket', 'pathStyle', 'credentials', 'encryption', 'expect', 'pin', 'ca'];

async function bucket(making: Making, spec: S3StoreSpec): Promise<Made> {
  const { server, index, buckets } = await serverFor(making, spec);
  let name = buckets.get(spec.bucket);
  if (name === undefined) {
    name = bucketName(index, buckets.size);
    buckets.set(spec.bucket, name);
    await server.makeBucket(name, featuresOfBucket(making, spec));
  }
  const rest = Object.entries(written(making.plan, spec.name)).filter(([field]) => !OF_THE_SERVER.includes(field));
  const document = {
    ...Object.fromEntries(rest),
    endpoint: server.proxy.endpoint,
    region: 'us-east-1',
    bucket: name,
    credentials: { accessKeyIdEnv: keyEnv(index), secretAccessKeyEnv: secretEnv(index) },
    ...encryptionOf(spec),
  };
  const see = (attempts: number): Outside => new OutsideBucket(server.client(attempts), name, spec.prefix);
  return { document: document as Json, outside: see(PATIENT), application: see(1) };
}

/** Stores at one endpoint share a server, as they do in earnest: it may then copy by itself. */
async function serverFor({ plan, dir, seed, tell, probed, servers, env }: Making, spec: S3StoreSpec) {
  const at = endpointOf(spec);
  const there = servers.get(at);
  if (there !== undefined) return there;
  const index = servers.size;
  const beside = s3StoresOf(plan).filter((other) => endpointOf(other) === at);
  const kms = beside.some((other) => featuresOf(plan, other, probed).kms);
  const numbers = [...new Set(beside.map((other) => other.bucket))];
  const isCentre = (store: string): boolean => plan.partitions.some(({ to }) => to === store);
  const centres = new Set(
    beside.flatMap((one) => (isCentre(one.name) ? [bucketName(index, numbers.indexOf(one.bucket))] : [])),
  );
  const server = await StandInServer.start({ dir, name: `server-${index}`, kms, seed, centres, tell });
  env[keyEnv(index)] = server.credentials.accessKey;
  env[secretEnv(index)] = server.credentials.secretKey;
  const made = { server, index, buckets: new Map<string, string>() };
  servers.set(at, made);
  return made;
}

/** Of all stores in the bucket together. */
function featuresOfBucket({ plan, probed }: Making, { bucket: name, ...spec }: S3StoreSpec) {
  const sharing = s3StoresOf(plan).filter(
    (other) => other.bucket === name && endpointOf(other) === endpointOf({ ...spec, bucket: name }),
  );
  const all = sharing.map((other) => featuresOf(plan, other, probed));
  return {
    versioning: all.some(({ versioning }) => versioning),
    objectLock: all.some(({ objectLock }) => objectLock),
    kms: all.some(({ kms }) => kms),
    encrypts: all.some(({ encrypts }) => encrypts),
  };
}

function encryptionOf({ encryption, keyHolder }: S3StoreSpec): { readonly encryption?: Json } {
  const holder = keyHolder === undefined ? {} : { keyHolder };
  if (encryption === undefined || encryption.type === 'SSE-C') return {};
  const key = encryption.type === 'SSE-KMS' && encryption.keyId !== undefined ? { keyId: KMS_KEY } : {};
  return { encryption: { type: encryption.type, ...key, ...holder } };
}

function s3StoresOf(plan: Plan): S3StoreSpec[] {
  return Object.values(plan.stores).filter((store) => store.type === 's3');
}

function endpointOf({ endpoint, region }: S3StoreSpec): string {
  return endpoint ?? `aws ${region}`;
}

function bucketName(server: number, bucket: number): string {
  return `rehearsal-${server}-${bucket}`;
}

function keyEnv(index: number): string {
  return `FERRY_REHEARSAL_KEY_${index}`;
}

function secretEnv(index: number): string {
  return `FERRY_REHEARSAL_SECRET_${index}`;
}

/** A store as the plan's document has it. */
function written(plan: Plan, name: string): { readonly [field: string]: Json | undefined } {
  const stores = plan.document['stores'] as {
    readonly [store: string]: { readonly [field: string]: Json | undefined };
  };
  return stores[name] ?? {};
}
