/** Everything that a rehearsal checks, in the order of its report. The first four are the rules that hold always. */
export const CHECKS = [
  ['rule-1', 'no source byte is gone unless a whole copy is at its centre'],
  ['rule-2', 'the objects planned are the sum over all outcomes'],
  ['rule-3', 'the ledger knew of each effect before it happened'],
  ['rule-4', 'what a centre already held is not overwritten'],
  ['exits', 'every run that was not killed ended as it may'],
  ['copies', 'every object is at its centre, byte for byte'],
  ['sources', 'every source object is as the plan’s finish says'],
  ['excluded', 'what the plan excludes is where it was'],
  ['strangers', 'the centres hold nothing that nobody put there'],
  ['late-writes', 'no acknowledged write or delete by others is lost'],
  ['unresolved', 'exactly those objects need a person that somebody meddled with'],
  ['verify', '`ferry verify` agrees'],
  ['restore', 'a sample comes back from its tombstones, byte for byte'],
  ['purge', 'after the hold nothing that was hidden is left'],
  ['scan', '`ferry scan` finds what is left, and no more'],
  ['evidence', 'the exported evidence checks out'],
  ['secrets', 'no credential is in the state, the log or the evidence'],
] as const;

export type CheckId = (typeof CHECKS)[number][0];

export interface Check {
  readonly id: CheckId;
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** What broke it; the first ones. */
  readonly problems: readonly string[];
  /** How many there were. */
  readonly broken: number;
  /** What was compared, or why it was not. */
  readonly facts?: string;
  readonly seconds: number;
}

/** How many problems of one check are told; more would say nothing new. */
const SHOWN = 20;

/** Gathers what the checks find. What was never looked at counts as skipped, never as passed. */
export class CheckBook {
  readonly #found = new Map<
    CheckId,
    { problems: string[]; broken: number; facts?: string; skipped: boolean; ms: number }
  >();

  problem(id: CheckId, text: string): void {
    const entry = this.#of(id);
    entry.broken += 1;
    if (entry.problems.length < SHOWN) entry.problems.push(text);
  }

  /** That it was looked at. */
  looked(id: CheckId, facts: string): void {
    this.#of(id).facts = facts;
  }

  skip(id: CheckId, why: string): void {
    const entry = this.#of(id);
    entry.skipped = true;
    entry.facts = why;
  }

  /** Counts the time of some work for a check. */
  async timed<T>(id: CheckId, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.#of(id).ms += performance.now() - started;
    }
  }

  get all(): Check[] {
    return CHECKS.map(([id, title]) => {
      const entry = this.#found.get(id);
      const broken = entry?.broken ?? 0;
      const state = broken > 0 ? 'failed' : entry === undefined || entry.skipped ? 'skipped' : 'passed';
      const facts = entry?.facts ?? (entry === undefined ? 'the rehearsal did not come so far' : undefined);
      return {
        id,
        title,
        state,
        problems: entry?.problems ?? [],
        broken,
        ...(facts === undefined ? {} : { facts }),
        seconds: (entry?.ms ?? 0) / 1_000,
      };
    });
  }

  #of(id: CheckId) {
    let entry = this.#found.get(id);
    if (entry === undefined) {
      entry = { problems: [], broken: 0, skipped: false, ms: 0 };
      this.#found.set(id, entry);
    }
    return entry;
  }
}
