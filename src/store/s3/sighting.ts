import type { S3Client } from '@aws-sdk/client-s3';
import { addressesSeen } from '../../base/egress.ts';
import { FerryError } from '../../base/errors.ts';
import { plainHost } from '../../base/networks.ts';
import type { S3StoreSpec } from '../../plan/types.ts';
import type { Observed } from '../store.ts';

/** Answers that send a request on; 304 is none (RFC 9110, 15.4). */
const REDIRECTS = [301, 302, 303, 307, 308];

interface Asked {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
}

interface SeenAnswer {
  readonly statusCode?: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: { readonly destroy?: () => void } | undefined;
  /** Where it came from, where that is known. */
  readonly address?: string | undefined;
}

interface SdkAnswer extends Omit<SeenAnswer, 'address'> {
  readonly body?: { readonly socket?: { readonly remoteAddress?: string }; readonly destroy?: () => void };
}

/** What is seen of a store's server, held against what the plan says is to be expected. */
export class Sighting {
  readonly #spec: S3StoreSpec;
  #host: string | undefined;
  #address: string | undefined;
  #region: string | undefined;
  #pin: string | undefined;

  constructor(spec: S3StoreSpec) {
    this.#spec = spec;
  }

  /** `undefined` before the first answer. */
  get observed(): Observed | undefined {
    if (this.#host === undefined || this.#address === undefined) return undefined;
    const addresses = [...new Set([...addressesSeen(this.#host), this.#address])].toSorted();
    return { host: this.#host, addresses, region: this.#region, pin: this.#pin };
  }

  get region(): string | undefined {
    return this.#region;
  }

  /** An empty location is us-east-1, and `EU` eu-west-1: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html */
  sawLocation(location: string | undefined): void {
    if (location === undefined || location === '') this.#region = 'us-east-1';
    else this.#region = location === 'EU' ? 'eu-west-1' : location;
  }

  sawPin(pin: string): void {
    this.#pin = pin;
  }

  /** Looks at each request of a client before it leaves, and at its answer before anyone else does. */
  watch(client: S3Client): void {
    client.middlewareStack.add(
      (next) => async (args) => {
        const asked = args.request as Asked;
        this.asks(asked);
        const result = await next(args);
        const { body, ...seen } = result.response as SdkAnswer;
        this.saw(asked, { ...seen, body, address: body?.socket?.remoteAddress });
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'ferrySighting' },
    );
  }

  /** Looks at a request before it leaves. @throws FerryError `refused`. */
  asks({ hostname }: Pick<Asked, 'hostname'>): void {
    this.#checkHost(plainHost(hostname));
  }

  /** @throws FerryError `refused` where the server says another region than expected, or none. */
  checkRegion(): void {
    const expected = this.#spec.expect?.region;
    if (expected === undefined || expected === this.#region) return;
    const seen = this.#region === undefined ? 'the server does not say which it is' : `${this.#region} was observed`;
    throw this.#differs(
      'region',
      `the bucket ${this.#spec.bucket} is declared to be in the region ${expected}, but ${seen}`,
    );
  }

  #checkHost(host: string): void {
    const hosts = this.#spec.expect?.hosts;
    if (hosts === undefined || hosts.some((one) => matches(one.toLowerCase(), host))) return;
    throw this.#differs('hosts', `it is declared to be at ${hosts.join(', ')}, but its requests go to ${host}`);
  }

  /** Looks at an answer before anyone else does. @throws FerryError `refused` for one that sends the request on. */
  saw(asked: Asked, { statusCode = 0, headers = {}, body, address }: SeenAnswer): void {
    const host = plainHost(asked.hostname);
    this.#host = host;
    this.#address = address ?? this.#address;
    this.#region = headers['x-amz-bucket-region'] ?? this.#region;
    if (!REDIRECTS.includes(statusCode)) return;
    const to = serverOf(headers['location']);
    if (to !== undefined && to === serverOf(`${asked.protocol}//${asked.hostname}:${asked.port ?? ''}`)) return;
    const region = headers['x-amz-bucket-region'];
    const said = [to === undefined ? [] : [`to ${to}`], region === undefined ? [] : [`to the region ${region}`]].flat();
    const { name } = this.#spec;
    body?.destroy?.();
    throw new FerryError({
      fault: 'refused',
      op: 'follow a redirect',
      subject: `store ${name} at ${host}`,
      why: `the server sends requests on ${said.join(', ') || 'elsewhere'} (HTTP ${statusCode}); nothing goes where the plan does not say`,
      hint: `if the bucket is there, name it in stores.${name}.endpoint or stores.${name}.region`,
      field: `stores.${name}.${this.#spec.endpoint === undefined ? 'region' : 'endpoint'}`,
    });
  }

  #differs(field: 'region' | 'hosts', why: string): FerryError {
    const { name } = this.#spec;
    return new FerryError({
      fault: 'refused',
      op: 'take a store for the declared one',
      subject: `store ${name}`,
      why,
      hint: `see which is right, and mend the store or stores.${name}.expect.${field}; nothing was read or written there`,
      field: `stores.${name}.expect.${field}`,
    });
  }
}

/** A host, or with a leading dot the end of one. */
function matches(expected: string, host: string): boolean {
  return expected.startsWith('.') ? host.endsWith(expected) : host === expected;
}

/** Scheme, host and port of an absolute URL. */
function serverOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;
}
