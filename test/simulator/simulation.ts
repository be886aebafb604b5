import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BufferPool } from '../../src/base/budget.ts';
import { FerryError } from '../../src/base/errors.ts';
import { checkCentres } from '../../src/engine/check.ts';
import { migrate } from '../../src/engine/migrate.ts';
import { purgeTombstones } from '../../src/engine/purge.ts';
import { undoTombstones } from '../../src/engine/undo.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { STATES } from '../../src/ledger/lifecycle.ts';
import { type Lock, takeLock } from '../../src/ledger/lock.ts';
import type { StepContext } from '../../src/migration/context.ts';
import { looksLikeMarker } from '../../src/migration/marker.ts';
import { scan } from '../../src/migration/scan.ts';
import { summarise } from '../../src/migration/summary.ts';
import { loadPlan } from '../../src/plan/load.ts';
import { openRouter, type Router } from '../../src/plan/router.ts';
import type { Finish, Keep, Plan } from '../../src/plan/types.ts';
import { type Attributes, type Store, StoreError } from '../../src/store/store.ts';
import { BucketStore, SimBucket } from './bucket.ts';
import { FolderStore, SimFolder } from './folder.ts';
import { type Held, Truth, Violation } from './truth.ts';
import { type Choose, type Faults, type Process, World } from './world.ts';

export type Kind = 'bucket' | 'versions' | 'no-cas' | 'folder';

export type Command = Finish | 'verify' | 'restore' | 'purge' | 'scan' | 'wait';

/** What one simulation does; who explores all schedules gives it by hand. */
export interface Scenario {
  readonly kind: Kind;
  readonly keep: Keep | undefined;
  readonly keys: readonly string[];
  readonly concurrency: number;
  readonly commands: readonly Command[];
  readonly writes: readonly Deed[];
  readonly kills: number;
  readonly faults: Faults;
  readonly flips: number;
  readonly cuts: number;
  readonly stale: number;
}

/** Something that someone else does. `open` is the first half of a write into an open file. */
export interface Deed {
  readonly does: 'write' | 'same' | 'attributes' | 'delete' | 'touch' | 'open' | 'erase-copy' | 'foreign' | 'lock';
  readonly key: string;
}

const HOLD_MS = 60_000;

function one<T>(choose: Choose, from: readonly T[], about: string): T {
  return from[choose(from.length, about)] as T;
}

/** Draws a scenario. Most have few things that go wrong, so that each of them is met in its pure form too. */
export function draw(choose: Choose): Scenario {
  const kind = one<Kind>(choose, ['bucket', 'versions', 'no-cas', 'folder'], 'kind');
  const keeps: readonly (Keep | undefined)[] =
    kind === 'no-cas' ? [undefined] : kind === 'versions' ? [undefined, 'version'] : [undefined, 'staged', 'centre'];
  const keys = ['a', 'b', 'c'].slice(0, 1 + choose(3, 'keys'));
  const always: readonly Command[] = [
    'tombstoned',
    'tombstoned',
    'tombstoned',
    'verified',
    'copied',
    'restore',
    'purge',
    'wait',
    'verify',
    'scan',
  ];
  const commands = Array.from({ length: 1 + choose(5, 'commands') }, () => one(choose, always, 'command'));
  const deeds: readonly Deed['does'][] =
    kind === 'folder'
      ? ['write', 'same', 'delete', 'touch', 'open', 'open', 'erase-copy', 'foreign', 'lock']
      : ['write', 'write', 'same', 'attributes', 'delete', 'erase-copy', 'foreign', 'lock'];
  const writes = Array.from({ length: choose(6, 'deeds') }, () => ({
    does: one(choose, deeds, 'deed'),
    key: one(choose, keys, 'key'),
  }));
  const rate = (about: string): number => (choose(3, about) === 0 ? 6 + choose(20, about) : 0);
  return {
    kind,
    keep: one(choose, keeps, 'keep'),
    keys,
    concurrency: 1 + choose(3, 'concurrency'),
    commands,
    writes,
    kills: choose(3, 'kills'),
    faults: {
      failBefore: rate('before'),
      failAfter: rate('after'),
      late: kind !== 'folder' && choose(2, 'late') === 0,
    },
    flips: choose(8, 'flips') === 0 ? 3 : 0,
    cuts: rate('cuts'),
    stale: kind === 'folder' ? 0 : rate('stale'),
  };
}

const ROOT = mkdtempSync(join(process.env['FERRY_SIMULATION_DIR'] ?? tmpdir(), 'ferry-simulation-'));
process.once('exit', () => rmSync(ROOT, { recursive: true, force: true }));
const plans = new Map<string, { readonly plan: Plan; readonly router: Router }>();
let born = false;

async function planFor({
  kind,
  keep,
  concurrency,
}: Scenario): Promise<{ readonly plan: Plan; readonly router: Router }> {
  const name = `${kind}-${keep}-${concurrency}`;
  const known = plans.get(name);
  if (known !== undefined) return known;
  const s3 = (bucket: string, jurisdiction: string) => ({
    type: 's3',
    endpoint: `https://${bucket}.example`,
    region: 'r-1',
    bucket,
    jurisdiction,
    credentials: { profile: 'none' },
  });
  const tombstone = {
    hold: `${HOLD_MS / 1_000}s`,
    ...(keep === undefined ? {} : { keep }),
    ...(kind === 'no-cas' ? { without: 'cas' } : {}),
  };
  const legacy = kind === 'folder' ? { type: 'file', path: './legacy', jurisdiction: 'SG' } : s3('legacy', 'SG');
  const document = {
    apiVersion: 'ferry/v1',
    name: 'simulated',
    residency: { zone: ['EEA'] },
    runner: { jurisdiction: 'IE' },
    stores: { legacy, centre: s3('centre', 'NO') },
    partitions: [{ name: 'all', from: 'legacy', select: { prefix: '' }, to: 'centre' }],
    finish: 'tombstoned',
    limits: { concurrency },
    tombstone,
  };
  const file = join(ROOT, `${name}.json`);
  writeFileSync(file, JSON.stringify(document));
  const loaded = await loadPlan(file, {});
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const made = { plan: loaded.plan, router: await openRouter(loaded.plan) };
  plans.set(name, made);
  return made;
}

/** A new ledger for each simulation, as a copy of one that was made once. */
function freshState(): string {
  const template = join(ROOT, 'template');
  if (!born) Ledger.open(template).close();
  born = true;
  const state = mkdtempSync(join(ROOT, 'state-'));
  mkdirSync(state, { recursive: true });
  copyFileSync(join(template, 'ledger.db'), join(state, 'ledger.db'));
  return state;
}

export interface Ended {
  readonly trace: readonly string[];
  readonly steps: number;
  /** What rule was broken; `undefined` where none was. */
  readonly violation: string | undefined;
}

/** Who explores: is given what tells states apart, and is told when nothing is left to chance. */
export interface Watcher {
  readonly began?: (fingerprint: () => string) => void;
  readonly quiet?: () => void;
}

/** No simulation takes as many steps: one that does has something that never ends. */
const MOST_STEPS = 20_000;

/** Runs one simulation from its beginning to its end. */
export async function simulate(
  choose: Choose,
  scenario: Scenario = draw(choose),
  watcher: Watcher = {},
): Promise<Ended> {
  const simulation = new Simulation(choose, scenario, watcher);
  try {
    await simulation.run(await planFor(scenario));
    return simulation.ended(undefined);
  } catch (error) {
    const isViolation = error instanceof Violation;
    return simulation.ended(isViolation ? error.message : `fault of its own: ${(error as Error).stack}`);
  } finally {
    simulation.close();
  }
}

class Simulation {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #state = freshState();
  readonly #source: SimBucket | SimFolder;
  readonly #centre: SimBucket;
  readonly #truth: Truth;
  #left: Deed[];
  #ledger: Ledger | undefined;
  #lock: Lock | undefined;
  #process: Process | undefined;
  #kills: number;
  #steps = 0;
  #wrong: unknown;
  #writes = 0;
  #commits = 0;
  #open: OpenFile[] = [];

  readonly #watcher: Watcher;

  constructor(choose: Choose, scenario: Scenario, watcher: Watcher) {
    this.#scenario = scenario;
    this.#watcher = watcher;
    this.#world = new World(choose);
    watcher.began?.(() => this.#fingerprint());
    const common = { flips: 0, stale: scenario.stale, cuts: scenario.cuts };
    const { kind } = scenario;
    const versioned = kind === 'versions' || kind === 'no-cas';
    this.#source =
      kind === 'folder'
        ? new SimFolder(this.#world)
        : new SimBucket(this.#world, { ...common, name: 'legacy', versioned, cas: kind !== 'no-cas', isSource: true });
    this.#centre = new SimBucket(this.#world, {
      ...common,
      name: 'centre',
      versioned: false,
      cas: true,
      isSource: false,
      flips: scenario.flips,
      stale: 0,
    });
    this.#truth = new Truth({
      source: this.#source,
      centre: this.#centre,
      now: () => this.#world.now(),
      known: (key) => this.#known(key),
    });
    this.#left = [...scenario.writes];
    this.#kills = scenario.kills;
  }

  #known(key: string) {
    const row = this.#ledger?.queries.byKey('legacy', key);
    return row && { state: row.state, step: row.intent?.step, leaving: row.tombstone?.leaving !== undefined };
  }

  /** All that what happens next depends on, but for times: the stores, the ledger, what is asked, and what each process has heard. */
  #fingerprint(): string {
    const rows = [...(this.#ledger?.queries.inStates(STATES) ?? [])].map(
      ({ key, state, intent, tombstone, reason }) => {
        return [key, state, intent?.step, tombstone?.kept, reason];
      },
    );
    const source = this.#source.shape();
    const { name, dead } = this.#process ?? { name: '', dead: false };
    return JSON.stringify([
      rows,
      source,
      this.#centre.shape(),
      this.#world.shape(name),
      this.#left,
      this.#kills,
      this.#open.map(({ key, file }) => [key, file.inode]),
      dead,
      this.#commits,
    ]);
  }

  ended(violation: string | undefined): Ended {
    return { trace: [JSON.stringify(this.#scenario), ...this.#world.trace], steps: this.#steps, violation };
  }

  close(): void {
    this.#shut();
    rmSync(this.#state, { recursive: true, force: true });
  }

  #shut(): void {
    try {
      this.#ledger?.close();
    } catch {
      // It was in the middle of something when its process was killed.
    }
    this.#ledger = undefined;
    // The system lets go of the lock of whoever is dead.
    this.#lock?.release();
    this.#lock = undefined;
  }

  async run({ plan, router }: { readonly plan: Plan; readonly router: Router }): Promise<void> {
    for (const key of this.#scenario.keys) this.#write(key);
    this.#arm();
    for (const command of this.#scenario.commands) await this.#command(command, plan, router);
    // Nobody works and nothing fails any more, but for what is still on its way.
    this.#world.faults = { failBefore: 0, failAfter: 0, late: false };
    this.#kills = 0;
    this.#left = [];
    this.#watcher.quiet?.();
    this.#arm(false);
    while (this.#open.length > 0) this.#writeOpen();
    while (this.#world.waiting > 0) await this.#step();
    for (let quiet = 0; quiet < 3; quiet += 1) await this.#command('tombstoned', plan, router);
    this.#truth.checkEnd();
    this.#checkReasons(plan);
    await this.#command('restore', plan, router);
    this.#checkRestored();
    this.#truth.checkEnd();
  }

  #arm(isOn = true): void {
    if (isOn) this.#world.faults = this.#scenario.faults;
    this.#source.truth = this.#truth;
    this.#centre.truth = this.#truth;
    if (!isOn) {
      const off = { flips: 0, cuts: 0, stale: 0 };
      Object.assign(this.#centre.options, off);
      if (this.#source instanceof SimBucket) Object.assign(this.#source.options, off);
    }
  }

  async #command(command: Command, plan: Plan, router: Router): Promise<void> {
    const world = this.#world;
    if (command === 'wait') {
      while (this.#open.length > 0) this.#writeOpen();
      world.advance(HOLD_MS + 1);
      world.say('the hold passes');
      return;
    }
    const process: Process = {
      name: `p${(this.#process === undefined ? 0 : Number(this.#process.name.slice(1))) + 1}`,
      dead: false,
    };
    this.#process = process;
    world.say(`${process.name} ferry ${command}`);
    let isDone = false;
    let failure: unknown;
    void this.#work(command, process, plan, router).then(
      () => {
        isDone = true;
      },
      (error: unknown) => {
        isDone = true;
        failure = error;
      },
    );
    await world.quiet();
    while (!isDone && !process.dead) {
      if (this.#left.length > 0 && world.oneIn(world.isTense ? 3 : 9, 'deed now')) this.#do(this.#left.shift() as Deed);
      else if (this.#open.length > 0 && world.oneIn(4, 'write now')) this.#writeOpen();
      else if (this.#kills > 0 && world.oneIn(world.isTense ? 15 : 60, 'kill now')) this.#kill(process);
      else if (world.waiting > 0) await this.#step();
      else throw new Violation(`${process.name} waits for nothing`);
    }
    if (this.#wrong !== undefined) throw this.#wrong;
    this.#shut();
    await world.quiet();
    if (failure !== undefined && !process.dead) {
      const isToldOf = failure instanceof FerryError || failure instanceof StoreError;
      if (!(isToldOf && failure instanceof Error)) throw failure;
      world.say(`${process.name} ends: ${failure.message}`);
    }
  }

  async #step(): Promise<void> {
    // Whoever has a file open ends what he began before a second is over.
    if (this.#open.length > 0 && this.#world.waiting > 0 && this.#steps % 8 === 7) this.#writeOpen();
    this.#steps += 1;
    if (this.#steps > MOST_STEPS) throw new Violation('it never ends');
    this.#world.step();
    await this.#world.quiet();
    this.#wrong ??= this.#world.violation;
    if (this.#wrong !== undefined) throw this.#wrong;
  }

  #kill(process: Process): void {
    this.#kills -= 1;
    this.#world.kill(process);
  }

  /** What `ferry COMMAND` does, with the simulated world around it. */
  async #work(command: Command, process: Process, plan: Plan, router: Router): Promise<void> {
    const world = this.#world;
    this.#lock = takeLock(this.#state, command);
    const clock = world.clockOf(process);
    this.#commits = 0;
    const beforeCommit = (): void => {
      this.#commits += 1;
      world.activity += 1;
      if (!process.dead && this.#kills > 0 && world.oneIn(40, 'kill before commit')) this.#kill(process);
      if (process.dead) throw new Error('killed');
    };
    const ledger = Ledger.open(this.#state, {
      clock,
      hooks: {
        beforeCommit,
        afterCommit: () => {
          world.activity += 1;
          if (!process.dead && this.#kills > 0 && world.oneIn(40, 'kill after commit')) this.#kill(process);
          if (process.dead) throw new Error('killed');
        },
      },
    });
    this.#ledger = ledger;
    const source =
      this.#source instanceof SimFolder
        ? new FolderStore(this.#source, process)
        : new BucketStore(this.#source, process);
    const centre = new BucketStore(this.#centre, process);
    const stores = new Map<string, Store>([
      ['legacy', source],
      ['centre', centre],
    ]);
    try {
      ledger.bind({
        plan: plan.name,
        planDigest: plan.digest,
        routing: plan.routing,
        stores: [source, centre].map(({ name, location }) => ({ name, location })),
        partitions: plan.partitions.map(({ name, from, to }) => ({ name, from, to })),
      });
      // What doctor and the first run would find out by trying.
      ledger.probes.record('legacy', 'replace-if-unchanged', this.#scenario.kind !== 'no-cas');
      ledger.probes.record('legacy', 'delete-if-unchanged', this.#scenario.kind === 'bucket');
      ledger.probes.record('centre', 'create-if-absent', true);
      ledger.probes.record('centre', 'apart-from:legacy', true);
      const never = new AbortController().signal;
      const retry = { attempts: 3, clock, random: () => world.choose(4, 'jitter') / 4 };
      const context: StepContext = {
        plan,
        ledger: ledger.uuid,
        stores,
        clock,
        uploads: ledger.uploads,
        history: ledger.history,
        partMemory: new BufferPool(1 << 20),
        retry,
        signal: never,
      };
      const all = { context, ledger, router, retry, listener: () => undefined, stop: never };
      await this.#act(command, all);
      this.#checkSums(plan, ledger);
    } catch (error) {
      if (process.dead) return;
      if (error instanceof Violation) this.#wrong = error;
      throw error;
    }
  }

  async #act(command: Command, all: SharedWork): Promise<void> {
    const chosen = (): boolean => true;
    switch (command) {
      case 'restore':
        await undoTombstones({ ...all, chosen });
        return;
      case 'purge':
        await purgeTombstones({ ...all, chosen });
        return;
      case 'verify':
        await checkCentres(all.context, all.ledger, all.retry, all.stop);
        return;
      case 'scan':
        if (all.context.stores.get('legacy')?.versions !== undefined) return;
        await scan({ ...all.context, router: all.router, ledger: all.ledger, most: 10 });
        return;
      case 'wait':
        return;
      default:
        await migrate({ ...all, until: command, partitions: undefined, lateMs: 0 });
    }
  }

  /** Rule 2. */
  #checkSums(plan: Plan, ledger: Ledger): void {
    const { totals, partitions } = summarise(plan, ledger);
    const sum = Object.values(totals.states).reduce((a, b) => a + b, 0);
    const objects = partitions.reduce((a, b) => a + b.objects, 0);
    const rows = [...ledger.queries.inStates(Object.keys(totals.states) as never)].length;
    if (sum !== totals.objects || objects !== totals.objects || rows !== totals.objects)
      throw new Violation(`rule 2: ${totals.objects} objects, ${sum} in states, ${rows} rows`);
  }

  /** Nothing stays anywhere without a word why, or because ferry does not know its own work again. */
  #checkReasons(plan: Plan): void {
    const ledger = Ledger.read(this.#state);
    if (ledger === undefined) return;
    try {
      for (const { key, state, reason } of summarise(plan, ledger).unresolved) {
        if (reason === '' || reason.includes('this ledger does not know'))
          throw new Violation(`${key} is ${state} for ever: ${reason}`);
      }
      const done = ['tombstoned', 'purged', 'restored'];
      for (const row of ledger.queries.inStates(['planned', 'copied', 'verified'])) {
        throw new Violation(`${row.key} is still ${row.state} after quiet runs, not one of ${done}`);
      }
      for (const row of ledger.queries.inStates(['tombstoned'])) {
        // A restore that was cut off is for the next restore to end.
        if (row.intent?.step === 'restore') continue;
        const here = this.#source.current(row.key);
        if (here !== undefined && !looksLikeMarker(here.bytes))
          throw new Violation(`${row.key} is tombstoned, and its source is no marker`);
      }
    } finally {
      ledger.close();
    }
  }

  #checkRestored(): void {
    const ledger = Ledger.read(this.#state);
    if (ledger === undefined) return;
    try {
      for (const { key } of ledger.queries.inStates(['restored'])) {
        const here = this.#source.current(key);
        if (here !== undefined && looksLikeMarker(here.bytes))
          throw new Violation(`${key} is restored, and its source is a marker`);
      }
    } finally {
      ledger.close();
    }
  }

  #write(key: string, like?: Uint8Array, attributes: Attributes = {}): void {
    this.#writes += 1;
    const bytes = like ?? new TextEncoder().encode(`write ${this.#writes} of ${key}`);
    const isFolder = this.#source instanceof SimFolder;
    const write = this.#truth.written(key, bytes, isFolder ? {} : attributes);
    if (this.#source instanceof SimFolder) this.#source.files.set(key, this.#source.make(bytes, write));
    else this.#source.put(key, bytes, attributes, write);
    this.#world.say(`someone writes ${key} (write ${write.number}${like === undefined ? '' : ', the same bytes'})`);
  }

  #do({ does, key }: Deed): void {
    this.#world.advance(1);
    const here = this.#source.current(key);
    // Nobody writes a marker's own bytes and attributes again, nor opens one.
    const own = here !== undefined && !looksLikeMarker(here.bytes) ? here : undefined;
    if (does === 'erase-copy' || does === 'foreign') this.#meddle(does, key);
    else if (does === 'lock') this.#tryLock();
    else if (does === 'delete') this.#delete(key);
    else if (does === 'touch') this.#touch(key);
    else if (does === 'open') this.#openFile(key, own);
    else if (does === 'attributes' && own !== undefined) this.#change(key, own);
    else if (does === 'same') this.#write(key, own?.bytes, own?.attributes);
    else this.#write(key);
  }

  /** The same bytes with other metadata. */
  #change(key: string, { bytes }: Held): void {
    // A marker that is on its way for long has a long moment.
    const isUnseen = this.#scenario.kind === 'bucket' && (this.#known(key)?.step === 'tombstone' || this.#wasKilled);
    if (isUnseen) this.#truth.unseen.add(key);
    this.#write(key, bytes, { metadata: { n: String(this.#writes) } });
  }

  get #wasKilled(): boolean {
    return this.#kills < this.#scenario.kills;
  }

  #delete(key: string): void {
    this.#world.say(`someone deletes ${key}`);
    this.#truth.last.set(key, undefined);
    if (this.#source instanceof SimFolder) this.#source.files.delete(key);
    else this.#source.erase(key);
  }

  #touch(key: string): void {
    this.#world.say(`someone touches ${key}`);
    if (this.#source instanceof SimFolder) this.#source.touch(key);
  }

  #openFile(key: string, own: Held | undefined): void {
    const file = this.#source instanceof SimFolder && own !== undefined ? this.#source.files.get(key) : undefined;
    if (file === undefined) return;
    this.#world.say(`someone opens ${key}`);
    this.#open.push({ key, file });
  }

  /** Someone changes the centre. Where ferry could not have seen it before it acted, that is not ferry's fault. */
  #meddle(does: 'erase-copy' | 'foreign', key: string): void {
    const known = this.#known(key);
    if (does === 'erase-copy') {
      this.#world.say(`someone erases the copy of ${key}`);
      // A request of a killed run may be on its way, and looks at nothing any more.
      const isTooLate = known === undefined || known.step !== undefined || known.leaving || this.#wasKilled;
      if (isTooLate) this.#truth.excused.add(key);
      // What a tombstone hides by then has to stay, but nobody can have it before a restore.
      else if (known.state === 'tombstoned' || known.state === 'purged') this.#truth.erased.add(key);
      this.#centre.set(key, []);
    } else if (this.#centre.current(key) === undefined) {
      this.#world.say(`someone puts other bytes under ${key} at the centre`);
      const bytes = new TextEncoder().encode(`foreign ${key}`);
      this.#centre.put(key, bytes, {}, { number: 0, key, digest: '', attributes: {} });
    }
  }

  #tryLock(): void {
    try {
      takeLock(this.#state, 'second').release();
    } catch (error) {
      if (!(error instanceof FerryError && error.fault === 'unreachable')) throw error;
      this.#world.say('a second operator is told that one is at work');
      return;
    }
    throw new Violation('a second operator got the lock');
  }

  /** Writes into a file that was opened before, wherever it is by now. */
  #writeOpen(): void {
    const { key, file } = this.#open.shift() as OpenFile;
    const folder = this.#source as SimFolder;
    const isThere = folder.files.get(key) === file || [...folder.held.values()].includes(file);
    // A program whose file was deleted or renamed over by someone else writes into nothing, and knows.
    if (!isThere) return;
    // Someone has written or deleted the name since: what it leads to is not this file's business any more.
    const last = this.#truth.last.get(key);
    if (last !== file.write) return;
    this.#writes += 1;
    this.#world.advance(1);
    file.bytes = new TextEncoder().encode(`write ${this.#writes} of ${key}, in place`);
    file.written = this.#world.now();
    file.changed = this.#world.now();
    file.write = this.#truth.written(key, file.bytes, {});
    this.#world.say(`someone writes the open file of ${key} (write ${file.write.number})`);
  }
}

interface OpenFile {
  readonly key: string;
  readonly file: ReturnType<SimFolder['make']>;
}

type SharedWork = Omit<Parameters<typeof purgeTombstones>[0], 'chosen'>;
