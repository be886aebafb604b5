import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { MinioServer } from '../../../src/rehearsal/minio.ts';
import type { Call } from './measure.ts';

/** What one run is made with. */
export interface Place {
  readonly source: MinioServer;
  readonly centre: MinioServer;
  /** A bucket of the source, or an absolute path. */
  readonly from: string;
  /** A new and empty bucket of the centre. */
  readonly to: string;
  readonly concurrency: number;
  /** An empty folder of this run's own. */
  readonly dir: string;
  /** `bin/ferry.js` of the built package. */
  readonly ferry: string;
}

export interface Contender {
  readonly name: string;
  /** What is compared with what: those of one kind do the same. */
  readonly kind: 'bare' | 'copied' | 'verified';
  /** `buckets`: from a bucket to a bucket; `files`: from a folder. */
  readonly from: readonly ('buckets' | 'files')[];
  /** The program that it needs, and the variable that may say where it is. */
  readonly needs?: readonly [program: string, variable: string];
  readonly calls: (place: Place, program: string) => readonly Call[];
  /** Exit codes of success; 0 where left out. */
  readonly good?: readonly number[];
}

/** Where a program is; `undefined` where it is not installed. */
export function find([program, variable]: readonly [string, string]): string | undefined {
  const named = process.env[variable];
  if (named !== undefined) return named;
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((dir) => join(dir, program))
    .find((file) => existsSync(file));
}

const KEYS = { id: 'BENCH_KEY_ID', secret: 'BENCH_SECRET' };

function isPath(from: string): boolean {
  return from.startsWith('/');
}

function ferryRun(finish: 'copied' | 'verified') {
  return (place: Place): Call[] => {
    const credentials = (which: string) => ({
      accessKeyIdEnv: `${KEYS.id}_${which}`,
      secretAccessKeyEnv: `${KEYS.secret}_${which}`,
    });
    const bucket = (server: MinioServer, name: string, which: string) => ({
      type: 's3',
      endpoint: server.endpoint,
      region: 'us-east-1',
      bucket: name,
      credentials: credentials(which),
    });
    const legacy = isPath(place.from) ? { type: 'file', path: place.from } : bucket(place.source, place.from, 'SOURCE');
    const plan = join(place.dir, 'plan.json');
    writeFileSync(
      plan,
      JSON.stringify({
        apiVersion: 'ferry/v1',
        name: 'bench',
        residency: { zone: ['EEA'] },
        runner: { jurisdiction: 'IE' },
        stores: {
          legacy: { ...legacy, jurisdiction: 'SG' },
          centre: { ...bucket(place.centre, place.to, 'CENTRE'), jurisdiction: 'NO' },
        },
        partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre', ...LOSES }],
        finish,
        limits: { concurrency: place.concurrency },
      }),
    );
    const state = join(place.dir, 'state');
    return [
      {
        argv: [process.execPath, place.ferry, 'run', plan, '--progress', 'none', '--state', state],
        env: {
          [`${KEYS.id}_SOURCE`]: place.source.accessKey,
          [`${KEYS.secret}_SOURCE`]: place.source.secretKey,
          [`${KEYS.id}_CENTRE`]: place.centre.accessKey,
          [`${KEYS.secret}_CENTRE`]: place.centre.secretKey,
        },
      },
    ];
  };
}

/** Nothing is given up. */
const LOSES = {};

function rclone(place: Place, program: string, more: readonly string[]): Call {
  const remote = (name: string, server: MinioServer) => ({
    [`RCLONE_CONFIG_${name}_TYPE`]: 's3',
    [`RCLONE_CONFIG_${name}_PROVIDER`]: 'Minio',
    [`RCLONE_CONFIG_${name}_ENDPOINT`]: server.endpoint,
    [`RCLONE_CONFIG_${name}_ACCESS_KEY_ID`]: server.accessKey,
    [`RCLONE_CONFIG_${name}_SECRET_ACCESS_KEY`]: server.secretKey,
  });
  const n = String(place.concurrency);
  const from = isPath(place.from) ? place.from : `SOURCE:${place.from}`;
  const [verb = 'copy', ...options] = more;
  return {
    argv: [program, verb, from, `CENTRE:${place.to}`, ...options, '--transfers', n, '--checkers', n, '-q'],
    env: { RCLONE_CONFIG: '/dev/null', ...remote('SOURCE', place.source), ...remote('CENTRE', place.centre) },
  };
}

function s3sync({ source, centre, from, to, concurrency }: Place, program: string): Call {
  const side = (which: string, server: MinioServer): string[] => [
    ...[`--${which}-endpoint-url`, server.endpoint, `--${which}-region`, 'us-east-1', `--${which}-force-path-style`],
    ...[`--${which}-access-key`, server.accessKey, `--${which}-secret-access-key`, server.secretKey],
  ];
  const workers = ['--worker-size', String(concurrency), '-qq'];
  return {
    argv: [program, ...workers, ...side('source', source), ...side('target', centre), `s3://${from}`, `s3://${to}`],
  };
}

/** It has no option for how many objects it copies at once. */
function mc({ source, centre, from, to, dir }: Place, program: string): Call {
  const host = ({ endpoint, accessKey, secretKey }: MinioServer): string =>
    endpoint.replace('://', `://${accessKey}:${secretKey}@`);
  return {
    argv: [program, '--config-dir', join(dir, 'mc'), '--quiet', 'mirror', `source/${from}`, `centre/${to}`],
    env: { MC_HOST_source: host(source), MC_HOST_centre: host(centre) },
  };
}

function s5cmd({ centre, from, to, concurrency }: Place, program: string): Call {
  const workers = ['--numworkers', String(concurrency), '--log', 'error'];
  return {
    argv: [program, '--endpoint-url', centre.endpoint, ...workers, 'cp', `${from}/`, `s3://${to}/`],
    env: { AWS_ACCESS_KEY_ID: centre.accessKey, AWS_SECRET_ACCESS_KEY: centre.secretKey, AWS_REGION: 'us-east-1' },
  };
}

function ceiling({ source, centre, from, to, concurrency }: Place): Call {
  const script = new URL('./ceiling.ts', import.meta.url).pathname;
  return { argv: [process.execPath, script, JSON.stringify({ source, centre, from, to, concurrency })] };
}

const RCLONE = ['rclone', 'BENCH_RCLONE'] as const;
const BOTH = ['buckets', 'files'] as const;

/** In the order in which they take their turns in each round. */
export const CONTENDERS: readonly Contender[] = [
  { name: 'bare GET + PUT', kind: 'bare', from: ['buckets'], calls: (place) => [ceiling(place)] },
  { name: 'ferry, copied', kind: 'copied', from: BOTH, calls: ferryRun('copied') },
  {
    name: 's3sync',
    kind: 'copied',
    from: ['buckets'],
    needs: ['s3sync', 'BENCH_S3SYNC'],
    // 3: with warnings, as where it cut an object into other parts, so that the ETags differ.
    good: [0, 3],
    calls: (place, program) => [s3sync(place, program)],
  },
  { name: 'ferry, verified', kind: 'verified', from: BOTH, calls: ferryRun('verified') },
  {
    name: 'rclone copy',
    kind: 'copied',
    from: BOTH,
    needs: RCLONE,
    calls: (place, program) => [rclone(place, program, ['copy'])],
  },
  {
    name: 'rclone copy + check --download',
    kind: 'verified',
    from: BOTH,
    needs: RCLONE,
    calls: (place, program) => [rclone(place, program, ['copy']), rclone(place, program, ['check', '--download'])],
  },
  {
    name: 'mc mirror',
    kind: 'copied',
    from: ['buckets'],
    needs: ['mc', 'BENCH_MC'],
    calls: (place, program) => [mc(place, program)],
  },
  {
    name: 's5cmd cp',
    kind: 'copied',
    from: ['files'],
    needs: ['s5cmd', 'BENCH_S5CMD'],
    calls: (place, program) => [s5cmd(place, program)],
  },
];
