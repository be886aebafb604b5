import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import type { NodeHttpHandler } from '@smithy/node-http-handler';

type Request = Parameters<NodeHttpHandler['handle']>[0];
type Answer = Awaited<ReturnType<NodeHttpHandler['handle']>>;

/** Bytes. The longest is a page of 1,000 keys of 1,024 bytes, each byte as three characters, and takes a tenth of it. */
const LONGEST = 32 * 1024 ** 2;

/** The SDK holds all of an answer but that of GetObject in memory before it reads it; one that is longer than any of S3's ends in an error. */
export function boundedAnswer({ query = {} }: Request, { response }: Answer): Answer {
  const body = response.body as IncomingMessage | undefined;
  if (query['x-id'] === 'GetObject' || body === undefined) return { response };
  const bounded = new Bounded(body.socket);
  body.once('error', (error) => bounded.destroy(error));
  bounded.once('error', () => body.destroy());
  response.body = body.pipe(bounded);
  return { response };
}

class Bounded extends Transform {
  /** Where the answer comes from, as it would be there without this stream between. */
  readonly socket: IncomingMessage['socket'];
  #size = 0;

  constructor(socket: IncomingMessage['socket']) {
    super();
    this.socket = socket;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#size += chunk.byteLength;
    const why = `the answer is longer than ${LONGEST} bytes, which none of S3's is`;
    if (this.#size <= LONGEST) done(null, chunk);
    else done(Object.assign(new Error(why), { code: 'ERR_FERRY_ANSWER_TOO_LONG' }));
  }
}
