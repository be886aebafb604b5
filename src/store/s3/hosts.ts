import type { Destination } from '../../base/egress.ts';
import type { Plan, S3StoreSpec } from '../../plan/types.ts';

/** Partitions of AWS by the beginning of a region's name; https://docs.aws.amazon.com/general/latest/gr/s3.html for the names. */
const SUFFIXES: readonly (readonly [RegExp, string])[] = [
  [/^cn-/, 'amazonaws.com.cn'],
  [/^eusc-/, 'amazonaws.eu'],
  [/^us-iso-/, 'c2s.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov'],
];

/** Where the requests of a store go: its endpoint, or the names of S3 in its region, each also with the bucket before it. */
export function destinationsOf(spec: S3StoreSpec): Destination[] {
  const addresses = spec.expect?.addresses === undefined ? {} : { addresses: spec.expect.addresses };
  if (spec.endpoint === undefined)
    return awsHosts(spec.region).flatMap((host) =>
      [host, `${spec.bucket}.${host}`].map((one) => ({ host: one, port: 443, ...addresses })),
    );
  const { hostname, port, protocol } = new URL(spec.endpoint);
  const isPlain = protocol === 'http:';
  const to = { port: port === '' ? (isPlain ? 80 : 443) : Number(port), ...addresses };
  const hosts = spec.pathStyle === false ? [hostname, `${spec.bucket}.${hostname}`] : [hostname];
  return hosts.map((host) => ({ host, ...to, ...(isPlain ? { loopback: true as const } : {}) }));
}

function awsHosts(region: string): string[] {
  const suffix = SUFFIXES.find(([form]) => form.test(region))?.[1] ?? 'amazonaws.com';
  const services = ['s3', 's3.dualstack', 's3-fips', 's3-fips.dualstack'];
  const hosts = services.map((service) => `${service}.${region}.${suffix}`);
  return region === 'us-east-1' ? [...hosts, 's3.amazonaws.com'] : hosts;
}

/**
 * Whom the AWS SDK asks for credentials by a profile or the default chain: the instance's and the container's metadata, by the fixed
 * addresses that they have, and STS and IAM Identity Center. Plans whose stores name variables need none of them.
 */
export function credentialDestinations(plan: Plan): Destination[] {
  const asks = Object.values(plan.stores).some((spec) => spec.type === 's3' && spec.credentials.from !== 'env');
  return asks ? CREDENTIALS : [];
}

const CREDENTIALS: Destination[] = [
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  { host: '169.254.169.254', port: 80 },
  { host: 'fd00:ec2::254', port: 80 },
  // https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
  { host: '169.254.170.2', port: 80 },
  { host: '169.254.170.23', port: 80 },
  { host: 'fd00:ec2::23', port: 80 },
  // https://docs.aws.amazon.com/general/latest/gr/sts.html and /sso.html
  { host: /^sts(-fips)?(\.[a-z0-9-]+)?\.amazonaws\.(com|com\.cn|eu)$/, port: 443 },
  { host: /^(oidc|portal\.sso)\.[a-z0-9-]+\.amazonaws\.(com|com\.cn|eu)$/, port: 443 },
];
