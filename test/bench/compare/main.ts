/** `npm run bench -- --set small`: ferry and its peers in turn, over the same servers; see docs/performance.md. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CreateBucketCommand, DeleteBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { type MinioServer, startMinio } from '../../../src/rehearsal/minio.ts';
import { CONTENDERS, type Contender, find } from './contenders.ts';
import { type Measured, measureAll } from './measure.ts';
import { chart, type Line, linesOf, table } from './report.ts';
import { bytesIn, fillBucket, fillFolder, SETS } from './sets.ts';

const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'small' },
    from: { type: 'string', default: 'buckets' },
    objects: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '32' },
    only: { type: 'string' },
    base: { type: 'string', default: 'rclone copy' },
    json: { type: 'string' },
    svg: { type: 'string' },
    markdown: { type: 'string' },
  },
});
const tell = (text: string): void => void process.stderr.write(`${text}\n`);
const set = SETS[values.set];
const { from } = values;
if (set === undefined || (from !== 'buckets' && from !== 'files')) {
  tell(`--set takes one of ${Object.keys(SETS).join(', ')}; --from takes buckets or files`);
  process.exit(2);
}
const objects = Number(values.objects ?? set.objects);
const rounds = Number(values.rounds);
const concurrency = Number(values.concurrency);
const bytes = bytesIn(set, objects);
const dir = mkdtempSync(join(tmpdir(), 'ferry-bench-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

interface Ready extends Contender {
  readonly program: string;
}

function ready(): Ready[] {
  const only = values.only?.split(',').map((name) => name.trim());
  return CONTENDERS.filter(({ name }) => only === undefined || only.some((one) => name.startsWith(one))).flatMap(
    (one) => {
      if (!one.from.includes(from as 'buckets')) return [];
      const program = one.needs === undefined ? '' : find(one.needs);
      if (program === undefined)
        tell(`${one.name}: not installed (put it on the PATH, or its file into ${one.needs?.[1]})`);
      return program === undefined ? [] : [{ ...one, program }];
    },
  );
}

/** As a user has it: without sources, which ferry would run in place of what is built. */
function packaged(): string {
  const home = join(dir, 'package');
  const root = new URL('../../../', import.meta.url).pathname;
  for (const part of ['bin', 'dist', 'package.json']) cpSync(join(root, part), join(home, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(home, 'node_modules'));
  return join(home, 'bin/ferry.js');
}

function clientOf({ endpoint, accessKey, secretKey }: MinioServer): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

/** Whether all objects are there. */
async function isWhole(client: S3Client, bucket: string): Promise<boolean> {
  let [seen, size] = [0, 0];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken }));
    for (const { Size = 0 } of page.Contents ?? []) {
      seen += 1;
      size += Size;
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return seen === objects && size === bytes;
}

/** MinIO alone takes a bucket away with all that is in it. */
async function dropBucket(client: S3Client, bucket: string): Promise<void> {
  const command = new DeleteBucketCommand({ Bucket: bucket });
  command.middlewareStack.add(
    (next) => (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-minio-force-delete'] = 'true';
      return next(args);
    },
    { step: 'build' },
  );
  await client.send(command);
}

async function compare(source: MinioServer, centre: MinioServer): Promise<Line[]> {
  const [legacy, target] = [clientOf(source), clientOf(centre)];
  const contenders = ready();
  const ferry = packaged();
  const place = from === 'files' ? join(dir, 'files') : 'data';
  tell(
    `${objects} objects, ${set?.what}, ${(bytes / 1024 ** 2).toFixed(0)} MiB; ${rounds} rounds of ${contenders.map(({ name }) => name).join(', ')}`,
  );
  if (set === undefined) throw new Error('no set');
  if (from === 'files') fillFolder(place, set, objects);
  else {
    await legacy.send(new CreateBucketCommand({ Bucket: place }));
    await fillBucket(legacy, place, set, objects);
  }
  const runs = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [turn, { name, calls, program, good = [0] }] of contenders.entries()) {
      const to = `to-${round}-${turn}`;
      await target.send(new CreateBucketCommand({ Bucket: to }));
      const own = join(dir, to);
      mkdirSync(own);
      const measured = measureAll(calls({ source, centre, from: place, to, concurrency, dir: own, ferry }, program));
      const whole = await isWhole(target, to);
      await dropBucket(target, to);
      rmSync(own, { recursive: true, force: true });
      const failed = !good.includes(measured.code) || !whole;
      tell(
        `round ${round}  ${name.padEnd(32)} ${measured.wall.toFixed(2)} s  ${measured.cpu.toFixed(2)} CPU-s  ${measured.peak.toFixed(0)} MiB${failed ? '  FAILED' : ''}`,
      );
      if (failed)
        throw new Error(`${name} ended with ${measured.code}; all objects are there: ${whole}\n${measured.stderr}`);
      runs.get(name)?.push(measured);
    }
  }
  return linesOf(contenders.map(({ name, kind }) => ({ name, kind, runs: runs.get(name) ?? [] })));
}

const servers: MinioServer[] = [];
try {
  for (const name of ['source', 'centre']) {
    mkdirSync(join(dir, name));
    servers.push(await startMinio({ dir: join(dir, name), tell }));
  }
  const [source, centre] = servers as [MinioServer, MinioServer];
  const lines = await compare(source, centre);
  const text = table(lines, values.base);
  process.stdout.write(`${text}\n`);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem(), node: process.version };
  const document = { set: values.set, from, objects, bytes, rounds, concurrency, base: values.base, machine, lines };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(document, undefined, 2)}\n`);
  if (values.markdown !== undefined) writeFileSync(values.markdown, `${text}\n`);
  const title = `${objects} objects, ${set.what}, from ${from}`;
  if (values.svg !== undefined) writeFileSync(values.svg, chart(lines, title));
} finally {
  for (const server of servers) await server.stop();
}
