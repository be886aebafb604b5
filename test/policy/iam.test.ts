import { expect, it } from 'vitest';
import { parsePlan } from '../../src/plan/load.ts';
import type { Plan } from '../../src/plan/types.ts';
import { FORMATS, type PolicyFormat, policyFor, type Role } from '../../src/policy/iam.ts';

interface Told {
  readonly finish?: string;
  readonly tombstone?: string;
  readonly versions?: string;
  readonly prefix?: string;
  readonly select?: string;
  readonly key?: string;
  readonly region?: string;
}

function planOf(told: Told): Plan {
  const { finish = 'tombstoned', tombstone = '{ hold: 1d }', versions = 'current', region = 'eu-1' } = told;
  const { prefix = 'app/', select = '{ prefix: "users/" }', key = 'SSE-KMS' } = told;
  const source = `apiVersion: ferry/v1
name: p
runner: { jurisdiction: IE }
stores:
  legacy: { type: s3, region: ${region}, bucket: old, prefix: '${prefix}', jurisdiction: SG }
  centre: { type: s3, region: eu-1, bucket: new, jurisdiction: IE, encryption: { type: ${key} } }
partitions:
  - { name: all, from: legacy, select: ${select}, to: centre, versions: ${versions} }
finish: ${finish}
tombstone: ${tombstone}
`;
  const read = parsePlan(source, '/p.yaml', {});
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.plan;
}

function rights(plan: Plan, name: string, role: Role, format: PolicyFormat = 'aws'): string[] {
  const store = plan.stores[name];
  if (store?.type !== 's3') throw new Error(`no bucket ${name}`);
  const { Statement } = policyFor(plan, store, role, format);
  return Statement.flatMap(({ Action, Resource }) => Action.flatMap((one) => Resource.map((on) => `${one} ${on}`)));
}

const on = (all: readonly string[], action: RegExp): string[] => all.filter((right) => action.test(right));
const notOwn = (all: readonly string[]): string[] => all.filter((right) => !/\.ferry-(probe-|held\/)\*?/.test(right));

it.each(FORMATS)('never lets the roles do what they are not for: %s', (format) => {
  for (const finish of ['copied', 'tombstoned'])
    for (const keep of ['version', 'staged', 'centre']) {
      const plan = planOf({ finish, tombstone: `{ hold: 1d, keep: ${keep} }` });
      expect(notOwn(on(rights(plan, 'legacy', 'runner', format), /s3:Delete/))).toEqual([]);
      expect(notOwn(on(rights(plan, 'centre', 'runner', format), /s3:Delete/))).toEqual([]);
      for (const store of ['legacy', 'centre']) {
        expect(on(rights(plan, store, 'auditor', format), /s3:(Put|Delete|Abort)/)).toEqual([]);
        expect(notOwn(on(rights(plan, store, 'purger', format), /s3:(Get|Put)Object/))).toEqual([]);
      }
      expect(on(rights(plan, 'legacy', 'auditor', format), /s3:GetObject/)).toEqual([]);
      expect(on(rights(plan, 'centre', 'purger', format), /s3:(Put|Delete|Abort)/)).toEqual([]);
    }
});

it('writes nothing at a source that is not emptied', () => {
  const plan = planOf({ finish: 'verified' });
  expect(on(rights(plan, 'legacy', 'runner'), /s3:(Put|Delete|Abort)/)).toEqual([]);
});

it('follows what the plan says', () => {
  const cas = planOf({ tombstone: '{ hold: 1d, keep: version, without: cas }' });
  expect(rights(cas, 'legacy', 'runner')).toContain('s3:DeleteObjectVersion arn:aws:s3:::old/app/users/*');
  const whole = planOf({ versions: 'all' });
  expect(rights(whole, 'centre', 'runner')).toContain('s3:DeleteObject arn:aws:s3:::new/users/*');
  expect(rights(whole, 'centre', 'purger')).toContain('s3:ListBucketVersions arn:aws:s3:::new');
  const pattern = planOf({ select: '{ pattern: "users/{country}/**" }' });
  expect(rights(pattern, 'legacy', 'runner')).toContain('s3:GetObject arn:aws:s3:::old/app/users/*');
  const kept = planOf({ tombstone: '{ hold: 1d, keep: version }' });
  expect(on(rights(kept, 'legacy', 'purger'), /s3:DeleteObject /)).toEqual([]);
  expect(on(rights(kept, 'legacy', 'purger', 'minio'), /s3:DeleteObject /)).toHaveLength(1);
});

it('asks for a key of AWS KMS where the plan names one, and through S3 alone', () => {
  const arn = 'arn:aws:kms:eu-1:123456789012:key/1';
  const named = planOf({ key: `SSE-KMS, keyId: "${arn}"` });
  expect(rights(named, 'centre', 'runner')).toEqual(
    expect.arrayContaining([`kms:Decrypt ${arn}`, `kms:GenerateDataKey ${arn}`]),
  );
  expect(on(rights(named, 'centre', 'auditor'), /kms/)).toEqual([`kms:Decrypt ${arn}`]);
  expect(on(rights(named, 'centre', 'purger'), /kms/)).toEqual([]);
  expect(on(rights(named, 'centre', 'runner', 'minio'), /kms/)).toEqual([]);
  const centre = named.stores['centre'];
  const last = centre?.type === 's3' ? policyFor(named, centre, 'runner', 'aws').Statement.at(-1) : undefined;
  expect(last?.Condition).toEqual({ StringEquals: { 'kms:ViaService': 's3.eu-1.amazonaws.com' } });
});

it('names keys as they are, also where a policy means something else by them', () => {
  const odd = planOf({ prefix: 'a*b?/', region: 'cn-north-1' });
  expect(rights(odd, 'legacy', 'runner')).toContain(`s3:GetObject arn:aws-cn:s3:::old/a\${*}b\${?}/users/*`);
  expect(() => rights(odd, 'legacy', 'runner', 'minio')).toThrow('a policy of MinIO cannot name keys');
});
