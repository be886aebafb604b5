/** How a rehearsal is disturbed. Shares are of a thousand requests. */
export interface Scenario {
  /** Runs that are killed by SIGKILL, unless `--kills` says otherwise. */
  readonly kills: number;
  readonly faults: FaultRates;
  /** Lanes of an application that goes on writing and deleting objects at the legacy stores. */
  readonly writers: number;
  /** Whether servers are killed and started again under the runs. */
  readonly restarts: number;
}

export interface FaultRates {
  /** Answers that come late, by up to `latencyMs`. */
  readonly late: number;
  readonly latencyMs: number;
  /** Connections that are reset before the server heard of the request … */
  readonly resetBefore: number;
  /** … and after it did what was asked, so that nobody knows. */
  readonly resetAfter: number;
  /** Answers that end in the middle of their body. */
  readonly cut: number;
  readonly slowDown: number;
  /** Bodies in which one bit is turned over: what is sent to any store, and what a centre gives. */
  readonly flip: number;
  /** Writes that are answered as by a server whose disk is full. */
  readonly full: number;
}

const NONE: FaultRates = {
  late: 0,
  latencyMs: 0,
  resetBefore: 0,
  resetAfter: 0,
  cut: 0,
  slowDown: 0,
  flip: 0,
  full: 0,
};

const FLAKY: FaultRates = {
  late: 100,
  latencyMs: 60,
  resetBefore: 15,
  resetAfter: 15,
  cut: 10,
  slowDown: 20,
  flip: 0,
  full: 0,
};

export const SCENARIO_NAMES = ['calm', 'flaky', 'hostile'] as const;

export type ScenarioName = (typeof SCENARIO_NAMES)[number];

export const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  calm: { kills: 0, faults: NONE, writers: 0, restarts: 0 },
  flaky: { kills: 5, faults: FLAKY, writers: 0, restarts: 0 },
  hostile: { kills: 5, faults: { ...FLAKY, flip: 15, full: 10 }, writers: 2, restarts: 2 },
};

export function isDisturbed({ faults }: Scenario): boolean {
  return faults !== NONE;
}
