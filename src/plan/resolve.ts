import { resolve } from 'node:path';
import { ATTRIBUTE_NAMES } from '../base/attribute-names.ts';
import type { Json } from '../base/canonical.ts';
import { digestOf } from '../base/digest.ts';
import { limitsOf, plainLimits } from './resolve-limits.ts';
import type { PlanDocument, SelectDocument, StoreDocument } from './schema/plan.ts';
import { MANIFEST_FORMATS } from './schema/routing.ts';
import { parseShard } from './shard.ts';
import type {
  ApproverSpec,
  CredentialsSpec,
  EncryptionSpec,
  ExcludeSpec,
  ManifestFormat,
  Plan,
  Selector,
  StoreSpec,
} from './types.ts';
import { parseDuration, parseSize } from './units.ts';

/**
 * Makes the plan of a document that passed all checks.
 *
 * @param file absolute path of the plan file.
 * @param folder that relative paths start from.
 */
export function resolvePlan(written: PlanDocument, file: string, folder: string): Plan {
  const document = fillIn(written);
  const { stores, partitions, exclude, accept = [], objectLock = 'carry', storageClass } = document;
  const routed = partitions.map(({ accept: _a, objectLock: _o, storageClass: _s, ...partition }) => partition);
  return deepFreeze<Plan>({
    apiVersion: document.apiVersion,
    name: document.name,
    file,
    digest: digestOf(document as unknown as Json),
    document: document as unknown as { readonly [name: string]: Json | undefined },
    routing: digestOf({ stores, partitions: routed, exclude } as unknown as Json),
    residency: document.residency,
    runner: document.runner,
    approvers: (document.approvers ?? []).map((approver) => approverOf(approver, folder)),
    revoked: document.revoked ?? [],
    drift: { objects: document.drift?.objects ?? 0, bytes: parsed(parseSize(document.drift?.bytes ?? '0')) },
    saltFile: document.evidence?.saltFile === undefined ? undefined : resolve(folder, document.evidence.saltFile),
    stores: Object.fromEntries(Object.entries(stores).map(([name, store]) => [name, storeOf(name, store, folder)])),
    ...(document.control === undefined ? {} : { control: document.control }),
    partitions: partitions.map(({ name, from, to, select, versions, encryption, accept: own = [], ...rest }) => ({
      name,
      from,
      to,
      select: selectorOf(select, folder),
      versions: versions ?? 'current',
      encryption,
      accept: ATTRIBUTE_NAMES.filter((attribute) => accept.includes(attribute) || own.includes(attribute)),
      objectLock: rest.objectLock ?? objectLock,
      storageClasses: { ...storageClass, ...rest.storageClass },
    })),
    exclude: exclude.map(
      (rule): ExcludeSpec => ({ from: rule.from, select: selectorOf(rule, folder), reason: rule.reason }),
    ),
    unassigned: document.unassigned,
    verify: document.verify,
    serverSideCopy: document.serverSideCopy ?? 'allow',
    finish: document.finish,
    tombstone: {
      holdMs: parsed(parseDuration(document.tombstone.hold)),
      approvals: document.tombstone.approvals,
      markers: document.tombstone.markers ?? 'auto',
      keep: document.tombstone.keep,
      without: document.tombstone.without,
    },
    limits: limitsOf(document.limits),
  });
}

/**
 * Fills in what a default depends on other fields for, and writes what can be written in two ways in one: a manifest as path and
 * format, the values of `where` as lists. So plans that mean the same have one digest.
 */
function fillIn(document: PlanDocument): PlanDocument {
  const { serverSideCopy, ...rest } = document;
  return {
    ...rest,
    ...(serverSideCopy === 'never' ? { serverSideCopy } : {}),
    partitions: document.partitions.map((partition) => ({ ...partition, select: plainSelect(partition.select) })),
    exclude: document.exclude.map((rule) => ({ ...rule, ...plainSelect(rule) })),
    limits: plainLimits(document.limits),
  };
}

function plainSelect<S extends SelectDocument>(select: S): S {
  if ('manifest' in select) {
    const given = typeof select.manifest === 'string' ? { path: select.manifest } : select.manifest;
    return { ...select, manifest: { path: given.path, format: given.format ?? formatOf(given.path) } };
  }
  if (!('pattern' in select)) return select;
  const where = Object.entries(select.where ?? {}).map(([name, value]) => [
    name,
    typeof value === 'string' ? [value] : value,
  ]);
  return { ...select, where: Object.fromEntries(where) };
}

/** By what stands before a `.gz`: `.ndjson` and `.jsonl`, `.csv`; anything else is one key a line. */
function formatOf(path: string): ManifestFormat {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  const [ndjson, csv, lines] = MANIFEST_FORMATS;
  if (name.endsWith('.ndjson') || name.endsWith('.jsonl')) return ndjson;
  return name.endsWith('.csv') ? csv : lines;
}

function selectorOf(select: SelectDocument, folder: string): Selector {
  if ('prefix' in select) return { by: 'prefix', prefix: select.prefix };
  if ('manifest' in select) {
    const { path, format } =
      typeof select.manifest === 'string' ? { path: select.manifest, format: undefined } : select.manifest;
    return { by: 'manifest', path: resolve(folder, path), format: format ?? formatOf(path) };
  }
  const where = Object.entries(select.where ?? {}).map(
    ([name, value]) => [name, typeof value === 'string' ? [value] : value] as const,
  );
  const shard = select.shard === undefined ? undefined : parseShard(select.shard);
  if (typeof shard === 'string') throw new Error(`an unchecked shard: ${shard}`);
  return { by: 'pattern', pattern: select.pattern, where: Object.fromEntries(where), shard };
}

function storeOf(name: string, store: StoreDocument, folder: string): StoreSpec {
  if (store.type === 'file')
    return {
      type: 'file',
      name,
      jurisdiction: store.jurisdiction,
      path: resolve(folder, store.path),
      keys: store.keys ?? 'refuse',
      links: store.links ?? 'refuse',
      xattrs: store.xattrs ?? 'ignore',
    };
  return {
    type: 's3',
    name,
    jurisdiction: store.jurisdiction,
    endpoint: store.endpoint === undefined ? undefined : new URL(store.endpoint).origin,
    region: store.region,
    bucket: store.bucket,
    prefix: store.prefix,
    pathStyle: store.pathStyle,
    ...(store.payload === 'unsigned' ? { payload: store.payload } : {}),
    credentials: credentialsOf(store.credentials),
    encryption: encryptionOf(store.encryption, folder),
    ...(store.expect === undefined ? {} : { expect: store.expect }),
    ...(store.pin === undefined ? {} : { pin: store.pin }),
    ...(store.encryption?.keyHolder === undefined ? {} : { keyHolder: store.encryption.keyHolder }),
    ...(store.ca === undefined ? {} : { ca: resolve(folder, store.ca) }),
  };
}

function encryptionOf(
  given: Extract<StoreDocument, { type: 's3' }>['encryption'],
  folder: string,
): EncryptionSpec | undefined {
  switch (given?.type) {
    case undefined:
      return undefined;
    case 'SSE-S3':
      return { type: 'SSE-S3' };
    case 'SSE-KMS':
      return given.keyId === undefined ? { type: 'SSE-KMS' } : { type: 'SSE-KMS', keyId: given.keyId };
    case 'SSE-C':
      return customerKeyOf(given, folder);
  }
}

function customerKeyOf(
  given: { readonly keyFile?: string | undefined; readonly keyEnv?: string | undefined },
  folder: string,
): EncryptionSpec {
  if (given.keyFile !== undefined) return { type: 'SSE-C', keyFile: resolve(folder, given.keyFile) };
  if (given.keyEnv === undefined) throw new Error('SSE-C without a key');
  return { type: 'SSE-C', keyEnv: given.keyEnv };
}

function approverOf(
  { name, jurisdiction, key }: { readonly name: string; readonly jurisdiction: string; readonly key: string },
  folder: string,
): ApproverSpec {
  return { name, jurisdiction, key: key.startsWith('ssh-') ? { text: key } : { path: resolve(folder, key) } };
}

function credentialsOf(given: Extract<StoreDocument, { type: 's3' }>['credentials']): CredentialsSpec {
  if (given === undefined) return { from: 'default' };
  if ('profile' in given) return { from: 'profile', profile: given.profile };
  const { accessKeyIdEnv, secretAccessKeyEnv, sessionTokenEnv } = given;
  return { from: 'env', accessKeyIdEnv, secretAccessKeyEnv, sessionTokenEnv };
}

function parsed(value: number | undefined): number {
  if (value === undefined) throw new Error('a unit that was not checked');
  return value;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
