import type { S3Client } from '@aws-sdk/client-s3';
import type { Pool } from 'undici';
import { type Answer, errorOf, outputOf } from './answers.ts';
import { type AnswerBody, exchange } from './exchange.ts';
import { makePool, type PoolOptions } from './pool.ts';
import { escapedKey, type HotRequest, requestOf } from './requests.ts';
import { Signer } from './sign.ts';

/** Where a client's requests go, as the SDK has worked it out for one of its own. */
interface Base {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  /** As the `host` header names it. */
  readonly host: string;
  /** Before the key, with a slash at its end. */
  readonly path: string;
  readonly signer: Signer;
  readonly pool: Pool;
}

/** What a request of the SDK looks like when it is signed. */
export interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What looks at each request before it leaves, and at its answer before anyone else does. */
export interface Watch {
  asks(request: Pick<SignedRequest, 'hostname'>): void;
  saw(request: Pick<SignedRequest, 'protocol' | 'hostname' | 'port'>, answer: WatchedAnswer): void;
}

export interface WatchedAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AnswerBody;
  readonly address: string | undefined;
}

export interface WireOptions extends Omit<PoolOptions, 'origin' | 'connected'> {
  /** Whether a body whose SHA-256 goes along in a signed header is left out of the signature, so that the server makes one digest less. */
  readonly unsigned: boolean;
}

export interface SendOptions {
  readonly abortSignal?: AbortSignal | undefined;
}

type Handled = Parameters<S3Client['config']['requestHandler']['handle']>[0];

/** A body of this size and more is sent only once the server says that it wants it, as the SDK does. Bytes. */
const ASKED_FROM = 2 * 1024 ** 2;

/** Clocks may differ by less: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, `RequestTimeTooSkewed`. */
const SKEW_MS = 5 * 60_000;

/** A server refuses a request whose time differs from its own by more: the same page, `RequestTimeTooSkewed`. */
const REFUSED_MS = 15 * 60_000;

/**
 * Sends the requests of which a run makes the most without the SDK's middleware, which costs more than all the rest of a small object's
 * way. Endpoint, region and credentials stay the SDK's: the first request that it makes to the bucket itself shows where they are.
 * Everything else, and all before that, goes through the SDK.
 */
export class Wire {
  readonly #client: S3Client;
  readonly #watch: Watch;
  readonly #options: WireOptions;
  #base: Base | undefined;
  #address: string | undefined;

  constructor(client: S3Client, watch: Watch, options: WireOptions) {
    this.#client = client;
    this.#watch = watch;
    this.#options = options;
  }

  /** Takes note of where a HeadBucket went. One that is not signed as a plain request to S3 is no example for others. */
  learn({ protocol, hostname, port, path, headers }: SignedRequest): void {
    const region = /^AWS4-HMAC-SHA256 Credential=[^,]*\/\d{8}\/([^/,]+)\/s3\/aws4_request,/.exec(
      headers['authorization'] ?? '',
    )?.[1];
    if (this.#base !== undefined || region === undefined) return;
    const host = headers['host'] ?? (port === undefined ? hostname : `${hostname}:${port}`);
    this.#base = {
      protocol,
      hostname,
      port,
      host,
      path: path.endsWith('/') ? path : `${path}/`,
      signer: new Signer(region),
      pool: makePool({
        ...this.#options,
        origin: `${protocol}//${host}`,
        connected: (address) => {
          this.#address = address;
        },
      }),
    };
  }

  /** @returns `undefined` for what the SDK is to send. */
  takes(command: { readonly input: object }): HotRequest | undefined {
    return this.#base === undefined ? undefined : requestOf(command);
  }

  /** @returns what the SDK would. @throws what the SDK would, with the server's code as its name. */
  async send(request: HotRequest, { abortSignal }: SendOptions): Promise<Record<string, unknown>> {
    const base = this.#base;
    if (base === undefined) throw new Error('it is not known where the bucket is');
    this.#watch.asks(base);
    const path = base.path + escapedKey(request.key);
    const signedAt = Date.now() + this.#client.config.systemClockOffset;
    const headers = await this.#signed(base, path, request, signedAt);
    const target = request.query === '' ? path : `${path}?${request.query}`;
    const large = request.body !== undefined && request.body.byteLength >= ASKED_FROM;
    const answer = await (large
      ? this.#ask(base, target, request, headers, abortSignal)
      : exchange(base.pool, { method: request.method, path: target, headers, body: request.body }, abortSignal));
    const { status, body } = answer;
    this.#watch.saw(base, { statusCode: status, headers: answer.headers, body, address: this.#address });
    if (status >= 300) {
      const error = await errorOf(answer, body);
      const skewMs = this.#setClock(answer, signedAt);
      // An answer to HEAD has no body to say it in.
      if (status === 403 && request.method === 'HEAD' && skewMs >= REFUSED_MS) error.name = 'RequestTimeTooSkewed';
      throw error;
    }
    const output = outputOf(answer);
    if (request.method === 'GET') output['Body'] = body;
    else await drained(body);
    return output;
  }

  destroy(): void {
    void this.#base?.pool.destroy();
  }

  async #signed(
    { signer, host }: Base,
    path: string,
    request: HotRequest,
    at: number,
  ): Promise<Record<string, string>> {
    const { method, query, headers: given } = request;
    const isChecked = given['x-amz-checksum-sha256'] !== undefined;
    const payload = this.#options.unsigned && isChecked ? 'UNSIGNED-PAYLOAD' : request.payload;
    const { config } = this.#client;
    const identity = await config.credentials();
    const unsigned = { method, path, query, headers: { ...given, host }, payload };
    return signer.sign(unsigned, identity, at);
  }

  /** Through the SDK's own handler, which waits for the server to want the body. */
  async #ask(
    base: Base,
    target: string,
    request: HotRequest,
    headers: Record<string, string>,
    abortSignal: AbortSignal | undefined,
  ): Promise<Answer & { readonly body: AnswerBody }> {
    const { protocol, hostname, port } = base;
    const { method, body } = request;
    const { response } = await this.#client.config.requestHandler.handle(
      {
        protocol,
        hostname,
        ...(port === undefined ? {} : { port }),
        method,
        path: target,
        query: {},
        headers: { ...headers, expect: '100-continue' },
        body,
      } as Handled,
      abortSignal === undefined ? {} : { abortSignal },
    );
    return { status: response.statusCode, headers: response.headers, body: response.body as AnswerBody };
  }

  /**
   * The SDK does the same with the answers that it sees.
   *
   * @returns how far the server's clock is from the moment for which the request was signed, in milliseconds.
   */
  #setClock({ headers }: Answer, signedAt: number): number {
    const there = Date.parse(headers['date'] ?? '');
    if (Number.isNaN(there)) return 0;
    const { config } = this.#client;
    // Another answer may have set it meanwhile.
    if (Math.abs(there - Date.now() - config.systemClockOffset) >= SKEW_MS)
      config.systemClockOffset = there - Date.now();
    return Math.abs(there - signedAt);
  }
}

/** Reads an answer of which nobody wants the body, so that its connection serves again. */
async function drained(body: AnswerBody): Promise<void> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > LONGEST)
      throw Object.assign(new Error('the answer does not end'), { code: 'ERR_FERRY_ANSWER_TOO_LONG' });
  }
}

/** No answer to a PUT or a DELETE has as many bytes. */
const LONGEST = 1024 ** 2;
