import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/base/clock.ts';

/** Chooses one of `n`. All that is left to chance in a simulation goes through one of these, so that one seed is one schedule. */
export type Choose = (n: number, about: string) => number;

/** xorshift128 from a seed: small, fast, and the same everywhere. */
export function seeded(seed: number): Choose {
  let [a, b, c, d] = [seed ^ 0x9e3779b9, (seed * 0x85ebca6b) | 1, seed ^ 0x6c078965, 0x2545f491];
  const next = (): number => {
    let t = d;
    const s = a;
    d = c;
    c = b;
    b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    a = t ^ s ^ (s >>> 19);
    return a >>> 0;
  };
  for (let n = 0; n < 20; n += 1) next();
  return (n) => next() % n;
}

/** A process of ferry: once it is dead none of its steps is taken any more. */
export interface Process {
  readonly name: string;
  dead: boolean;
}

interface Task {
  readonly process: Process | undefined;
  readonly label: string;
  /** When it may be done at the earliest, by the simulated clock. */
  readonly at: number;
  /** What is left of it when its process is killed: the server may still do what it was asked to. */
  readonly orphan?: (() => void) | undefined;
  readonly run: () => void;
  /** Whether it changes a source or a centre. */
  readonly writes?: boolean;
}

export const START = Date.UTC(2026, 0, 1);

/** What the network and the servers do badly in a simulation; each is one in so many calls, 0 for never. */
export interface Faults {
  readonly failBefore: number;
  readonly failAfter: number;
  readonly late: boolean;
}

function shapeOf(result: unknown): string {
  const head = (result as { head?: unknown } | undefined)?.head ?? result;
  const { revision, size } = (head ?? {}) as { revision?: string; size?: number };
  return Array.isArray(head) ? String(head.length) : `${revision?.split('-')[0]} ${size}`;
}

/** Time, and what waits for its turn. */
export class World implements Clock {
  readonly choose: Choose;
  readonly trace: string[] = [];
  faults: Faults = { failBefore: 0, failAfter: 0, late: false };
  #now = START;
  #tasks: Task[] = [];
  readonly #heard = new Map<string, string[]>();
  /** Grows with all that happens: who waits for quiet goes by it. */
  activity = 0;
  /** The first rule that an effect broke. */
  violation: Error | undefined;

  constructor(choose: Choose) {
    this.choose = choose;
  }

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }

  say(text: string): void {
    this.trace.push(`${String(this.trace.length).padStart(4)} +${this.#now - START} ${text}`);
  }

  oneIn(n: number, about: string): boolean {
    return n > 0 && this.choose(n, about) === 0;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) =>
      this.#add({ process: undefined, label: 'sleep', at: this.#now + ms, run: resolve }),
    );
  }

  /** A clock of one process: nobody of a dead one wakes. */
  clockOf(process: Process): Clock {
    return {
      now: () => this.#now,
      sleep: (ms) =>
        new Promise((resolve) =>
          this.#add({ process, label: `${process.name} sleep`, at: this.#now + ms, run: resolve }),
        ),
    };
  }

  /**
   * A request: it takes effect at some moment after it was sent, and its answer comes at some moment after that. A fault may eat the one or
   * the other; `fault` is what the caller then gets.
   */
  call<T>(process: Process, label: string, effect: () => T, fault: () => Error, writes: boolean): Promise<T> {
    if (process.dead) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      const act = (): (() => void) => {
        try {
          const result = effect();
          this.say(`${process.name} ${label}`);
          this.#heard.set(process.name, [...(this.#heard.get(process.name) ?? []), `${label} ${shapeOf(result)}`]);
          return () => resolve(result);
        } catch (error) {
          this.say(`${process.name} ${label} -> ${(error as { kind?: string }).kind ?? String(error)}`);
          // Nobody hears of it where the process is dead.
          if (error instanceof Error && error.name === 'Violation') this.violation ??= error;
          return () => reject(error);
        }
      };
      const run = (): void => {
        if (this.oneIn(this.faults.failBefore, 'fail before')) {
          this.say(`${process.name} ${label} -> FAULT before it`);
          reject(fault());
          return;
        }
        const answer = act();
        if (!writes) {
          answer();
          return;
        }
        const lost = this.oneIn(this.faults.failAfter, 'fail after');
        const told = (): void => {
          if (lost) this.say(`${process.name} ${label} -> FAULT after it`);
          if (lost) reject(fault());
          else answer();
        };
        this.#add({ process, label: `${label} answer`, at: this.#now, run: told });
      };
      this.#add({ process, label, at: this.#now, run, writes, ...(writes && this.faults.late ? { orphan: act } : {}) });
    });
  }

  #add(task: Task): void {
    this.activity += 1;
    this.#tasks.push(task);
  }

  /** What waits, and what a process has heard so far, as text. */
  shape(process: string): unknown {
    return [this.#tasks.map(({ label }) => label).sort(), [...(this.#heard.get(process) ?? [])].sort()];
  }

  /** How many tasks could be done now, or after waiting. */
  get waiting(): number {
    return this.#tasks.length;
  }

  /** Whether something is about to change: the moment at which others hurt most. */
  get isTense(): boolean {
    return this.#tasks.some(({ writes }) => writes === true);
  }

  /** Does one task. Time passes to it where nothing else is to be done. */
  step(): void {
    const due = this.#tasks.filter(({ at }) => at <= this.#now);
    const ready = due.length > 0 ? due : [this.#tasks.toSorted((a, b) => a.at - b.at)[0] as Task];
    const task = ready[ready.length === 1 ? 0 : this.choose(ready.length, 'task')] as Task;
    this.#tasks = this.#tasks.filter((other) => other !== task);
    this.#now = Math.max(this.#now + 1, task.at);
    task.run();
    this.activity += 1;
  }

  /** Ends a process: none of its tasks is done any more, but for requests that a server already has. */
  kill(process: Process): void {
    if (process.dead) return;
    process.dead = true;
    this.say(`${process.name} KILLED`);
    this.#tasks = this.#tasks.flatMap((task) => {
      if (task.process !== process) return [task];
      if (task.orphan === undefined || this.choose(2, 'orphan') === 0) return [];
      const { orphan, label } = task;
      return [{ process: undefined, label, at: this.#now + this.choose(40, 'delay'), run: () => void orphan() }];
    });
  }

  /** Waits until all code has run that needs no further task. */
  async quiet(): Promise<void> {
    for (let still = 0; still < 3; ) {
      const before = this.activity;
      await turn();
      still = this.activity === before ? still + 1 : 0;
    }
  }
}
