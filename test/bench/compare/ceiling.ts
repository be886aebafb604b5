/**
 * What servers and machine allow: every object is read from one bucket and written to another, over connections that stay open, signed, with
 * no digest made or checked, nothing remembered and nothing read back. Takes one argument, a JSON text.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { escapedKey } from '../../../src/store/s3/hot/requests.ts';
import { Signer } from '../../../src/store/s3/hot/sign.ts';

interface Server {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

interface Work {
  readonly source: Server;
  readonly centre: Server;
  readonly from: string;
  readonly to: string;
  readonly concurrency: number;
}

const { source, centre, from, to, concurrency } = JSON.parse(process.argv[2] ?? '{}') as Work;
const agent = new Agent({ keepAlive: true });
const signer = new Signer('us-east-1');

async function* keys(): AsyncGenerator<string> {
  const client = new S3Client({
    endpoint: source.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: source.accessKey, secretAccessKey: source.secretKey },
  });
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket: from, ContinuationToken }));
    for (const { Key } of page.Contents ?? []) yield Key ?? '';
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  client.destroy();
}

function ask(
  server: Server,
  method: string,
  path: string,
  length?: number,
  body?: IncomingMessage,
): Promise<IncomingMessage> {
  const { host, hostname, port } = new URL(server.endpoint);
  const unsigned = {
    method,
    path,
    query: '',
    headers: { host, ...(length === undefined ? {} : { 'content-length': String(length) }) },
    payload: 'UNSIGNED-PAYLOAD',
  };
  const identity = { accessKeyId: server.accessKey, secretAccessKey: server.secretKey };
  const headers = signer.sign(unsigned, identity, Date.now());
  return new Promise((resolve, reject) => {
    const asked = request({ agent, hostname, port, method, path, headers }, (answer) => {
      if (answer.statusCode === 200) resolve(answer);
      else reject(new Error(`${method} ${path}: HTTP ${answer.statusCode}`));
    });
    asked.once('error', reject);
    if (body === undefined) asked.end();
    else body.pipe(asked);
  });
}

const all = keys();
const lane = async (): Promise<void> => {
  for await (const key of { [Symbol.asyncIterator]: () => ({ next: () => all.next() }) }) {
    const path = escapedKey(key);
    const read = await ask(source, 'GET', `/${from}/${path}`);
    const written = await ask(centre, 'PUT', `/${to}/${path}`, Number(read.headers['content-length']), read);
    written.resume();
    await new Promise((ended) => written.once('end', ended));
  }
};
await Promise.all(Array.from({ length: concurrency }, lane));
agent.destroy();
