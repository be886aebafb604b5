import { FerryError } from '../base/errors.ts';
import type { PartitionSpec, Plan, S3StoreSpec } from '../plan/types.ts';

/** Who works with a plan: `run`, `doctor` and `restore`; `verify` and `audit`; `purge`. */
export type Role = 'runner' | 'auditor' | 'purger';
export const ROLES: readonly Role[] = ['runner', 'auditor', 'purger'];

export type PolicyFormat = 'aws' | 'minio';
export const FORMATS: readonly PolicyFormat[] = ['aws', 'minio'];

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html */
export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Statement[];
}

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What a store is to the plan, and how its objects are named in policies. */
interface Place {
  readonly plan: Plan;
  readonly store: S3StoreSpec;
  readonly partitions: readonly PartitionSpec[];
  readonly isSource: boolean;
  readonly format: PolicyFormat;
}

/**
 * The least that a role needs at one bucket (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html).
 *
 * @throws FerryError `usage` where the format has no way to name the store's keys.
 */
export function policyFor(plan: Plan, store: S3StoreSpec, role: Role, format: PolicyFormat): PolicyDocument {
  const isSource = plan.partitions.some(({ from }) => from === store.name);
  const partitions = plan.partitions.filter(({ from, to }) => (isSource ? from : to) === store.name);
  const place: Place = { plan, store, partitions, isSource, format };
  const statements = [bucketStatement(place, role), ...objectStatements(place, role), ...keyService(place, role)];
  return { Version: '2012-10-17', Statement: statements.filter(({ Action }) => Action.length > 0) };
}

const READ = [
  's3:GetObject',
  's3:GetObjectTagging',
  's3:GetObjectVersionTagging',
  // Without these a lock is not told of, and would not go along.
  's3:GetObjectRetention',
  's3:GetObjectLegalHold',
];
const READ_VERSIONS = ['s3:GetObjectVersion', ...READ];
const WRITE = ['s3:PutObject', 's3:PutObjectTagging', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'];
const LOCK = ['s3:PutObjectRetention', 's3:PutObjectLegalHold'];

function bucketStatement(place: Place, role: Role): Statement {
  const { store, isSource, partitions } = place;
  const histories = partitions.some(({ versions }) => versions === 'all');
  const action = [
    // HeadBucket too; a condition on the prefix would forbid that.
    's3:ListBucket',
    's3:GetBucketVersioning',
    ...when(role !== 'purger' || isSource || histories, 's3:ListBucketVersions'),
    ...when(role === 'runner' || isSource, 's3:ListBucketMultipartUploads'),
    ...when(role === 'runner' || (role === 'auditor' && !isSource), 's3:GetBucketObjectLockConfiguration'),
    ...when(store.expect?.region !== undefined, 's3:GetBucketLocation'),
  ];
  const { arn } = names(place);
  return { Sid: 'FerryBucket', Effect: 'Allow', Action: action, Resource: [`${arn}${store.bucket}`] };
}

function objectStatements(place: Place, role: Role): readonly Statement[] {
  if (role === 'auditor') return place.isSource ? [] : [objects(place, 'FerryRead', readAtCentre(place))];
  if (role === 'purger') return place.isSource ? purging(place) : [];
  return place.isSource ? runningAtSource(place) : runningAtCentre(place);
}

function runningAtSource(place: Place): readonly Statement[] {
  const { plan, partitions } = place;
  const { keep, without } = plan.tombstone;
  // A source that is only read is tried on whatever object comes first.
  if (plan.finish !== 'tombstoned') return [whole(place, 'FerryRead', READ_VERSIONS)];
  const locks = partitions.some(({ objectLock }) => objectLock === 'carry') ? LOCK : [];
  return [
    objects(place, 'FerryRead', READ_VERSIONS),
    // Markers, and what a restore brings back.
    objects(place, 'FerryMarkers', [...WRITE, ...locks]),
    // The history tells what came between, and the marker is then taken away by its own id.
    objects(place, 'FerryOwnVersions', when(without === 'cas', 's3:DeleteObjectVersion')),
    held(place, 'FerryHeld', keep === 'staged' ? [...READ, ...WRITE, ...locks, 's3:DeleteObject'] : []),
    probes(place, [...READ, ...WRITE, 's3:DeleteObject', 's3:DeleteObjectVersion']),
  ];
}

/** Older versions are read only where histories move. */
function readAtCentre({ partitions }: Place): readonly string[] {
  return partitions.some(({ versions }) => versions === 'all') ? READ_VERSIONS : READ;
}

function runningAtCentre(place: Place): readonly Statement[] {
  const { partitions } = place;
  const locks = partitions.some(({ objectLock }) => objectLock === 'carry') ? LOCK : [];
  const histories = partitions.some(({ versions }) => versions === 'all');
  return [
    // Whether another object lies in the way is looked at too: "users" is in that of "users/1".
    whole(place, 'FerryRead', readAtCentre(place)),
    objects(place, 'FerryCopies', [...WRITE, ...locks]),
    // A delete marker of a history is made by a DELETE that names no version: it hides, and removes nothing.
    objects(place, 'FerryDeleteMarkers', when(histories, 's3:DeleteObject')),
    probes(place, [...READ, ...WRITE, 's3:DeleteObject', 's3:DeleteObjectVersion']),
  ];
}

function purging(place: Place): readonly Statement[] {
  const { keep, markers } = place.plan.tombstone;
  const plain = keep !== 'version';
  // Where versions keep the old bytes, nothing goes without a version's id; MinIO asks for this right even then.
  const remove = [
    's3:DeleteObjectVersion',
    's3:AbortMultipartUpload',
    ...when(plain || place.format === 'minio', 's3:DeleteObject'),
  ];
  const asks = plain && markers === 'auto';
  return [
    objects(place, 'FerryRemove', remove),
    held(place, 'FerryHeld', plain ? remove : []),
    // Whether a DELETE is bound to what is deleted is tried on an object of ferry's own.
    probes(place, asks ? ['s3:GetObject', 's3:PutObject', ...remove] : []),
  ];
}

/** Where the plan names a key of AWS KMS. MinIO asks for no right of its own there. */
function keyService({ store, format, isSource, plan }: Place, role: Role): readonly Statement[] {
  const { encryption, region } = store;
  if (format !== 'aws' || encryption?.type !== 'SSE-KMS' || role === 'purger') return [];
  if (role === 'auditor' && isSource) return [];
  const writes = role === 'runner' && (!isSource || plan.finish === 'tombstoned');
  const named = encryption.keyId?.startsWith('arn:') === true ? encryption.keyId : undefined;
  const statement = {
    Sid: 'FerryKey',
    Effect: 'Allow' as const,
    Action: ['kms:Decrypt', ...when(writes, 'kms:GenerateDataKey')],
    // An id alone, an alias or the bucket's own key does not say whose account it is in.
    Resource: [named ?? '*'],
  };
  const Condition = { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } };
  return [{ ...statement, Condition }];
}

/** The objects that partitions select, as far as a policy can say that. */
function objects(place: Place, Sid: string, Action: readonly string[]): Statement {
  const { literal } = names(place);
  const heads = [...new Set(place.partitions.map(({ select }) => headOf(select)))].sort();
  const widest = heads.filter((head) => !heads.some((other) => other !== head && head.startsWith(other)));
  return statement(
    place,
    Sid,
    Action,
    widest.map((head) => `${literal(head)}*`),
  );
}

function whole(place: Place, Sid: string, Action: readonly string[]): Statement {
  return statement(place, Sid, Action, ['*']);
}

/** Copies that were put aside at the source. */
function held(place: Place, Sid: string, Action: readonly string[]): Statement {
  return statement(place, Sid, Action, ['.ferry-held/*']);
}

/** Objects of ferry's own, also one under a key that begins with a slash. */
function probes(place: Place, Action: readonly string[]): Statement {
  return statement(place, 'FerryProbes', Action, ['.ferry-probe-*', '/.ferry-probe-*']);
}

function statement(place: Place, Sid: string, Action: readonly string[], keys: readonly string[]): Statement {
  const { arn, literal } = names(place);
  const { bucket, prefix } = place.store;
  const Resource = keys.map((key) => `${arn}${bucket}/${literal(prefix)}${key}`);
  return { Sid, Effect: 'Allow', Action: [...new Set(Action)].sort(), Resource };
}

/** What all keys that a selector can select begin with. */
function headOf(select: PartitionSpec['select']): string {
  if (select.by === 'prefix') return select.prefix;
  return select.by === 'pattern' ? (/^[^{}*?[\]\\]*/.exec(select.pattern)?.[0] ?? '') : '';
}

/** Of a bucket, as policies of AWS name it. */
export function arnOf({ region, bucket }: S3StoreSpec): string {
  return `arn:${partitionOf(region)}:s3:::${bucket}`;
}

function partitionOf(region: string): string {
  return region.startsWith('cn-') ? 'aws-cn' : govOr(region);
}

function names({ store, format }: Place) {
  const partition = format === 'minio' ? 'aws' : partitionOf(store.region);
  return { arn: `arn:${partition}:s3:::`, literal: (text: string) => literal(store.name, text, format) };
}

function govOr(region: string): string {
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars */
function literal(store: string, text: string, format: PolicyFormat): string {
  if (format === 'aws') return text.replace(/[*?$]/g, (character) => `\${${character}}`);
  if (!/[*?$]/.test(text)) return text;
  throw new FerryError({
    fault: 'usage',
    op: 'write a policy',
    subject: store,
    why: `a policy of MinIO cannot name keys that begin with ${JSON.stringify(text)}: "*", "?" and "$" mean something else there`,
    hint: 'use another prefix, or write the policy by hand',
  });
}

function when(holds: boolean, ...actions: readonly string[]): readonly string[] {
  return holds ? actions : [];
}
