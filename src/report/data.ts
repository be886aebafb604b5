import type { AccessRecord } from '../ledger/access-book.ts';
import type { State, Unresolved } from '../ledger/lifecycle.ts';
import type { EventName, ReasonCount, SizeClass } from '../ledger/overview.ts';

/** All that a page tells, as the ledger had it at one moment. Times in milliseconds since 1970, sizes in bytes. */
export interface ReportData {
  readonly plan: {
    readonly name: string;
    readonly digest: string;
    readonly finish: string;
    readonly verify: string;
    readonly zone: readonly string[];
    readonly runner: string | undefined;
    readonly holdMs: number;
    readonly approvalsAsked: number;
  };
  readonly madeAt: number;
  /** Of ferry. */
  readonly version: string;
  /** What was at work on the plan at that moment. */
  readonly atWork: { readonly command: string; readonly since: string } | undefined;
  readonly totals: Counts;
  readonly partitions: readonly Partition[];
  readonly stores: readonly ReportStore[];
  readonly flows: readonly Flow[];
  readonly sources: readonly Source[];
  readonly sizes: readonly SizeClass[];
  /** `undefined` where nothing was moved yet. */
  readonly timeline: Timeline | undefined;
  readonly unresolved: Unresolvedness;
  readonly approvals: readonly Approval[];
  readonly evidence: Evidence;
  readonly limits: readonly Limit[];
  readonly calls: readonly AccessRecord[];
}

export interface Counts {
  readonly objects: number;
  readonly bytes: number;
  readonly states: Readonly<Record<State, number>>;
}

export interface Partition extends Counts {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface ReportStore {
  readonly name: string;
  readonly type: string;
  readonly jurisdiction: string;
  readonly inZone: boolean;
  readonly isSource: boolean;
  readonly isCentre: boolean;
}

/** All partitions from one store to another, taken together. */
export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly objects: number;
  readonly bytes: number;
}

/** What the listing of a legacy store has seen. */
export interface Source {
  readonly name: string;
  /** Whether its listing has come to its end. */
  readonly complete: boolean;
  readonly listed: Sum;
  readonly excluded: Sum;
  readonly unassigned: Sum;
}

export interface Sum {
  readonly objects: number;
  readonly bytes: number;
}

/** What happened in stretches of equal length, with empty ones between. */
export interface Timeline {
  /** Of each stretch, in milliseconds. */
  readonly width: number;
  readonly buckets: readonly ({ readonly from: number } & Readonly<Record<EventName, Sum>>)[];
}

export interface Unresolvedness {
  readonly objects: number;
  readonly reasons: readonly ReasonCount[];
  /** How many reasons there are in all. */
  readonly different: number;
  /** The first ones of each state; none where keys are left out. */
  readonly sample: readonly {
    readonly state: Unresolved;
    readonly partition: string;
    readonly key: string;
    readonly size: number;
    readonly reason: string;
  }[];
  readonly withKeys: boolean;
  /** Objects whose bytes or digests do not agree. */
  readonly damaged: number;
}

export interface Approval {
  readonly approver: string;
  readonly jurisdiction: string;
  readonly keyid: string;
  readonly what: string;
  readonly sealed: string;
  /** When it was first counted. */
  readonly at: number;
  readonly until: string;
}

export interface Evidence {
  /** Leaves that the log has now. */
  readonly leaves: number;
  /** The newest head that was signed. */
  readonly head:
    | { readonly root: string; readonly size: number; readonly keyid: string; readonly at: number }
    | undefined;
}

export interface Limit {
  readonly name: string;
  readonly value: string;
  readonly from: string;
}
