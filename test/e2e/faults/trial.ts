import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { looksLikeMarker } from '../../../src/migration/marker.ts';
import { Dice } from '../../../src/rehearsal/dice.ts';
import { type Outside, OutsideBucket, OutsideFolder } from '../../../src/rehearsal/outside.ts';
import { documentOf, type Ended, ferry, type Started, startFerry } from '../../support/cli.ts';
import { type FaultRow, faultRow, isSaid } from '../../support/faults-table.ts';
import { planDocument } from '../../support/plan.ts';
import { inTurns } from '../../support/servers/outside.ts';
import { bucketAt, clientOf, envOf, type S3Server, storeAt } from '../../support/servers/server.ts';

/** A test that holds the program to its row of docs/faults.md. */
export function fault(name: string, body: (row: FaultRow, context: TestContext) => Promise<void>, ms = 300_000): void {
  it(name, (context) => body(faultRow(name), context), ms);
}

/** One end of a migration. */
export interface End {
  readonly server: S3Server;
  /** Where ferry finds it, if not at the server itself. */
  readonly endpoint?: string;
}

export interface Options {
  readonly seed: string;
  readonly small?: number;
  readonly change?: object;
}

const FILM = 'users/000 film';
const FILM_BYTES = 6 * 1024 ** 2;

interface Status {
  readonly totals: { readonly objects: number; readonly states: Readonly<Record<string, number>> };
}

/** A plan and the objects that are to move, known to the test by their bytes. */
export class Trial {
  readonly plan: string;
  readonly #servers: readonly S3Server[];
  readonly #objects: ReadonlyMap<string, Uint8Array>;
  readonly #source: () => Promise<Outside>;
  readonly #centre: () => Promise<Outside>;

  private constructor(
    plan: string,
    servers: readonly S3Server[],
    objects: ReadonlyMap<string, Uint8Array>,
    source: () => Promise<Outside>,
    centre: () => Promise<Outside>,
  ) {
    this.plan = plan;
    this.#servers = servers;
    this.#objects = objects;
    this.#source = source;
    this.#centre = centre;
  }

  /** From a bucket to a bucket. */
  static async between(dir: string, from: End, to: End, options: Options): Promise<Trial> {
    const buckets = [await bucketAt(from.server), await bucketAt(to.server)] as const;
    const store = ({ server, endpoint }: End, bucket: string, jurisdiction: string) => ({
      ...storeAt(server, bucket, jurisdiction),
      endpoint: endpoint ?? server.endpoint,
    });
    const stores = { legacy: store(from, buckets[0], 'SG'), centre: store(to, buckets[1], 'NO') };
    return await Trial.#laidOut(dir, stores, [from.server, to.server], options, [
      async () => new OutsideBucket(clientOf(from.server), buckets[0], ''),
      async () => new OutsideBucket(clientOf(to.server), buckets[1], ''),
    ]);
  }

  /** From a folder to a folder. */
  static async betweenFolders(dir: string, legacy: string, centre: string, options: Options): Promise<Trial> {
    const stores = {
      legacy: { type: 'file', path: legacy, jurisdiction: 'SG' },
      centre: { type: 'file', path: centre, jurisdiction: 'NO' },
    };
    mkdirSync(`${legacy}.new`);
    return await Trial.#laidOut(dir, stores, [], options, [
      async () => new OutsideFolder(legacy, `${legacy}.new`),
      async () => new OutsideFolder(centre, `${centre}.new`),
    ]);
  }

  static async #laidOut(
    dir: string,
    stores: object,
    servers: readonly S3Server[],
    options: Options,
    [source, centre]: readonly [() => Promise<Outside>, () => Promise<Outside>],
  ): Promise<Trial> {
    const plan = join(dir, 'plan.json');
    const partitions = [{ name: 'all', from: 'legacy', select: { prefix: 'users/' }, to: 'centre' }];
    const document = { ...planDocument(), stores, partitions, exclude: [], limits: { concurrency: 8 } };
    writeFileSync(plan, JSON.stringify({ ...document, ...options.change }));
    const objects = population(options);
    const outside = await source();
    await inTurns([...objects], 32, async ([key, bytes]) => await outside.put(key, bytes));
    await outside.close();
    return new Trial(plan, servers, objects, source, centre);
  }

  get objects(): number {
    return this.#objects.size;
  }

  get #env(): Record<string, string> {
    return envOf(...this.#servers);
  }

  async ferry(command: string, ...more: readonly string[]): Promise<Ended> {
    return await ferry([command, this.plan, ...more], this.#env);
  }

  /** A run whose log tells what it does. */
  start(env: Readonly<Record<string, string>> = {}, ...more: readonly string[]): Running {
    const args = ['run', this.plan, '--progress', 'none', '--log-level', 'debug', ...more];
    return new Running(startFerry(args, { ...this.#env, ...env }));
  }

  async states(): Promise<Readonly<Record<string, number>>> {
    const { totals } = documentOf<Status>(await this.ferry('status', '--json'));
    return Object.fromEntries(Object.entries(totals.states).filter(([, n]) => n > 0));
  }

  /** Each object is whole at the source, or a tombstone is in its place and it is whole at the centre. @returns how many have a tombstone. */
  async nothingIsLost(): Promise<number> {
    const [source, centre] = [await this.#source(), await this.#centre()];
    const lost: string[] = [];
    let tombstones = 0;
    await inTurns([...this.#objects], 32, async ([key, bytes]) => {
      const [here, there] = [(await source.get(key))?.bytes, (await centre.get(key))?.bytes];
      const isMarked = here !== undefined && looksLikeMarker(here);
      if (isMarked) tombstones += 1;
      const kept = isMarked ? there : here;
      if (kept === undefined || !Buffer.from(kept).equals(bytes)) lost.push(key);
      // What is at the centre at all is whole.
      if (there !== undefined && !Buffer.from(there).equals(bytes)) lost.push(`${key} at the centre`);
    });
    await source.close();
    await centre.close();
    expect(lost).toEqual([]);
    return tombstones;
  }

  /** A run without the fault takes everything to its end. */
  async comesToItsEnd(): Promise<void> {
    const ended = await this.ferry('run', '--progress', 'none');
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    await this.isDone();
  }

  async isDone(): Promise<void> {
    expect(await this.states()).toEqual({ tombstoned: this.objects });
    expect(await this.nothingIsLost()).toBe(this.objects);
  }
}

/** A run of the program, and what its log tells so far. */
export class Running {
  readonly #started: Started;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #waiting = new Set<() => void>();
  readonly said: Promise<Ended>;
  #words = '';
  #over = false;

  constructor(started: Started) {
    this.#started = started;
    let rest = '';
    started.child.stderr?.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as Record<string, unknown>);
        else this.#words += `${line}\n`;
      }
      for (const wake of this.#waiting) wake();
    });
    this.said = started.ended.then((ended) => {
      this.#over = true;
      for (const wake of this.#waiting) wake();
      return ended;
    });
  }

  get pid(): number {
    return this.#started.child.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.#started.child.kill(name);
  }

  count(fact: Readonly<Record<string, string>>): number {
    return this.#lines.filter((line) => Object.entries(fact).every(([name, value]) => line[name] === value)).length;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Waits until so many lines of the log say this. @throws when the run ends before. */
  async tells(fact: Readonly<Record<string, string>>, times: number): Promise<void> {
    await this.#until(() => this.count(fact) >= times);
  }

  /** Waits until the operator has read this. @throws when the run ends before. */
  async says(words: string): Promise<void> {
    await this.#until(() => this.#words.includes(words));
  }

  async #until(holds: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (holds()) resolve();
        else if (this.#over)
          void this.said.then(({ code, stderr }) => reject(new Error(`ended with ${code}: ${stderr}`)));
        else return;
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }

  async copied(times: number): Promise<void> {
    await this.tells({ type: 'moved', to: 'copied' }, times);
  }

  /** Waits for the end, which has to be as the row tells. */
  async endsAs(row: FaultRow): Promise<void> {
    endedAs(row, await this.said);
  }
}

/** What the program said to a person, and its exit code, are what the row tells. */
export function endedAs(row: FaultRow, { code, stdout, stderr }: Ended): void {
  const words = stderr.split('\n').filter((line) => !line.startsWith('{'));
  const said = [...words, stdout].join('\n');
  expect(code, said).toBe(row.code);
  expect(isSaid(row.message, said), `${row.message}\n\nis not in\n\n${said}`).toBe(true);
  expect(said).not.toContain('    at ');
}

/** One object that takes long, first in the order of keys, and many that do not. */
function population({ seed, small = 200 }: Options): Map<string, Uint8Array> {
  const dice = new Dice(`faults/${seed}`);
  const objects = new Map([[FILM, dice.bytes(FILM_BYTES)]]);
  for (let n = 0; n < small; n += 1) objects.set(`users/u${n % 13}/o ${n}`, dice.bytes(dice.below(12_000)));
  return objects;
}
