import { hash } from 'node:crypto';

/** What a request is signed with. */
export interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What is signed of a request. */
export interface Unsigned {
  readonly method: string;
  /** As it goes over the wire, escaped. */
  readonly path: string;
  /** As it goes over the wire: escaped, in the order of the names; empty where there is none. */
  readonly query: string;
  /** Names in lower case, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`. */
  readonly payload: string;
}

/** What proxies and connections may change on the way, and what says nothing of the request. */
const UNSIGNED = new Set(['cache-control', 'connection', 'expect', 'transfer-encoding', 'user-agent']);

/**
 * Signs requests to S3 by AWS Signature Version 4 in a header
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). A key is good for a day, so it is made once.
 */
export class Signer {
  readonly #region: string;
  #key: { readonly secret: string; readonly day: string; readonly key: HmacKey } | undefined;
  #second = 0;
  #stamp = '';

  constructor(region: string) {
    this.#region = region;
  }

  /** All headers that are to be sent. @param now milliseconds since 1970, by the server's clock. */
  sign(request: Unsigned, identity: Identity, now: number): Record<string, string> {
    const { method, path, query, payload } = request;
    const time = this.#stampOf(now);
    const headers: Record<string, string> = { ...request.headers, 'x-amz-content-sha256': payload, 'x-amz-date': time };
    if (identity.sessionToken !== undefined) headers['x-amz-security-token'] = identity.sessionToken;
    const names = Object.keys(headers)
      .filter((name) => !UNSIGNED.has(name))
      .sort();
    let canonical = `${method}\n${path}\n${query}\n`;
    for (const name of names) canonical += `${name}:${collapsed(headers[name] ?? '')}\n`;
    const signed = names.join(';');
    const digest = hash('sha256', `${canonical}\n${signed}\n${payload}`, 'hex');
    const day = time.slice(0, 8);
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    const key = this.#keyOf(identity.secretAccessKey, day);
    const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`).toString('hex');
    headers['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${identity.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
    return headers;
  }

  #keyOf(secret: string, day: string): HmacKey {
    if (this.#key?.secret === secret && this.#key.day === day) return this.#key.key;
    const first = hmacKey(Buffer.from(`AWS4${secret}`));
    const key = [day, this.#region, 's3', 'aws4_request'].reduce((last, text) => hmacKey(hmac(last, text)), first);
    this.#key = { secret, day, key };
    return key;
  }

  /** `20261125T102631Z` */
  #stampOf(now: number): string {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#stamp = `${new Date(second * 1_000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
      this.#second = second;
    }
    return this.#stamp;
  }
}

/** A key of HMAC (RFC 2104, 2) as its two digests begin with it. */
interface HmacKey {
  readonly inner: Buffer;
  readonly outer: Buffer;
}

const BLOCK = 64;

function hmacKey(key: Buffer): HmacKey {
  const padded = Buffer.alloc(BLOCK);
  (key.byteLength > BLOCK ? hash('sha256', key, 'buffer') : key).copy(padded);
  return { inner: padded.map((byte) => byte ^ 0x36) as Buffer, outer: padded.map((byte) => byte ^ 0x5c) as Buffer };
}

/** HMAC-SHA-256. Two digests made at once take a fifth of the time that an object of Node's for it takes. */
function hmac({ inner, outer }: HmacKey, text: string): Buffer {
  const message = Buffer.allocUnsafe(BLOCK + Buffer.byteLength(text));
  message.set(inner);
  message.write(text, BLOCK);
  return hash('sha256', Buffer.concat([outer, hash('sha256', message, 'buffer')]), 'buffer');
}

function collapsed(value: string): string {
  return SPACED.test(value) ? value.trim().replaceAll(/\s+/g, ' ') : value;
}

const SPACED = /^\s|\s\s|\s$|[\t\n]/;
