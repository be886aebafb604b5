import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Dice } from '../../src/rehearsal/dice.ts';
import {
  clientOf,
  KEY_ENV,
  type Kind,
  keyOf,
  makeFolderOf,
  type Place,
  SECRET_ENV,
  see,
  sha256,
} from '../race/places.ts';
import type { Server } from '../race/round.ts';
import { documentOf, ferry, startFerry } from '../support/cli.ts';
import { digestsIn } from '../support/tree.ts';

export type Command = 'run' | 'restore' | 'purge';

export interface RoundOptions {
  readonly kind: Kind;
  readonly objects: number;
  /** No command of the round is killed more often in all. */
  readonly mostKills: number;
  readonly seed: string;
  /** What comes after the run. */
  readonly second: 'restore' | 'purge';
  /** An empty folder of this round's own. */
  readonly dir: string;
  readonly server: Server | undefined;
}

export interface RoundResult {
  /** By the command that was under way. */
  readonly kills: Readonly<Record<Command, number>>;
  /** Objects by their state in the ledger, after the run and at the end. */
  readonly afterRun: Readonly<Record<string, number>>;
  readonly atEnd: Readonly<Record<string, number>>;
  /** How often every object was compared. */
  readonly comparisons: number;
  /** Objects whose bytes are neither at the source nor at the centre. */
  readonly lost: readonly string[];
  /** Objects with a tombstone and no copy with their bytes. */
  readonly wronglyTombstoned: readonly string[];
  /** Copies with other bytes, exit codes, states: what else is not as it should be. */
  readonly problems: readonly string[];
}

/** So many attempts at one command are killed before it may come to its end. */
const KILLS_EACH = 8;
/** A kill falls at most this long after the command began its work, in milliseconds. */
const WITHIN_MS = 500;
const LARGEST = 20_000;

interface Status {
  readonly totals: { readonly states: Readonly<Record<string, number>> };
}

/** One population moved, and restored or purged, by commands that are killed again and again. */
export async function killedRound(options: RoundOptions): Promise<RoundResult> {
  const { server } = options;
  const env: Record<string, string> =
    server === undefined ? {} : { [KEY_ENV]: server.accessKey, [SECRET_ENV]: server.secretKey };
  const client = server && clientOf(server.endpoint, env);
  try {
    const round = new Round(options, env, client);
    await round.layOut();
    return await round.go();
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
  readonly #dice: Dice;
  readonly #digests = new Map<string, string>();
  readonly #kills = { run: 0, restore: 0, purge: 0 };
  readonly #lost: string[] = [];
  readonly #wrongly: string[] = [];
  readonly #problems: string[] = [];
  #comparisons = 0;

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
    this.#dice = new Dice(`kills/${seed}`);
  }

  async layOut(): Promise<void> {
    for (const place of [this.#source, this.#centre]) {
      if (place.type === 'file') await mkdir(place.dir);
      else await this.#client?.send(new CreateBucketCommand({ Bucket: place.bucket }));
    }
    if (this.#options.kind === 'minio-versioned' && this.#source.type === 's3') {
      const VersioningConfiguration = { Status: 'Enabled' as const };
      await this.#client?.send(
        new PutBucketVersioningCommand({ Bucket: this.#source.bucket, VersioningConfiguration }),
      );
    }
    for (let n = 0; n < this.#options.objects; n += 1) {
      const [key, bytes] = [keyOf(n), this.#dice.bytes(this.#dice.below(LARGEST))];
      await this.#put(key, bytes);
      this.#digests.set(key, sha256(bytes));
    }
    await writeFile(this.#plan, JSON.stringify(this.#document(), undefined, 2));
  }

  async go(): Promise<RoundResult> {
    const { second, objects } = this.#options;
    await this.#killed('run');
    const afterRun = await this.#states();
    if (afterRun['tombstoned'] !== objects) this.#problems.push(`after the run: ${JSON.stringify(afterRun)}`);
    await this.#killed(second);
    const atEnd = await this.#states();
    const state = second === 'restore' ? 'restored' : 'purged';
    if (atEnd[state] !== objects) this.#problems.push(`after the ${second}: ${JSON.stringify(atEnd)}`);
    if (second === 'restore') await this.#mustBeBack();
    return {
      kills: this.#kills,
      afterRun,
      atEnd,
      comparisons: this.#comparisons,
      lost: this.#lost,
      wronglyTombstoned: this.#wrongly,
      problems: this.#problems,
    };
  }

  get #killsSoFar(): number {
    return Object.values(this.#kills).reduce((sum, n) => sum + n, 0);
  }

  /** Starts a command and kills it at a random moment of its work, again and again; the last one may come to its end. */
  async #killed(command: Command): Promise<void> {
    for (let attempt = 0; attempt < KILLS_EACH && this.#killsSoFar < this.#options.mostKills; attempt += 1) {
      const { child, ended } = startFerry([...this.#args(command), '--log-level', 'info'], this.#env);
      // Its work begins with the first line of the log; before that there is nothing to be hurt.
      const begun = new Promise<void>((resolve) => child.stderr?.once('data', () => resolve()));
      await Promise.race([begun, ended]);
      const over = new AbortController();
      void ended.then(() => over.abort());
      await delay(this.#dice.below(WITHIN_MS), undefined, { signal: over.signal }).catch(() => undefined);
      child.kill('SIGKILL');
      const { code, stderr } = await ended;
      await this.#compare(`after kill ${this.#killsSoFar + 1}, of ${command}`);
      if (code === null) this.#kills[command] += 1;
      else if (code !== 0) this.#problems.push(`${command} ended with ${code}: ${stderr.slice(-1_000)}`);
      if (code !== null) return;
    }
    const { code, stderr } = await ferry(this.#args(command), this.#env);
    if (code !== 0) this.#problems.push(`${command} ended with ${code}: ${stderr.slice(-1_000)}`);
    await this.#compare(`after ${command}`);
  }

  #args(command: Command): string[] {
    const more = { run: ['--progress', 'none'], restore: [], purge: ['--yes'] };
    return [command, this.#plan, '--json', ...more[command]];
  }

  async #states(): Promise<Record<string, number>> {
    const { totals } = documentOf<Status>(await ferry(['status', this.#plan, '--json'], this.#env));
    return Object.fromEntries(Object.entries(totals.states).filter(([, n]) => n > 0));
  }

  /** Looks at every object as one who knows nothing of ferry. */
  async #compare(when: string): Promise<void> {
    this.#comparisons += 1;
    // What a file store hides has no name of its own for others: its bytes are there, or not.
    const hidden = this.#source.type === 'file' ? new Set(Object.values(digestsIn(this.#source.dir, true))) : new Set();
    const one = async ([key, digest]: readonly [string, string]): Promise<void> => {
      const here = await see(this.#source, this.#client, key);
      const there = await see(this.#centre, this.#client, key);
      const told = `${when}: ${JSON.stringify(key)}`;
      if (there !== undefined && there.sha256 !== digest) this.#problems.push(`${told}: the copy has other bytes`);
      const isCopied = there?.sha256 === digest;
      if (here?.isTombstone === true && !isCopied) this.#wrongly.push(told);
      if (here?.sha256 !== digest && !isCopied && !hidden.has(digest)) this.#lost.push(told);
      if (here !== undefined && !here.isTombstone && here.sha256 !== digest) {
        this.#problems.push(`${told}: the source has other bytes`);
      }
    };
    await Promise.all([...this.#digests].map(one));
  }

  async #mustBeBack(): Promise<void> {
    for (const [key, digest] of this.#digests) {
      const here = await see(this.#source, this.#client, key);
      if (here?.sha256 !== digest) this.#problems.push(`${JSON.stringify(key)} did not come back with restore`);
    }
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
      name: 'kills',
      residency: { zone: ['EEA'] },
      runner: { jurisdiction: 'IE' },
      stores: { legacy: store(this.#source, 'SG'), centre: store(this.#centre, 'NO') },
      partitions: [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'centre' }],
      finish: 'tombstoned',
      tombstone: { hold: this.#options.second === 'purge' ? '0s' : '30d' },
      limits: { concurrency: 4 },
    };
  }
}
