import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type Fault, FerryError } from '../../base/errors.ts';
import type { RetryPolicy } from '../../base/retry.ts';
import { type Away, readAway, writeAway } from '../../ledger/away.ts';
import { readOrdered } from '../../ledger/control.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { State } from '../../ledger/lifecycle.ts';
import type { Share } from '../../ledger/segment-book.ts';
import type { StepContext } from '../../migration/context.ts';
import type { OperatorLimits } from '../../plan/limits-at.ts';
import type { Finish, Plan } from '../../plan/types.ts';
import type { Store } from '../../store/store.ts';
import type { LiveLimits } from '../limits.ts';
import { interrupted, type Moved } from '../local.ts';
import { comeHome } from '../segment/come-home.ts';
import { Round, roundPrefix } from '../segment/round.ts';
import { sendOut } from '../segment/send-out.ts';
import type { TemporalClient } from './client.ts';
import type { TemporalServer } from './connection.ts';
import type { Counts, Partition } from './messages.ts';
import { mostAtOnce } from './shares.ts';

export interface HomeWork {
  readonly plan: Plan;
  readonly ledger: Ledger;
  readonly stateDir: string;
  readonly control: Store;
  /** Opens the control store. */
  readonly open: () => Promise<void>;
  readonly client: TemporalClient;
  readonly server: TemporalServer;
  readonly until: Finish;
  readonly partitions: ReadonlySet<string> | undefined;
  readonly operator: string;
  readonly shardsAtOnce: number;
  readonly shardObjects: number;
  /** Of a shard's lease, in milliseconds. */
  readonly ttlMs: number;
  readonly retry: RetryPolicy;
  /** Told when what an operator ordered may have changed. */
  readonly limits: LiveLimits;
  /** Aborted: workers are told to save and give up what they have, and what is done comes home. */
  readonly stop: AbortSignal;
  /** Aborted: the home goes; workers go on. */
  readonly abort: AbortSignal;
  readonly tell: (text: string) => void;
}

/** The home of a plan's ledger, while workers that Temporal asks do the work. */
export class TemporalHome {
  readonly #work: HomeWork;

  constructor(work: HomeWork) {
    this.#work = work;
  }

  /** Brings home what an earlier call has left with workers. To be called before anything is listed. */
  async bringBack(): Promise<Moved> {
    const { plan, stateDir, control, retry, open } = this.#work;
    await open();
    const away = readAway(stateDir);
    if (away === undefined) return { objects: 0, bytes: 0 };
    if (away.control !== plan.control) throw otherControl(away);
    if (away.state !== 'out') {
      // Nobody was told of it, or everybody is done with it.
      await new Round({ store: control, prefix: away.prefix, retry }).remove();
      writeAway(stateDir, undefined);
      return { objects: 0, bytes: 0 };
    }
    this.#work.tell(`workers have ${away.shards} shards of this plan since ${away.since}; waiting for them`);
    return await this.#waitFor(away);
  }

  /** Gives the objects of these states to workers, and brings them home. As `MigrateWork.drives` has it. */
  async drive(context: StepContext, states: readonly State[]): Promise<Moved> {
    const { plan, ledger, stateDir, control, server, until, operator, partitions, retry } = this.#work;
    const { shardObjects, ttlMs } = this.#work;
    const round = randomUUID();
    const prefix = roundPrefix(plan.digest, ledger.uuid, round);
    const shardsAtOnce = mostAtOnce(plan.limits, this.#work.shardsAtOnce);
    const { address, namespace, taskQueue } = server;
    const cutting: Away = {
      prefix,
      control: control.name,
      shards: 0,
      state: 'cutting',
      address,
      namespace,
      taskQueue,
      workflow: `ferry/${plan.name}/${round}`,
      partitions: [],
      since: new Date().toISOString(),
    };
    writeAway(stateDir, cutting);
    const job = { until, operator, shardsAtOnce, ttlMs };
    const sent = await sendOut({
      context,
      ledger,
      control,
      prefix,
      states,
      partitions,
      job,
      shardObjects,
      retry,
    }).catch(async (error: unknown) => {
      await this.bringBack();
      throw error;
    });
    if (sent === undefined) {
      writeAway(stateDir, undefined);
      return { objects: 0, bytes: 0 };
    }
    const out: Away = { ...cutting, state: 'out', shards: sent.shards.length, partitions: rangesOf(sent.shards) };
    writeAway(stateDir, out);
    return await this.#waitFor(out);
  }

  async #waitFor(away: Away): Promise<Moved> {
    const { plan, client, stop, abort, ledger, control, retry, stateDir, ttlMs, tell } = this.#work;
    const spec = plan.stores[away.control];
    if (spec === undefined) throw otherControl(away);
    const place = { control: spec, prefix: away.prefix };
    const round = new Round({ store: control, prefix: away.prefix, retry });
    const { shardsAtOnce } = await round.readJob();
    await client.start(away.workflow, { place, partitions: away.partitions, shardsAtOnce, ttlMs });
    const forget = await this.#passOn(round);
    const counts = await this.#ended(away).finally(forget);
    const owner = { id: `home ${ledger.uuid}`, host: hostname(), jurisdiction: plan.runner?.jurisdiction ?? '' };
    const home = await comeHome({
      round,
      ledger,
      shards: away.shards,
      owner,
      signal: abort,
      waiting: (shard, { owner: who }) => tell(`waiting for ${who.host} to give up shard ${shard}, or to be silent`),
    });
    writeAway(stateDir, { ...away, state: 'home' });
    await round.remove();
    writeAway(stateDir, undefined);
    if (stop.aborted) throw interrupted();
    const [fault] = counts?.faults ?? [];
    if (fault !== undefined) throw shardFault(fault, counts?.failed ?? 1);
    if (home.open > 0) throw endedByOthers(away, home.open);
    return home.moved;
  }

  /** Passes on to workers what an operator orders, as it does here to a run in one process. @returns what ends that. */
  async #passOn(round: Round): Promise<() => void> {
    const { stateDir, limits, tell } = this.#work;
    let passed = '{}';
    const pass = async (): Promise<void> => {
      const { bandwidth, requests, concurrency } = readOrdered(stateDir) ?? {};
      const text = JSON.stringify({ bandwidth, requests, concurrency });
      if (text === passed) return;
      passed = text;
      await round.writeLimits(JSON.parse(text) as OperatorLimits);
    };
    await pass();
    return limits.onChange(() => {
      pass().catch((error: unknown) => tell(`the limits cannot be passed on to workers: ${String(error)}`));
    });
  }

  async #ended({ workflow }: Away): Promise<Counts | undefined> {
    const { client, stop, abort, tell } = this.#work;
    const order = (): void => {
      tell('workers are told to save what they have; what is done comes home');
      client.order(workflow, 'stop').catch((error: unknown) => tell(`they cannot be told: ${String(error)}`));
    };
    if (stop.aborted) order();
    stop.addEventListener('abort', order, { once: true });
    try {
      return await client.ended(workflow, abort);
    } catch (error) {
      if (abort.aborted) throw interrupted();
      throw error;
    } finally {
      stop.removeEventListener('abort', order);
    }
  }
}

/** Shards are numbered in the order of their partitions. */
function rangesOf(shares: readonly Share[]): Partition[] {
  const ranges: { name: string; first: number; last: number }[] = [];
  for (const [index, { partition }] of shares.entries()) {
    const last = ranges.at(-1);
    if (last?.name === partition) last.last = index + 1;
    else ranges.push({ name: partition, first: index + 1, last: index + 1 });
  }
  return ranges;
}

const FAULTS: readonly Fault[] = ['usage', 'refused', 'integrity', 'unreachable', 'interrupted'];

/** What a worker could not do, as the home would have told it. */
function shardFault({ shard, error }: Counts['faults'][number], failed: number): FerryError {
  const { fault, op = 'work on a shard', subject = `shard ${shard}`, why = 'it failed', hint = 'run again' } = error;
  return new FerryError({
    fault: FAULTS.find((one) => one === fault) ?? 'unreachable',
    op,
    subject,
    why: failed > 1 ? `${why} (shard ${shard}, and ${failed - 1} more shards failed)` : `${why} (shard ${shard})`,
    hint,
  });
}

function endedByOthers({ workflow }: Away, open: number): FerryError {
  return new FerryError({
    fault: 'interrupted',
    op: 'go on',
    subject: `workflow ${workflow}`,
    why: `it ended with ${open} shards not done: somebody cancelled or ended it`,
    hint: 'what was done is home; run again to go on',
  });
}

function otherControl(away: Away): FerryError {
  return new FerryError({
    fault: 'refused',
    op: 'bring the work home',
    subject: `store ${away.control}`,
    why: 'workers have objects of this plan in it, and the plan names another control store now',
    hint: `put \`control: ${away.control}\` back until all is home`,
  });
}
