import { messageOf } from '../base/errors.ts';
import { LiveLimits } from '../engine/limits.ts';
import { type OrderedLimits, readOrdered, watchControl, writeWorking } from '../ledger/control.ts';
import type { LimitsNow } from '../plan/limits-at.ts';
import type { Plan } from '../plan/types.ts';
import type { Io } from './io.ts';
import { checkPlan, problemLine } from './plan-file.ts';
import { underCeiling } from './settings/ceiling.ts';
import { listenForHangup } from './signals.ts';

/** How often a process at work says how its stores are asked, where that has changed. */
const SAY_EVERY_MS = 5_000;

/** What it is about. */
export interface Limited {
  readonly plan: Plan;
  readonly stateDir: string;
  /** The configuration's, which a plan that is read again keeps below too. */
  readonly maxConcurrency?: number | undefined;
}

/** The limits of a command that only reads: the plan's with its windows, and what an operator ordered before. */
export function limitsOf({ plan, stateDir }: Limited): LiveLimits {
  return new LiveLimits(plan.limits, readOrdered(stateDir));
}

/** Limits that are followed while a command works. */
export interface Following extends Disposable {
  readonly limits: LiveLimits;
  /** What else the command says of itself to who looks on. */
  about(details: Readonly<Record<string, unknown>>): void;
}

/** The same for a command that has the lock, which follows what is ordered while it works; `run` also reads the plan again at SIGHUP. */
export function followLimits(command: string, limited: Limited, io: Io): Following {
  const { plan, stateDir, maxConcurrency } = limited;
  const followed = new Followed(command, stateDir, new LiveLimits(plan.limits, readOrdered(stateDir)), io);
  using undo = new DisposableStack();
  undo.use(watchControl(stateDir, 'ordered', () => followed.reread()));
  undo.defer(followed.limits.everyMinute(() => followed.reread()));
  undo.defer(followed.limits.onChange((now) => followed.changed(now)));
  if (command === 'run') undo.use(listenForHangup(() => void followed.hungUp(plan, maxConcurrency)));
  const saying = setInterval(() => followed.say(), SAY_EVERY_MS).unref();
  undo.defer(() => clearInterval(saying));
  // What was ordered between the first reading and the watch.
  followed.reread();
  followed.say();
  undo.defer(() => writeWorking(stateDir, undefined));
  const all = undo.move();
  return {
    limits: followed.limits,
    about: (details) => followed.about(details),
    [Symbol.dispose]: () => all.dispose(),
  };
}

class Followed {
  readonly limits: LiveLimits;
  readonly #command: string;
  readonly #stateDir: string;
  readonly #io: Io;
  readonly #since = new Date().toISOString();
  #ordered: string;
  #about: Readonly<Record<string, unknown>> = {};
  #said = '';

  constructor(command: string, stateDir: string, limits: LiveLimits, io: Io) {
    this.#command = command;
    this.#stateDir = stateDir;
    this.limits = limits;
    this.#io = io;
    this.#ordered = JSON.stringify(readOrdered(stateDir) ?? null);
  }

  about(details: Readonly<Record<string, unknown>>): void {
    this.#about = details;
    this.say();
  }

  /** Takes what is ordered now; what cannot be read changes nothing. */
  reread(): void {
    try {
      const ordered = readOrdered(this.#stateDir);
      const text = JSON.stringify(ordered ?? null);
      if (text === this.#ordered) return;
      this.#ordered = text;
      this.limits.setOperator(ordered);
    } catch (error) {
      this.#io.tell(`ferry: the limits stay as they are: ${messageOf(error)}`);
    }
    this.say();
  }

  changed(now: LimitsNow): void {
    this.#io.log.info({ limits: limitsDocument(now) }, 'the limits have changed');
    this.say();
  }

  /** Takes the limits that the plan's file has now, and tells what else in it is another by now. */
  async hungUp(plan: Plan, maxConcurrency: number | undefined): Promise<void> {
    this.reread();
    try {
      const checked = await checkPlan(plan.file, this.#io.env);
      if (checked.plan === undefined) {
        for (const problem of checked.problems) this.#io.tell(problemLine(problem));
        this.#io.tell('ferry: SIGHUP: the plan does not validate any more; the limits stay as they are');
        return;
      }
      const others = differences(plan, checked.plan);
      if (others.length > 0) {
        const names = others.join(', ');
        this.#io.tell(`ferry: SIGHUP: ${names} changed too, and is not taken; stop and run again to take it`);
      }
      this.limits.setPlan(underCeiling(checked.plan.limits, maxConcurrency));
      this.#io.tell('ferry: SIGHUP: the limits of the plan are read again');
      this.#io.log.info({ limits: limitsDocument(this.limits.now) }, 'the limits of the plan are read again');
    } catch (error) {
      this.#io.tell(`ferry: SIGHUP: the limits stay as they are: ${messageOf(error)}`);
    }
  }

  /** Says in the state directory what is kept to, where that is news. */
  say(): void {
    const { now, stores } = this.limits;
    const ordered = JSON.parse(this.#ordered) as OrderedLimits | null;
    const told = {
      ...this.#about,
      command: this.#command,
      since: this.#since,
      limits: limitsDocument(now),
      stores,
      ordered,
    };
    const text = JSON.stringify(told);
    if (text === this.#said) return;
    this.#said = text;
    try {
      writeWorking(this.#stateDir, told);
    } catch {
      // Only for who looks on; a disk that cannot be written is found by the next step.
    }
  }
}

/** Fields of the plan, but `limits`, that are not the same in both. */
function differences(one: Plan, other: Plan): string[] {
  const names = new Set([...Object.keys(one.document), ...Object.keys(other.document)]);
  names.delete('limits');
  return [...names].filter((name) => JSON.stringify(one.document[name]) !== JSON.stringify(other.document[name]));
}

/** As `--json` has it: null is no limit. */
export function limitsDocument({ bandwidth, requests, concurrency, minConcurrency, window }: LimitsNow) {
  const rate = ({ value, from }: LimitsNow['bandwidth']) => ({ value: value ?? null, from });
  return {
    bandwidth: rate(bandwidth),
    requests: rate(requests),
    concurrency,
    minConcurrency,
    window: window ?? null,
  };
}
