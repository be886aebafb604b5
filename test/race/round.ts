import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Dice } from '../../src/rehearsal/dice.ts';
import { documentOf, type Ended, ferry, startFerry } from '../support/cli.ts';
import { check } from './check.ts';
import {
  bytesOf,
  clientOf,
  KEY_ENV,
  type Kind,
  keyOf,
  makeFolderOf,
  type Place,
  SECRET_ENV,
  sha256,
} from './places.ts';
import { readLog } from './write-log.ts';
import type { WriterConfig } from './writer.ts';

/** What ferry does while the writer goes on. */
export const VARIANTS = ['once', 'thrice', 'killed', 'restored', 'restore killed'] as const;

export type Variant = (typeof VARIANTS)[number];

export interface Server {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface RoundOptions {
  readonly kind: Kind;
  readonly variant: Variant;
  readonly objects: number;
  readonly seed: number;
  /** An empty folder of this round's own. */
  readonly dir: string;
  /** For the kinds that take one. */
  readonly server: Server | undefined;
  /** How hard the writer works. */
  readonly writer?: Pick<WriterConfig, 'lanes' | 'pauseMs'>;
}

export interface RoundResult {
  readonly acknowledged: number;
  readonly kills: number;
  /** Objects that the first run that came to its end had tombstoned by then; the writer may have written over all of them since. */
  readonly moved: number;
  readonly tombstoned: number;
  readonly restored: number;
  /** Objects that the last run lists as conflicts: somebody wrote them between ferry's steps, or over a tombstone. */
  readonly conflicts: number;
  readonly lost: readonly string[];
  /** What else is not as it should be: exit codes, writes over a tombstone that no run reported. */
  readonly problems: readonly string[];
  readonly seconds: number;
}

interface Document {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
  readonly unresolved: readonly { readonly key: string }[];
}

const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url));
const CONCURRENCY = 32;
const KILLS = 4;

/** One round: objects, a writer beside the real program, and the comparison with the writer's own log. */
export async function race(options: RoundOptions): Promise<RoundResult> {
  const started = Date.now();
  const { server } = options;
  const env: Record<string, string> =
    server === undefined ? {} : { [KEY_ENV]: server.accessKey, [SECRET_ENV]: server.secretKey };
  const client = server && clientOf(server.endpoint, env);
  try {
    const round = new Round(options, env, client);
    await round.layOut();
    return { ...(await round.run()), seconds: (Date.now() - started) / 1_000 };
  } finally {
    client?.destroy();
  }
}

class Round {
  readonly #options: RoundOptions;
  readonly #env: Readonly<Record<string, string>>;
  readonly #client: S3Client | undefined;
  readonly #source: Place;
  readonly #centre: Place;
  readonly #plan: string;
  readonly #log: string;
  readonly #dice: Dice;
  readonly #problems: string[] = [];
  #kills = 0;
  #moved = 0;

  constructor(options: RoundOptions, env: Readonly<Record<string, string>>, client: S3Client | undefined) {
    const { dir, server, seed } = options;
    const place = (name: string): Place =>
      server === undefined
        ? { type: 'file', dir: join(dir, name) }
        : { type: 's3', endpoint: server.endpoint, bucket: `${name}-${randomUUID()}` };
    this.#options = options;
    this.#env = env;
    this.#client = client;
    this.#source = place('legacy');
    this.#centre = place('centre');
    this.#plan = join(dir, 'plan.json');
    this.#log = join(dir, 'writes.ndjson');
    this.#dice = new Dice(`race/${seed}`);
  }

  /** The objects as they were before anyone raced: a write each, in the same log. */
  async layOut(): Promise<void> {
    await this.#makeStores();
    const { objects } = this.#options;
    const lines: string[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let n = next++; n < objects; n = next++) {
        const key = keyOf(n);
        const bytes = bytesOf(key, -n, this.#dice.below(3_000));
        await this.#put(key, bytes);
        lines.push(JSON.stringify({ n: -n, key, how: 'laid out', sha256: sha256(bytes) }), `{"n":${-n},"ok":true}`);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, lane));
    await writeFile(this.#log, `${lines.join('\n')}\n`);
    await writeFile(this.#plan, JSON.stringify(this.#document(), undefined, 2));
  }

  async run(): Promise<Omit<RoundResult, 'seconds'>> {
    const { kind, variant } = this.#options;
    const writer = await this.#startWriter();
    try {
      await this.#compete(variant);
    } finally {
      await stopWriter(writer);
    }
    const lost = await this.#lost('with the writer stopped');
    // A quiet run has to report what was written over tombstones, and to leave it alone.
    const quiet = await this.#ferry('run');
    const { totals, unresolved } = documentOf<Document>(quiet);
    const after = await this.#lost('after a run on its own');
    const isRestored = variant.startsWith('restore');
    if (!isRestored) this.#mustReport(after.unmoved, new Set(unresolved.map(({ key }) => key)));
    const { acknowledged, failed } = await readLog(this.#log);
    if (failed.length > 0) this.#problems.push(`${kind}: ${failed.length} writes failed: ${failed[0]?.why}`);
    return {
      acknowledged: acknowledged - this.#options.objects,
      kills: this.#kills,
      moved: this.#moved,
      tombstoned: totals.states['tombstoned'] ?? 0,
      restored: totals.states['restored'] ?? 0,
      conflicts: totals.states['conflict'] ?? 0,
      lost: [...lost.lost, ...after.lost],
      problems: this.#problems,
    };
  }

  async #compete(variant: Variant): Promise<void> {
    const restores = variant.startsWith('restore');
    if (variant === 'killed') await this.#killed('run');
    this.#moved = documentOf<Document>(await this.#ferry('run')).totals.states['tombstoned'] ?? 0;
    if (variant === 'thrice') {
      await this.#ferry('run');
      await this.#ferry('run');
    }
    if (variant === 'restore killed') await this.#killed('restore');
    if (restores) await this.#ferry('restore');
  }

  async #killed(command: string): Promise<void> {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { child, ended } = startFerry(this.#args(command), this.#env);
      const over = new AbortController();
      void ended.then(() => over.abort());
      await delay(400 + this.#dice.below(1_600), undefined, { signal: over.signal }).catch(() => undefined);
      child.kill('SIGKILL');
      if ((await ended).code === null) this.#kills += 1;
    }
  }

  async #ferry(command: string): Promise<Ended> {
    const ended = await ferry(this.#args(command), this.#env);
    if (ended.code !== 0 && ended.code !== 4) {
      this.#problems.push(`ferry ${command} ended with exit code ${ended.code}: ${ended.stderr.slice(-2_000)}`);
    }
    return ended;
  }

  #args(command: string): string[] {
    return [command, this.#plan, '--json', ...(command === 'run' ? ['--progress', 'none'] : [])];
  }

  async #lost(when: string) {
    const { last } = await readLog(this.#log);
    const { objects } = this.#options;
    const checked = await check({ source: this.#source, centre: this.#centre, client: this.#client, objects, last });
    return { ...checked, lost: checked.lost.map((line) => `${when}: ${line}`) };
  }

  #mustReport(unmoved: ReadonlySet<string>, reported: ReadonlySet<string>): void {
    for (const key of unmoved) {
      if (!reported.has(key)) this.#problems.push(`${JSON.stringify(key)} has no tombstone and no run reports it`);
    }
    for (const key of reported) {
      if (!unmoved.has(key)) this.#problems.push(`${JSON.stringify(key)} is reported although it has a tombstone`);
    }
  }

  async #startWriter(): Promise<ChildProcess> {
    const { dir, objects, seed } = this.#options;
    const temp = join(dir, 'writing');
    await mkdir(temp);
    const config: WriterConfig = {
      place: this.#source,
      objects,
      seed: `writer/${seed}`,
      log: this.#log,
      temp,
      dawdleMs: 20,
      ...(this.#options.writer ?? { lanes: 4, pauseMs: 10 }),
    };
    const file = join(dir, 'writer.json');
    await writeFile(file, JSON.stringify(config));
    const child = spawn(process.execPath, [WRITER, file], {
      env: { ...process.env, ...this.#env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error('the writer ended before its first write'))),
    ]);
    return child;
  }

  async #makeStores(): Promise<void> {
    for (const place of [this.#source, this.#centre]) {
      if (place.type === 'file') await mkdir(place.dir);
      else await this.#client?.send(new CreateBucketCommand({ Bucket: place.bucket }));
    }
    if (this.#options.kind !== 'minio-versioned' || this.#source.type !== 's3') return;
    await this.#client?.send(
      new PutBucketVersioningCommand({
        Bucket: this.#source.bucket,
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
  }

  async #put(key: string, bytes: Uint8Array): Promise<void> {
    if (this.#source.type === 's3') {
      await this.#client?.send(new PutObjectCommand({ Bucket: this.#source.bucket, Key: key, Body: bytes }));
      return;
    }
    const file = join(this.#source.dir, key);
    await makeFolderOf(file);
    await writeFile(file, bytes);
  }

  #document() {
    const store = (place: Place, jurisdiction: string) =>
      place.type === 'file'
        ? { type: 'file', path: place.dir, jurisdiction }
        : {
            ...place,
            region: 'us-east-1',
            jurisdiction,
            credentials: { accessKeyIdEnv: KEY_ENV, secretAccessKeyEnv: SECRET_ENV },
          };
    return {
      apiVersion: 'ferry/v1',
      name: 'race',
      residency: { zone: ['EEA'] },
      runner: { jurisdiction: 'IE' },
      stores: { legacy: store(this.#source, 'SG'), centre: store(this.#centre, 'NO') },
      partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'centre' }],
      finish: 'tombstoned',
      limits: { concurrency: CONCURRENCY },
    };
  }
}

async function stopWriter(writer: ChildProcess): Promise<void> {
  const ended = writer.exitCode === null ? once(writer, 'exit') : Promise.resolve([writer.exitCode]);
  writer.stdin?.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`the writer ended with exit code ${String(code)}`);
}
